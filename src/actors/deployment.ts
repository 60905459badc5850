import type { Operator } from "../contracts/index.ts"
import {
  type ChannelReceiver,
  type ChannelSender,
  createLocalChannel,
  RingReceiver,
  RingSender,
  SharedDoorbell,
} from "../mailbox/index.ts"
import { SubtaskMetrics } from "../observe/index.ts"
import { PassOnOperator, SinkOperator } from "../operators/index.ts"
import {
  type ChannelSpec,
  type Edge,
  edgeName,
  listChannels,
  type PhysicalOperator,
  type PhysicalPlan,
  type Vertex,
  workerOf,
} from "../plan/index.ts"
import { RecordCodec } from "../records/index.ts"
// Not through the folder's index: workers have no use for the coordinator.
import { type BarrierMode, createBarrierHandler } from "../snapshot/barriers/create-barrier-handler.ts"
import type { PartWriter } from "../snapshot/store/index.ts"
import { heapBackend, type StateBackend } from "../state/index.ts"
import { AlignedReader } from "./alignment-board.ts"
import { firstSlotOf } from "./buffers.ts"
import { Chain } from "./chain.ts"
import type { PreparedBySink, SharedBuffers, SubtaskPlace, SubtaskShare } from "./control.ts"
import { createEdgeWriter, type EdgeWriter } from "./edge-writer.ts"
import type { WorkerEnvironment } from "./environment.ts"
import type { ChannelPlace } from "./in-flight.ts"
import { InputGate } from "./input-gate.ts"
import { OutChannel } from "./out-channel.ts"
import { Pressure } from "./pressure.ts"
import type { RestoreTask } from "./restore.ts"
import { SourceReader, type SplitClaim } from "./source-reader.ts"
import { Subtask } from "./subtask.ts"

export interface DeploymentOptions {
  readonly plan: PhysicalPlan
  readonly worker: number
  readonly runId: string
  readonly attempt: number
  readonly buffers: SharedBuffers
  readonly signal: AbortSignal
  now(): number
  /** Epoch ms: what processing time and ingestion time go by. */
  processingTimeMs(): number
  sleep(ms: number): Promise<void>
  wake(): void
  readonly barrierMode: BarrierMode
  /** Whether checkpoints hold changes only, where they can. */
  readonly incremental: boolean
  /** The checkpoint to go on from. */
  readonly restore: RestoreTask | undefined
  /** Loads what reads a checkpoint. */
  restoring: WorkerEnvironment["restoring"]
  requestSplit(vertex: number, subtask: number): void
  /** At most once: see SourceReaderOptions.claim. */
  readonly claim: ((vertex: number, claim: SplitClaim) => Promise<void>) | undefined
  outputCut(place: SubtaskPlace, prepared: PreparedBySink): Promise<void>
  /** Opens where a subtask's keyed state is to live. */
  openBackend(vertex: Vertex, subtask: number): Promise<StateBackend>
  /** Makes the file of a subtask's share of a checkpoint. */
  createPart(checkpointId: number, vertex: Vertex, subtask: number): Promise<PartWriter>
  acknowledge(checkpointId: number, place: SubtaskPlace, share: SubtaskShare): void
  decline(checkpointId: number, place: SubtaskPlace, error: unknown): void
  ended(place: SubtaskPlace, share: SubtaskShare): void
  toMain(operatorId: string, values: readonly unknown[]): Promise<void>
}

/** One worker's share of a job. */
export interface Deployment {
  /** Downstream first: what is consumed makes room for what is produced. */
  readonly subtasks: readonly Subtask[]
  /** Source readers by `vertex:subtask`. */
  readonly readers: ReadonlyMap<string, SourceReader>
}

/** Builds the subtasks that live on one worker and connects them to all others. Sinks' writers are opened here. */
export async function deploy(options: DeploymentOptions): Promise<Deployment> {
  const { plan, worker } = options
  const ends = connect(options)
  const readers = new Map<string, SourceReader>()
  const subtasks: Subtask[] = []
  for (const vertex of [...plan.vertices].reverse()) {
    for (let subtask = 0; subtask < vertex.parallelism; subtask++) {
      if (workerOf(subtask, plan.workers) !== worker) continue
      subtasks.push(await buildSubtask(options, vertex, subtask, ends, readers))
    }
  }
  for (const subtask of subtasks) subtask.open()
  if (options.restore !== undefined) await restore(subtasks, options.restore, options)
  return { subtasks, readers }
}

async function restore(subtasks: readonly Subtask[], task: RestoreTask, options: DeploymentOptions): Promise<void> {
  const { plan } = options
  const { listEnded, openDisk, readInFlight, restoreChain } = await options.restoring()
  const disk = openDisk()
  const ended = listEnded(task, plan)
  for (const subtask of subtasks) {
    const vertex = plan.vertices[subtask.vertex]!
    if (ended.has(`${subtask.vertex}/${subtask.subtask}`)) {
      subtask.skipToEnd()
      continue
    }
    await restoreChain(subtask.chain, task, vertex, subtask.subtask, disk)
    const { input } = subtask
    if (!(input instanceof InputGate)) continue
    const channels = inputsOf(plan, vertex, subtask.subtask)
    input.restore(await readInFlight(task, channels, subtask.subtask, disk))
  }
}

/** The input channels of a subtask, in the order in which its gate has them. */
function inputsOf(plan: PhysicalPlan, vertex: Vertex, subtask: number): { place: ChannelPlace; edge: Edge }[] {
  return listChannels(plan)
    .filter(({ edge, toSubtask }) => edge.to === vertex.index && toSubtask === subtask)
    .map((spec) => ({ place: placeOf(plan, spec), edge: spec.edge }))
}

function placeOf(plan: PhysicalPlan, { edge, fromSubtask, toSubtask }: ChannelSpec): ChannelPlace {
  return {
    consumer: plan.vertices[edge.to]!.id,
    edge: edgeName(plan, edge),
    from: fromSubtask,
    to: toSubtask,
    senders: plan.vertices[edge.from]!.parallelism,
    receivers: plan.vertices[edge.to]!.parallelism,
    exchange: edge.exchange,
  }
}

/** This worker's ends of the channels. */
interface ChannelEnds {
  readonly senders: ReadonlyMap<ChannelSpec, { readonly sender: ChannelSender; readonly local: boolean }>
  readonly receivers: ReadonlyMap<ChannelSpec, ChannelReceiver>
}

function connect({ plan, worker, buffers, wake }: DeploymentOptions): ChannelEnds {
  const senders = new Map<ChannelSpec, { sender: ChannelSender; local: boolean }>()
  const receivers = new Map<ChannelSpec, ChannelReceiver>()
  for (const spec of listChannels(plan)) {
    if (spec.fromWorker === worker && spec.toWorker === worker) {
      const { sender, receiver } = createLocalChannel({
        capacityRecords: buffers.channelCredits,
        wakeReceiver: wake,
        wakeSender: wake,
      })
      senders.set(spec, { sender, local: true })
      receivers.set(spec, receiver)
    } else if (spec.fromWorker === worker) {
      const receiverBell = new SharedDoorbell(buffers.doorbells, spec.toWorker)
      senders.set(spec, {
        sender: new RingSender({ ring: buffers.rings[spec.index]!, codec: new RecordCodec(), receiverBell }),
        local: false,
      })
    } else if (spec.toWorker === worker) {
      const senderBell = new SharedDoorbell(buffers.doorbells, spec.fromWorker)
      receivers.set(spec, new RingReceiver({ ring: buffers.rings[spec.index]!, codec: new RecordCodec(), senderBell }))
    }
  }
  return { senders, receivers }
}

async function buildSubtask(
  options: DeploymentOptions,
  vertex: Vertex,
  subtask: number,
  ends: ChannelEnds,
  readers: Map<string, SourceReader>,
): Promise<Subtask> {
  const { plan } = options
  const metrics = new SubtaskMetrics(options.buffers.metrics, firstSlotOf(plan, vertex.index) + subtask)
  const pressure = new Pressure()
  const writers = buildWriters(plan, vertex, subtask, ends, pressure)
  const outputs = writers.flatMap(({ writer }) => writer.channels)
  metrics.set(
    "credits",
    outputs.reduce((sum, channel) => sum + channel.capacityRecords, 0),
  )
  const operators = await Promise.all(
    vertex.operators.map((operator) => createOperator(operator, options, vertex, subtask)),
  )
  const isKeyed = vertex.operators[0]!.node.inputs.some((input) => input.keyOf !== undefined)
  const chain = new Chain({
    vertex,
    subtask,
    keyGroups: plan.keyGroups,
    trackChanges: options.incremental,
    inexactBarriers: options.barrierMode.kind === "at-least-once",
    backend: isKeyed ? await options.openBackend(vertex, subtask) : heapBackend,
    pressure,
    metrics,
    operators,
    writers,
    now: options.now,
    processingTimeMs: options.processingTimeMs,
    wake: options.wake,
  })
  const head = vertex.operators[0]!
  const place = { vertex: vertex.index, subtask }
  const inputs = [...ends.receivers].filter(([spec]) => spec.edge.to === vertex.index && spec.toSubtask === subtask)
  const { barrierMode } = options
  const overtaking =
    barrierMode.kind === "unaligned" ? { timeoutMs: barrierMode.timeoutMs, now: options.processingTimeMs } : undefined
  const common = {
    ...place,
    chain,
    outputs,
    metrics,
    now: options.now,
    channels: {
      sent: writers.flatMap(({ channels }) => channels),
      received: inputs.map(([spec]) => spec.index),
    },
    keyGroups: plan.keyGroups,
    incremental: options.incremental,
    ...(overtaking === undefined ? {} : { overtaking }),
    wake: options.wake,
    createPart: (checkpointId: number) => options.createPart(checkpointId, vertex, subtask),
    acknowledge: (checkpointId: number, share: SubtaskShare) => options.acknowledge(checkpointId, place, share),
    decline: (checkpointId: number, error: unknown) => options.decline(checkpointId, place, error),
    outputCut: (prepared: PreparedBySink) => options.outputCut(place, prepared),
    ended: (share: SubtaskShare) => options.ended(place, share),
  }
  if (head.node.role.type === "source") {
    const { claim } = options
    const { eventTime } = head.node.role
    const alignment =
      eventTime?.alignment === undefined
        ? undefined
        : new AlignedReader({
            plan,
            memory: options.buffers.alignment,
            doorbells: options.buffers.doorbells,
            vertex: vertex.index,
            subtask,
            maxDriftMs: eventTime.alignment.maxDriftMs,
          })
    const reader = new SourceReader({
      source: head.node.role.source,
      operatorId: head.id,
      subtask,
      parallelism: vertex.parallelism,
      eventTime,
      alignment,
      metrics,
      wallNow: options.processingTimeMs,
      requestSplit: () => options.requestSplit(vertex.index, subtask),
      claim: claim === undefined ? undefined : (piece) => claim(vertex.index, piece),
      goesOn: options.restore !== undefined || (claim !== undefined && options.attempt > 1),
      now: options.now,
      sleep: options.sleep,
      wake: options.wake,
    })
    readers.set(`${vertex.index}:${subtask}`, reader)
    return new Subtask({ ...common, input: reader })
  }
  const barriers = createBarrierHandler(options.barrierMode, inputs.length)
  const gate = new InputGate({
    channels: inputs.map(([, receiver]) => receiver),
    barriers,
    now: options.processingTimeMs,
    ...(overtaking === undefined ? {} : { overtaking: { places: inputs.map(([spec]) => placeOf(plan, spec)) } }),
  })
  return new Subtask({ ...common, input: gate })
}

function buildWriters(
  plan: PhysicalPlan,
  vertex: Vertex,
  subtask: number,
  ends: ChannelEnds,
  pressure: Pressure,
): { operator: number; side: string | undefined; writer: EdgeWriter; channels: readonly number[] }[] {
  return plan.edges
    .filter((edge) => edge.from === vertex.index)
    .map((edge) => {
      const mine = [...ends.senders].filter(([spec]) => spec.edge === edge && spec.fromSubtask === subtask)
      const channels = mine.map(([spec, { sender, local }]) => {
        const producer = { operatorId: vertex.operators[edge.fromOperator]!.id, subtask }
        return new OutChannel(sender, pressure, { checksRecords: local, producer, place: placeOf(plan, spec) })
      })
      const writer = createEdgeWriter({
        exchange: edge.exchange,
        channels,
        pressure,
        subtask,
        keyGroups: plan.keyGroups,
        keyOf: edge.keyOf,
        consumerId: plan.vertices[edge.to]!.id,
      })
      return { operator: edge.fromOperator, side: edge.side, writer, channels: mine.map(([spec]) => spec.index) }
    })
}

async function createOperator(
  operator: PhysicalOperator,
  options: DeploymentOptions,
  vertex: Vertex,
  subtask: number,
): Promise<Operator> {
  const { role } = operator.node
  switch (role.type) {
    case "source":
      return new PassOnOperator()
    case "operator":
      return role.create()
    case "sink": {
      const writer = await role.sink.writer({
        jobName: options.plan.jobName,
        runId: options.runId,
        operatorId: operator.id,
        parallelism: vertex.parallelism,
        subtask,
        attempt: options.attempt,
        signal: options.signal,
        toMain: (values) => options.toMain(operator.id, values),
      })
      return new SinkOperator({ writer })
    }
  }
}

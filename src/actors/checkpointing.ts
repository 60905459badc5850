import type { Committable, Position, Sink, SinkJobContext, Split } from "../contracts/index.ts"
import { EngineError, fromPlainError, type PlainError } from "../errors/index.ts"
import { listChannels, type PhysicalPlan } from "../plan/index.ts"
import {
  type AuditedChannel,
  auditChannels,
  type BarrierMode,
  CheckpointCoordinator,
  type CheckpointPart,
  type CoordinatorAction,
} from "../snapshot/index.ts"
import type { CheckpointStore, Manifest } from "../snapshot/store/index.ts"
import type { SubtaskPlace, SubtaskShare, WorkerControl } from "./control.ts"
import type { Environment } from "./environment.ts"
import type { CompletedCheckpoint } from "./job-handle.ts"
import { type SplitCoordinator, type SplitProgress, unread } from "./split-coordinator.ts"

/** How a job takes checkpoints. Times in ms. */
export interface CheckpointSettings {
  readonly directory: string
  readonly everyMs: number
  readonly timeoutMs: number
  readonly minPauseMs: number
  readonly retain: number
  readonly barrierMode: BarrierMode
  readonly incremental: boolean
  readonly delivery: Delivery
}

/** What is promised of each record's effect. */
export type Delivery = "exactly-once" | "at-least-once" | "at-most-once"

/** A sink of the plan, with what it is called with. */
export interface PlannedSink {
  readonly id: string
  readonly sink: Sink<unknown>
  readonly context: SinkJobContext
}

export interface CheckpointingOptions {
  readonly plan: PhysicalPlan
  readonly store: CheckpointStore
  readonly attempt: number
  readonly settings: CheckpointSettings
  readonly runId: string
  /** By source vertex. */
  readonly splits: ReadonlyMap<number, SplitCoordinator>
  readonly sinks: readonly PlannedSink[]
  readonly environment: Environment
  /** Tells every worker. */
  tellAll<M extends keyof WorkerControl>(method: M, ...args: Parameters<WorkerControl[M]>): void
  /** The attempt cannot go on. */
  fail(error: unknown): void
  /** A checkpoint is complete. */
  onCompleted(checkpoint: CompletedCheckpoint): void
  /** A checkpoint failed, and the job goes on. */
  onFailed(reason: EngineError): void
}

/**
 * The checkpoints of one attempt, in the main thread: does what the coordinator says. Triggers go to the workers; shares come
 * in; the manifest is published; then, and only then, sinks commit and workers are told.
 */
export class Checkpointing {
  readonly #options: CheckpointingOptions
  readonly #coordinator: CheckpointCoordinator<SubtaskShare>
  readonly #channels: readonly AuditedChannel[]
  /** Splits not handed out when a checkpoint was triggered, by checkpoint and source vertex. */
  readonly #waiting = new Map<number, ReadonlyMap<number, readonly SplitProgress[]>>()
  #cancelTimer: () => void = () => undefined
  /** Publishing and committing, one after the other. */
  #work: Promise<void> = Promise.resolve()
  #final: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined
  #stopped = false

  constructor(options: CheckpointingOptions) {
    const { plan, store, settings, attempt } = options
    this.#options = options
    this.#channels = listChannels(plan).map(({ index, edge, fromSubtask, toSubtask }) => ({
      channel: index,
      edge: `${plan.vertices[edge.from]!.id} -> ${plan.vertices[edge.to]!.id}`,
      from: `${plan.vertices[edge.from]!.id}/${fromSubtask}`,
      to: `${plan.vertices[edge.to]!.id}/${toSubtask}`,
    }))
    this.#coordinator = new CheckpointCoordinator({
      subtasks: plan.vertices.flatMap((vertex) =>
        Array.from({ length: vertex.parallelism }, (_, subtask) => ({
          vertex: vertex.id,
          subtask,
          isSource: vertex.operators[0]!.node.role.type === "source",
        })),
      ),
      attempt,
      startedMs: options.environment.now(),
      intervalMs: settings.everyMs,
      timeoutMs: settings.timeoutMs,
      minPauseMs: settings.minPauseMs,
      firstCheckpointId: store.highestId + 1,
    })
  }

  /** Every subtask is up. */
  start(): void {
    this.#schedule()
  }

  acknowledge(checkpointId: number, place: SubtaskPlace, share: SubtaskShare): void {
    const { attempt } = this.#options
    this.#follow(this.#coordinator.onAck({ ...this.#refOf(place), checkpointId, attempt, payload: share }))
  }

  decline(checkpointId: number, place: SubtaskPlace, error: PlainError): void {
    const { attempt, environment } = this.#options
    const reason = fromPlainError(error).message
    this.#follow(
      this.#coordinator.onDecline({ ...this.#refOf(place), checkpointId, attempt, reason, nowMs: environment.now() }),
    )
  }

  subtaskEnded(place: SubtaskPlace, share: SubtaskShare): void {
    const { attempt } = this.#options
    this.#follow(this.#coordinator.onSubtaskFinished({ ...this.#refOf(place), attempt, payload: share }))
  }

  /** All subtasks have ended: takes the last checkpoint, which commits the tail. Resolves when it is committed, rejects when it cannot be. */
  async finish(): Promise<void> {
    const final = new Promise<void>((resolve, reject) => {
      this.#final = { resolve, reject }
    })
    this.#follow(this.#coordinator.requestFinal(this.#options.environment.now()))
    await final
  }

  /** The attempt is over. Resolves when nothing is being published or committed any more: only then may a restore be chosen. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelTimer()
    this.#coordinator.stop()
    await this.#work
  }

  #refOf({ vertex, subtask }: SubtaskPlace): { vertex: string; subtask: number } {
    return { vertex: this.#options.plan.vertices[vertex]!.id, subtask }
  }

  #schedule(): void {
    this.#cancelTimer()
    if (this.#stopped) return
    const deadlineMs = this.#coordinator.nextDeadlineMs()
    if (deadlineMs === Number.POSITIVE_INFINITY) return
    const { environment } = this.#options
    this.#cancelTimer = environment.after(Math.max(0, deadlineMs - environment.now()), () =>
      this.#follow(this.#coordinator.onTick(environment.now())),
    )
  }

  #follow(actions: readonly CoordinatorAction<SubtaskShare>[]): void {
    for (const action of actions) this.#act(action)
    this.#schedule()
  }

  #act(action: CoordinatorAction<SubtaskShare>): void {
    const { tellAll, fail, onFailed, environment } = this.#options
    switch (action.type) {
      case "trigger": {
        const { checkpointId, kind } = action
        // As it stands now: what is handed out from here on is no part of the checkpoint.
        this.#waiting.set(checkpointId, new Map([...this.#options.splits].map(([v, s]) => [v, s.waiting])))
        // On the clock that workers have too.
        const bornMs = environment.wallClock()
        tellAll("trigger", { checkpointId, bornMs, ...(kind === "savepoint" ? { savepoint: true } : {}) })
        return
      }
      case "publish":
        this.#later(() => this.#publish(action.checkpointId, action.acks))
        return
      case "complete":
        this.#later(() => this.#commit(action.checkpointId, action.kind === "final"))
        return
      case "abort":
        this.#waiting.delete(action.checkpointId)
        tellAll("checkpointAborted", action.checkpointId)
        onFailed(action.reason)
        return
      case "fail":
        fail(action.reason)
        return
    }
  }

  #later(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      this.#options.fail(error)
      // After the last subtask's end nobody else is there to hear of it.
      this.#final?.reject(error)
    })
  }

  async #publish(checkpointId: number, acks: readonly CheckpointPart<SubtaskShare>[]): Promise<void> {
    const { store, environment, settings } = this.#options
    const counts = acks.map(({ payload }) => payload.counts)
    const mode = settings.barrierMode.kind === "at-least-once" ? "at-least-once" : "exactly-once"
    const difference = auditChannels(checkpointId, this.#channels, counts, mode)
    if (difference !== undefined) throw difference
    const manifest = this.#manifestOf(checkpointId, acks)
    this.#waiting.delete(checkpointId)
    try {
      await store.begin({ checkpointId, attempt: manifest.attempt, kind: "checkpoint" })
      await store.publish(manifest)
    } catch (error) {
      if (error instanceof EngineError && error.code === "CHECKPOINT_WRITE_FAILED") {
        this.#follow(this.#coordinator.onPublishFailed({ checkpointId, error, nowMs: environment.now() }))
        return
      }
      throw error
    }
    const sizeBytes = acks.reduce((sum, { payload }) => sum + payload.written, 0)
    this.#published = manifest
    this.#follow(this.#coordinator.onPublished({ checkpointId, sizeBytes, nowMs: environment.now() }))
  }

  #published: Manifest | undefined

  async #commit(checkpointId: number, final: boolean): Promise<void> {
    const { store, sinks, tellAll, onCompleted, environment } = this.#options
    await commitOf(this.#published!, sinks, final)
    await store.markCommitted(checkpointId)
    tellAll("checkpointCompleted", checkpointId)
    onCompleted({
      checkpointId,
      durationMs: this.#coordinator.statistics.lastDurationMs!,
      sizeBytes: this.#coordinator.statistics.lastSizeBytes!,
      completedAtMs: environment.wallClock(),
    })
    if (final) this.#final?.resolve()
  }

  #manifestOf(checkpointId: number, acks: readonly CheckpointPart<SubtaskShare>[]): Manifest {
    const { plan, attempt, runId, sinks, environment } = this.#options
    const waiting = this.#waiting.get(checkpointId)!
    const operators = plan.vertices.flatMap((vertex) =>
      vertex.operators.map(({ id, kind }) => ({ operatorId: id, kind, parallelism: vertex.parallelism })),
    )
    return {
      jobName: plan.jobName,
      runId,
      checkpointId,
      attempt,
      createdAtMs: environment.wallClock(),
      kind: "checkpoint",
      plan: { keyGroups: plan.keyGroups, operators },
      subtasks: acks.map(({ vertex, subtask, payload, finished }) => ({
        vertexId: vertex,
        subtask,
        finished,
        parts: payload.parts,
      })),
      sources: [...waiting].map(([vertex, progress]) => {
        const operatorId = plan.vertices[vertex]!.id
        const reading = acks
          .filter((ack) => ack.vertex === operatorId && ack.payload.progress !== undefined)
          .map(({ subtask, payload }) => assignedOf(payload.progress!, subtask))
        // Splits that a restore put back into the queue with what was read of them.
        const begun = progress.filter(isBegun).map((each) => assignedOf(each, 0))
        return {
          operatorId,
          assigned: [...reading, ...begun],
          remaining: progress.filter((each) => !isBegun(each)).map(({ split }) => split as ManifestSplit),
        }
      }),
      watermarks: plan.vertices.map(({ id }) => ({
        operatorId: id,
        watermarkMs: Math.min(...acks.filter((ack) => ack.vertex === id).map((ack) => ack.payload.watermarkMs)),
      })),
      committables: sinks.map(({ id }) => ({
        operatorId: id,
        committables: acks.flatMap(({ payload }) => payload.prepared[id] ?? []),
      })),
      audit: this.#auditOf(acks),
    }
  }

  #auditOf(acks: readonly CheckpointPart<SubtaskShare>[]): Manifest["audit"] {
    const sent = new Map(acks.flatMap(({ payload }) => payload.counts.sent.map((each) => [each.channel, each.records])))
    const received = new Map(acks.flatMap(({ payload }) => payload.counts.received.map((each) => [each.channel, each])))
    return this.#channels.map((channel) => {
      const records = sent.get(channel.channel)!
      const { records: delivered, saved } = received.get(channel.channel)!
      // Saved by either end. At least once a receiver may be ahead of the barrier.
      return { ...channel, sent: records, received: delivered, saved: Math.max(saved, records - delivered) }
    })
  }
}

type ManifestSource = Manifest["sources"][number]
type ManifestSplit = ManifestSource["remaining"][number]

/**
 * Commits what a manifest lists. May be called again with the same manifest: sinks then change nothing.
 *
 * @throws {EngineError} CHECKPOINT_SINK_MISSING when it lists output of a sink that is not there
 */
export async function commitOf(manifest: Manifest, sinks: readonly PlannedSink[], final: boolean): Promise<void> {
  for (const { operatorId, committables } of manifest.committables) {
    if (committables.length === 0 || sinks.some(({ id }) => id === operatorId)) continue
    throw new EngineError(
      "CHECKPOINT_SINK_MISSING",
      `Cannot go on from checkpoint ${manifest.checkpointId}: output of sink "${operatorId}" waits to be committed, and the pipeline has no such sink any more; put it back until one more checkpoint is complete, or start anew in another checkpoint directory`,
      { details: { checkpointId: manifest.checkpointId, operator: operatorId } },
    )
  }
  for (const { id, sink, context } of sinks) {
    const listed = manifest.committables.find(({ operatorId }) => operatorId === id)
    await sink.commit?.((listed?.committables ?? []) as readonly Committable[], { ...context, final })
  }
}

/** The splits of a source as a manifest has them: those that were being read first. */
export function progressOf(manifest: Manifest, operatorId: string): readonly SplitProgress[] | undefined {
  const source = manifest.sources.find((each) => each.operatorId === operatorId)
  if (source === undefined) return undefined
  const assigned = source.assigned.map(({ id, data, position, skip }): SplitProgress => {
    const { from, newestMs, generator } = position as unknown as SplitPosition
    return {
      split: { id, data },
      from: from === "$start" ? undefined : from,
      skip,
      newestMs: newestMs ?? Number.NEGATIVE_INFINITY,
      ...(generator === undefined
        ? {}
        : { generator: { ...generator, watermarkMs: generator.watermarkMs ?? Number.NEGATIVE_INFINITY } }),
    }
  })
  return [...assigned, ...source.remaining.map(({ id, data }) => unread({ id, data } as Split))]
}

/** As a manifest has it: JSON, where null stands for -Infinity. */
interface SplitPosition {
  readonly from: Position | "$start"
  readonly newestMs: number | null
  readonly generator?: { readonly watermarkMs: number | null; readonly state?: unknown }
}

function assignedOf(
  { split, from, skip, newestMs, generator }: SplitProgress,
  subtask: number,
): ManifestSource["assigned"][number] {
  const position: SplitPosition = {
    from: from === undefined ? "$start" : from,
    newestMs: finiteOrNull(newestMs),
    ...(generator === undefined
      ? {}
      : { generator: { ...generator, watermarkMs: finiteOrNull(generator.watermarkMs) } }),
  }
  return { ...(split as ManifestSplit), subtask, position: position as unknown as Position, skip }
}

function finiteOrNull(ms: number): number | null {
  return ms === Number.NEGATIVE_INFINITY ? null : ms
}

function isBegun({ from, skip }: SplitProgress): boolean {
  return from !== undefined || skip > 0
}

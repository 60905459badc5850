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
import {
  type CheckpointStore,
  checkSavepointDirectory,
  type Disk,
  type Manifest,
  markSavepointCommitted,
  publishSavepoint,
} from "../snapshot/store/index.ts"
import { isKeyed, schemasOf } from "./compatibility.ts"
import type { PartTarget, SubtaskPlace, SubtaskShare, WorkerControl } from "./control.ts"
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
  /** Whether a start may leave state behind that the pipeline no longer asks for. */
  readonly allowDroppedState?: boolean
  /** Default: what the barrier mode says. */
  readonly delivery?: Delivery
}

/** What is promised of each record's effect. */
export type Delivery = "exactly-once" | "at-least-once" | "at-most-once"

/** A sink of the plan, with what it is called with. */
export interface PlannedSink {
  readonly id: string
  readonly sink: Sink<unknown>
  readonly context: SinkJobContext
}

/** A savepoint, or a checkpoint that somebody waits for. */
export interface SavepointRequest {
  /** `savepoint`: kept until the user removes it. `checkpoint`: the store's own. */
  readonly kind: Manifest["kind"]
  /** A directory of the user's that becomes the savepoint. Undefined: among the store's. */
  readonly directory: string | undefined
  /** Sources read nothing behind it. */
  readonly last: boolean
  /** What goes on from it has this parallelism. */
  readonly rescaled?: Manifest["rescaled"]
  /** Called when it is published and committed: before the answer. */
  onTaken?(taken: TakenSavepoint): void
}

export interface TakenSavepoint {
  readonly manifest: Manifest
  /** Where its parts are. */
  readonly directory: string
  readonly durationMs: number
  readonly sizeBytes: number
}

/** What is put into every manifest of a run. */
export type RunFacts = Pick<Manifest, "runId" | "origin" | "rescaled">

export interface CheckpointingOptions {
  readonly plan: PhysicalPlan
  /** Undefined: no checkpoints but savepoints in directories of the user's. */
  readonly store: CheckpointStore | undefined
  readonly openDisk: () => Disk
  readonly attempt: number
  readonly settings: Omit<CheckpointSettings, "directory" | "retain" | "incremental">
  readonly firstCheckpointId: number
  readonly run: RunFacts
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
  /** In the order of asking. */
  readonly #asked: Asked[] = []
  /** The savepoint under way. */
  #taking: Asked | undefined

  constructor(options: CheckpointingOptions) {
    const { plan, settings, attempt } = options
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
      firstCheckpointId: options.firstCheckpointId,
    })
  }

  /** Every subtask is up. */
  start(): void {
    this.#schedule()
  }

  acknowledge(checkpointId: number, place: SubtaskPlace, share: SubtaskShare): void {
    const { attempt } = this.#options
    if (!this.#standAlone.has(checkpointId)) this.#discardSuperseded(place, share)
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

  /**
   * Takes a savepoint, after those that were asked for before.
   *
   * @throws {EngineError} SAVEPOINT_DIRECTORY_TAKEN, SAVEPOINT_FAILED: the job goes on
   */
  async savepoint(request: SavepointRequest): Promise<TakenSavepoint> {
    const { environment, openDisk } = this.#options
    if (request.directory !== undefined) await checkSavepointDirectory(openDisk(), request.directory)
    if (this.#stopped) throw savepointFailed("the job, or this attempt of it, ended before")
    return new Promise((resolve, reject) => {
      this.#asked.push({ request, resolve, reject })
      this.#follow(this.#coordinator.requestSavepoint(environment.now(), { last: request.last }))
    })
  }

  /** The attempt is over. Resolves when nothing is being published or committed any more: only then may a restore be chosen. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelTimer()
    this.#coordinator.stop()
    // What is being published is committed then: one piece of work makes another.
    for (let awaited: Promise<void> | undefined; awaited !== this.#work; ) {
      awaited = this.#work
      await awaited
    }
    for (const { reject } of [...(this.#taking === undefined ? [] : [this.#taking]), ...this.#asked.splice(0)])
      reject(savepointFailed("the job, or this attempt of it, ended before"))
    this.#taking = undefined
  }

  /**
   * What a subtask names no more goes, unless a published checkpoint has it: checkpoints that fail again and again must not
   * fill the disk. Its acknowledgements come in order, so whatever it named before is superseded by this one.
   */
  #discardSuperseded({ vertex, subtask }: SubtaskPlace, { parts }: SubtaskShare): void {
    const key = `${vertex}/${subtask}`
    const named = parts.map(({ file }) => file)
    const superseded = (this.#acknowledged.get(key) ?? []).filter((file) => !named.includes(file))
    this.#acknowledged.set(key, named)
    const { store } = this.#options
    if (superseded.length > 0 && store !== undefined) this.#later(() => store.discardParts(superseded))
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
        const { checkpointId, kind, last } = action
        this.#taking = kind === "savepoint" ? this.#asked.shift()! : undefined
        if (this.#taking !== undefined) this.#standAlone.add(checkpointId)
        // As it stands now: what is handed out from here on is no part of the checkpoint.
        this.#waiting.set(checkpointId, new Map([...this.#options.splits].map(([v, s]) => [v, s.waiting])))
        // On the clock that workers have too.
        const bornMs = environment.wallClock()
        if (this.#taking === undefined) tellAll("trigger", { checkpointId, bornMs })
        else tellAll("trigger", { checkpointId, bornMs, savepoint: true, last }, this.#targetOf(checkpointId))
        return
      }
      case "publish":
        this.#later(() => this.#publish(action.checkpointId, action.acks))
        return
      case "complete":
        this.#complete(action)
        return
      case "abort":
        this.#waiting.delete(action.checkpointId)
        tellAll("checkpointAborted", action.checkpointId)
        if (action.kind !== "savepoint") {
          onFailed(action.reason)
          return
        }
        this.#taking?.reject(savepointFailed(action.reason.message, action.reason))
        this.#taking = undefined
        return
      case "fail":
        fail(action.reason)
        return
    }
  }

  #complete({ checkpointId, kind }: Extract<CoordinatorAction<SubtaskShare>, { type: "complete" }>): void {
    const taking = this.#taking
    // Another one may be triggered before this one is committed.
    this.#taking = undefined
    if (taking === undefined) {
      this.#later(() => this.#commit(checkpointId, kind === "final"))
      return
    }
    this.#later(async () => {
      try {
        await this.#endSavepoint(checkpointId, taking)
      } catch (error) {
        taking.reject(savepointFailed(error instanceof Error ? error.message : String(error), error))
        throw error
      }
    })
  }

  #later(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      this.#options.fail(error)
      // After the last subtask's end nobody else is there to hear of it.
      this.#final?.reject(error)
    })
  }

  async #publish(checkpointId: number, acks: readonly CheckpointPart<SubtaskShare>[]): Promise<void> {
    const { environment, settings } = this.#options
    const counts = acks.map(({ payload }) => payload.counts)
    const mode = settings.barrierMode.kind === "at-least-once" ? "at-least-once" : "exactly-once"
    const difference = auditChannels(checkpointId, this.#channels, counts, mode)
    if (difference !== undefined) throw difference
    const manifest = this.#manifestOf(checkpointId, acks)
    this.#waiting.delete(checkpointId)
    try {
      await this.#write(manifest)
    } catch (error) {
      // Nothing is built on a savepoint that stands elsewhere: what became of it is its asker's business.
      const elsewhere = this.#taking?.request.directory !== undefined
      const isHarmless = error instanceof EngineError && (elsewhere || error.code === "CHECKPOINT_WRITE_FAILED")
      if (isHarmless && error.code !== "CHECKPOINT_FENCED" && error.code !== "CHECKPOINT_LOCK_LOST") {
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
  /** Savepoints: their parts are in no subtask's chain, and say nothing of it. */
  readonly #standAlone = new Set<number>()
  /** Parts that each subtask named last. */
  readonly #acknowledged = new Map<string, readonly string[]>()

  async #write(manifest: Manifest): Promise<void> {
    const { store, openDisk } = this.#options
    const directory = this.#taking?.request.directory
    if (directory === undefined) {
      await store!.begin(manifest)
      await store!.publish(manifest)
    } else if (store === undefined) await publishSavepoint(openDisk(), directory, manifest, undefined)
    else await store.publishElsewhere(manifest, directory)
  }

  /** A savepoint is published: sinks commit what it lists, as for any checkpoint. Whoever asked is told. */
  async #endSavepoint(checkpointId: number, { request, resolve }: Asked): Promise<void> {
    const { store, sinks, openDisk, tellAll } = this.#options
    const manifest = this.#published!
    const name = { checkpointId, attempt: manifest.attempt }
    const directory =
      request.directory ?? (request.kind === "savepoint" ? store!.savepointDirectory(name).published : store!.folder)
    // The store must know of it first: after a crash in between the job would go on from before it, and repeat what was committed.
    if (request.directory !== undefined) await store?.decideElsewhere(checkpointId, request.directory)
    await commitOf(manifest, sinks, false)
    if (request.directory === undefined) await store!.markCommitted(checkpointId)
    if (request.kind === "savepoint") await markSavepointCommitted(openDisk(), directory)
    tellAll("checkpointCompleted", checkpointId)
    const { lastDurationMs, lastSizeBytes } = this.#coordinator.statistics
    const taken = { manifest, directory, durationMs: lastDurationMs!, sizeBytes: lastSizeBytes! }
    request.onTaken?.(taken)
    resolve(taken)
    // With a last savepoint nothing is left to do, also when all subtasks had ended before it.
    if (request.last) this.#final?.resolve()
  }

  /** Where workers write the parts of the savepoint under way; undefined: where those of checkpoints are. */
  #targetOf(checkpointId: number): PartTarget | undefined {
    const { store, attempt } = this.#options
    const { kind, directory } = this.#taking!.request
    if (directory !== undefined) return { directory, attempt }
    if (kind === "checkpoint") return undefined
    return { directory: store!.savepointDirectory({ checkpointId, attempt }).writing, attempt }
  }

  async #commit(checkpointId: number, final: boolean): Promise<void> {
    const { store, sinks, tellAll, onCompleted, environment } = this.#options
    await commitOf(this.#published!, sinks, final)
    await store!.markCommitted(checkpointId)
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
    const { plan, attempt, run, sinks, environment, settings } = this.#options
    // At least once a subtask may be ahead of its barrier: it has seen records that come again, and that others have not.
    const isExact = settings.barrierMode.kind !== "at-least-once"
    const waiting = this.#waiting.get(checkpointId)!
    const operators = plan.vertices.flatMap((vertex) =>
      vertex.operators.map((operator) => {
        const { id, kind } = operator
        const states = schemasOf(operator).map(({ name, version }) => ({ name, version }))
        return {
          operatorId: id,
          kind,
          parallelism: vertex.parallelism,
          ...(isKeyed(operator) ? { keyed: true } : {}),
          ...(states.length > 0 ? { states } : {}),
        }
      }),
    )
    return {
      jobName: plan.jobName,
      ...run,
      ...(this.#taking?.request.rescaled === undefined ? {} : { rescaled: this.#taking.request.rescaled }),
      checkpointId,
      attempt,
      createdAtMs: environment.wallClock(),
      kind: this.#taking?.request.kind ?? "checkpoint",
      plan: { keyGroups: plan.keyGroups, operators },
      subtasks: acks.map(({ vertex, subtask, payload, finished }) => ({
        vertexId: vertex,
        subtask,
        finished,
        watermarkMs: isExact ? payload.reachedMs : Number.NEGATIVE_INFINITY,
        parts: payload.parts,
      })),
      sources: [...waiting].map(([vertex, progress]) => {
        const operatorId = plan.vertices[vertex]!.id
        const reading = acks
          .filter((ack) => ack.vertex === operatorId)
          .flatMap(({ subtask, payload }) => payload.progress.map((each) => assignedOf(each, subtask)))
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

/** Somebody who waits for a savepoint. */
interface Asked {
  readonly request: SavepointRequest
  resolve(taken: TakenSavepoint): void
  reject(error: unknown): void
}

function savepointFailed(reason: string, cause?: unknown): EngineError {
  return new EngineError("SAVEPOINT_FAILED", `Cannot take the savepoint: ${reason}`, {
    retriable: true,
    ...(cause === undefined ? {} : { cause }),
  })
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

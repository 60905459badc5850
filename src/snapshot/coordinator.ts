import { EngineError, invariant } from "../errors/index.ts"

const Phase = {
  /** Nothing is in progress: waits for the next one to be due, or asked for. */
  IDLE: "idle",
  /** Triggered: waits for each subtask's acknowledgement or end, a decline, or the timeout. */
  COLLECTING: "collecting",
  /** Every part is there: waits for the manifest to be durable, or to have failed. No timeout here: the outcome must be known. */
  PUBLISHING: "publishing",
  /** As PUBLISHING, and nothing begins after it. */
  STOPPING: "stopping",
  /** Over: nothing begins any more. */
  STOPPED: "stopped",
} as const
export type CoordinatorPhase = (typeof Phase)[keyof typeof Phase]

/** `periodic`: the engine's own. `savepoint`: asked for, kept, aligned. `final`: the last one, at the end of input. */
export type CheckpointKind = "periodic" | "savepoint" | "final"

/** One subtask of the plan. */
export interface SubtaskRef {
  /** The vertex's id. */
  readonly vertex: string
  readonly subtask: number
}

/** One subtask's share of a checkpoint. */
export interface CheckpointPart<P> extends SubtaskRef {
  readonly payload: P
  /**
   * True when the subtask had ended before its barrier: this is its final state. It is part of every later checkpoint as
   * well, with everything its sinks prepared, so whoever commits must not mind committing it again.
   */
  readonly finished: boolean
}

/** What the supervisor is to do, in the order of the list. */
export type CoordinatorAction<P> =
  /** Tell these sources to put the barrier between two records. `sources`: those that have not finished; may be empty. */
  | {
      readonly type: "trigger"
      readonly checkpointId: number
      readonly bornMs: number
      readonly kind: CheckpointKind
      readonly sources: readonly SubtaskRef[]
      /** Nothing may be read behind its barrier, unless it is aborted. */
      readonly last: boolean
    }
  /** All parts are there, in the order of the plan: check the audit, write the manifest, answer by `onPublished` or `onPublishFailed`. */
  | {
      readonly type: "publish"
      readonly checkpointId: number
      readonly kind: CheckpointKind
      readonly acks: readonly CheckpointPart<P>[]
    }
  /** The manifest is durable: sinks commit what it lists, and every subtask is told (OUT-2). */
  | { readonly type: "complete"; readonly checkpointId: number; readonly kind: CheckpointKind }
  /** Given up before it was published: tell every subtask, and remove its files. */
  | {
      readonly type: "abort"
      readonly checkpointId: number
      readonly kind: CheckpointKind
      readonly reason: EngineError
    }
  /** More checkpoints in a row failed than the user tolerates: the job fails for this reason. The coordinator is stopped. */
  | { readonly type: "fail"; readonly reason: EngineError }

export interface CheckpointCoordinatorOptions {
  /** Every subtask of the plan: at least one. */
  readonly subtasks: readonly (SubtaskRef & { readonly isSource: boolean })[]
  /** Which run of the job between two restarts this is. Messages of other attempts are ignored (RST-4). */
  readonly attempt: number
  /** The clock now. The first interval counts from here. Any clock that the `nowMs` of events is from. */
  readonly startedMs: number
  /** From the start of a periodic checkpoint to that of the next: > 0, Infinity for none at all. */
  readonly intervalMs: number
  /** How long the parts may take to come in. Default: 10 minutes. */
  readonly timeoutMs?: number
  /** At least so long from the end of any checkpoint to the start of a periodic one. Default: 0. */
  readonly minPauseMs?: number
  /** How many checkpoints in a row may fail before the job does. Savepoints do not count: who asked is told. Default: Infinity. */
  readonly tolerableFailures?: number
  /** Id of the first checkpoint: greater than any of earlier attempts. Default: 1. */
  readonly firstCheckpointId?: number
}

export interface CheckpointStatistics {
  readonly completed: number
  readonly failed: number
  /** Periodic and final ones that failed since the last one that completed. */
  readonly failedInARow: number
  readonly lastCompletedId: number | undefined
  /** From trigger to published. */
  readonly lastDurationMs: number | undefined
  readonly lastSizeBytes: number | undefined
}

export interface CheckpointProgress {
  readonly phase: CoordinatorPhase
  readonly checkpointId: number | undefined
  readonly kind: CheckpointKind | undefined
  readonly startedMs: number | undefined
  /** Subtasks that have neither acknowledged nor ended. */
  readonly missing: readonly SubtaskRef[]
}

const DEFAULT_TIMEOUT_MS = 10 * 60_000
/** Pause before a failed final checkpoint is tried again, if the minimum pause is shorter: a full disk is not asked in a loop. */
const FINAL_RETRY_MS = 1_000
/** Subtasks named in a message. */
const NAMED_MISSING = 5

interface Current<P> {
  readonly checkpointId: number
  readonly kind: CheckpointKind
  /** Nothing follows it once it is published. */
  readonly last: boolean
  readonly startedMs: number
  readonly acks: Map<string, P>
  /** Subtasks that have neither acknowledged nor ended. */
  readonly missing: Set<string>
}

/**
 * Runs the checkpoints of one attempt of a job, one at a time: triggers, gathers the subtasks' parts, has them published,
 * says when they are complete. Pure: an event in, actions out.
 *
 * Promises
 * - One checkpoint at a time; ids strictly increase. None begins while another is being published.
 * - `publish` holds one part for every subtask of the plan, all of this checkpoint and attempt (CUT-6, RST-4). A subtask
 *   that ended without having acknowledged takes part with its final state, so a source that ends between trigger and
 *   barrier holds nothing up (BAR-3).
 * - `complete` comes only after `onPublished`, and exactly then, also after `stop` (OUT-2).
 * - Every `trigger` is followed by exactly one of `complete` and `abort`, if publishing ends.
 * - A failed checkpoint is not a failed job, unless `tolerableFailures` says so.
 *
 * Needs of its surroundings
 * - Messages of one subtask arrive in the order sent: an acknowledgement before the end that follows it.
 * - A subtask whose inputs have all ended gets no barrier any more: the checkpoint under way waits for its end.
 * - After a failure of the attempt: `stop`, wait for a publish in progress, and only then choose what to restore. The next
 *   attempt has a coordinator of its own, with `nextCheckpointId`.
 *
 * Order of claims when none is in progress: savepoint, then final, then periodic. Every savepoint that was asked for is a
 * checkpoint of its own, in the order of asking. Once the final one is asked for, no periodic one begins; if it fails, it is tried again.
 * O(subtasks) per checkpoint.
 */
export class CheckpointCoordinator<P> {
  readonly #subtasks: readonly (SubtaskRef & { readonly isSource: boolean })[]
  readonly #known: ReadonlySet<string>
  readonly #attempt: number
  readonly #intervalMs: number
  readonly #timeoutMs: number
  readonly #minPauseMs: number
  readonly #tolerableFailures: number
  /** Final states of the subtasks that have ended. */
  readonly #finals = new Map<string, P>()
  #phase: CoordinatorPhase = Phase.IDLE
  /** The one in progress: there is one exactly in COLLECTING, PUBLISHING and STOPPING. */
  #current: Current<P> | undefined
  #nextId: number
  #periodicDueMs: number
  /** Savepoints asked for and not begun: whether each is to be the last checkpoint. Bounded by who asks. */
  readonly #savepoints: boolean[] = []
  #finalAsked = false
  /** Later than now only after a final checkpoint has failed. */
  #finalDueMs = Number.NEGATIVE_INFINITY
  #completed = 0
  #failed = 0
  #failedInARow = 0
  #lastCompletedId: number | undefined
  #lastDurationMs: number | undefined
  #lastSizeBytes: number | undefined

  constructor(options: CheckpointCoordinatorOptions) {
    invariant(options.subtasks.length > 0, "a checkpoint coordinator for a plan without subtasks was asked for")
    invariant(options.intervalMs > 0, () => `a checkpoint interval of ${options.intervalMs} ms was asked for`)
    this.#subtasks = options.subtasks
    this.#known = new Set(options.subtasks.map(keyOf))
    this.#attempt = options.attempt
    this.#intervalMs = options.intervalMs
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    this.#minPauseMs = options.minPauseMs ?? 0
    this.#tolerableFailures = options.tolerableFailures ?? Number.POSITIVE_INFINITY
    this.#nextId = options.firstCheckpointId ?? 1
    this.#periodicDueMs = options.startedMs + options.intervalMs
  }

  /** The id that the next checkpoint would have: give it to the next attempt. */
  get nextCheckpointId(): number {
    return this.#nextId
  }

  get statistics(): CheckpointStatistics {
    return {
      completed: this.#completed,
      failed: this.#failed,
      failedInARow: this.#failedInARow,
      lastCompletedId: this.#lastCompletedId,
      lastDurationMs: this.#lastDurationMs,
      lastSizeBytes: this.#lastSizeBytes,
    }
  }

  get progress(): CheckpointProgress {
    const current = this.#current
    return {
      phase: this.#phase,
      checkpointId: current?.checkpointId,
      kind: current?.kind,
      startedMs: current?.startedMs,
      missing: this.#subtasks
        .filter((ref) => current?.missing.has(keyOf(ref)))
        .map(({ vertex, subtask }) => ({ vertex, subtask })),
    }
  }

  /** When `onTick` may have an effect, unless another event comes before; Infinity for never. */
  nextDeadlineMs(): number {
    switch (this.#phase) {
      case Phase.IDLE:
        return Math.min(
          this.#savepoints.length > 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY,
          this.#finalAsked ? this.#finalDueMs : Number.POSITIVE_INFINITY,
          this.#mayBePeriodic() ? this.#periodicDueMs : Number.POSITIVE_INFINITY,
        )
      case Phase.COLLECTING:
        return this.#current!.startedMs + this.#timeoutMs
      case Phase.PUBLISHING:
      case Phase.STOPPING:
      case Phase.STOPPED:
        return Number.POSITIVE_INFINITY
    }
  }

  onTick(nowMs: number): readonly CoordinatorAction<P>[] {
    const actions: CoordinatorAction<P>[] = []
    switch (this.#phase) {
      case Phase.COLLECTING:
        if (nowMs - this.#current!.startedMs >= this.#timeoutMs) this.#abort(this.#timedOut(), nowMs, actions)
        break
      case Phase.IDLE:
      case Phase.PUBLISHING:
      case Phase.STOPPING:
      case Phase.STOPPED:
        break
    }
    this.#beginDue(nowMs, actions)
    return actions
  }

  /** A subtask's part is written. Ignored when it is of another attempt, of a checkpoint that is over, or came before. */
  onAck(
    ack: SubtaskRef & { readonly checkpointId: number; readonly attempt: number; readonly payload: P },
  ): readonly CoordinatorAction<P>[] {
    const actions: CoordinatorAction<P>[] = []
    if (!this.#isCollecting(ack)) return actions
    const { acks, missing } = this.#current!
    const key = this.#keyOf(ack)
    if (acks.has(key)) return actions
    acks.set(key, ack.payload)
    missing.delete(key)
    this.#publishIfWhole(actions)
    return actions
  }

  /** A subtask could not take its part: the checkpoint has failed. Ignored as an ack would be. */
  onDecline(
    decline: SubtaskRef & {
      readonly checkpointId: number
      readonly attempt: number
      readonly reason: string
      readonly nowMs: number
    },
  ): readonly CoordinatorAction<P>[] {
    const actions: CoordinatorAction<P>[] = []
    if (!this.#isCollecting(decline)) return actions
    const { checkpointId, vertex, subtask, reason, nowMs } = decline
    this.#keyOf(decline)
    this.#abort(
      new EngineError(
        "CHECKPOINT_DECLINED",
        `Cannot complete checkpoint ${checkpointId}: ${vertex}/${subtask} could not take its part: ${reason}; the next checkpoint is tried as usual`,
        { retriable: true, details: { checkpointId, vertex, subtask, reason } },
      ),
      nowMs,
      actions,
    )
    this.#beginDue(nowMs, actions)
    return actions
  }

  /**
   * A subtask has come to its end, after its input's; `payload` is its final state, written and durable. It stands in for
   * the part of every checkpoint that the subtask has not acknowledged. Ignored when of another attempt, or said before.
   */
  onSubtaskFinished(
    end: SubtaskRef & { readonly attempt: number; readonly payload: P },
  ): readonly CoordinatorAction<P>[] {
    const actions: CoordinatorAction<P>[] = []
    if (end.attempt !== this.#attempt) return actions
    const key = this.#keyOf(end)
    if (this.#finals.has(key)) return actions
    this.#finals.set(key, end.payload)
    if (this.#phase !== Phase.COLLECTING) return actions
    this.#current!.missing.delete(key)
    this.#publishIfWhole(actions)
    return actions
  }

  /**
   * Asks for a savepoint: begun as soon as nothing is in progress, whatever the minimum pause. Ignored once stopping.
   *
   * @param options.last when it is published, the coordinator is stopped; when it fails, all goes on as before
   */
  requestSavepoint(nowMs: number, { last = false }: { readonly last?: boolean } = {}): readonly CoordinatorAction<P>[] {
    const actions: CoordinatorAction<P>[] = []
    this.#savepoints.push(last)
    this.#beginDue(nowMs, actions)
    return actions
  }

  /**
   * Asks for the last checkpoint. When it is complete, the coordinator is stopped. Subtasks may have finished before, all
   * of them too: then nothing is triggered but the publishing.
   */
  requestFinal(nowMs: number): readonly CoordinatorAction<P>[] {
    const actions: CoordinatorAction<P>[] = []
    this.#finalAsked = true
    this.#beginDue(nowMs, actions)
    return actions
  }

  onPublished(published: {
    readonly checkpointId: number
    /** Of the manifest and the files it names. */
    readonly sizeBytes: number
    readonly nowMs: number
  }): readonly CoordinatorAction<P>[] {
    const actions: CoordinatorAction<P>[] = []
    const current = this.#takePublishing(published.checkpointId)
    const { checkpointId, kind } = current
    this.#completed += 1
    if (kind !== "savepoint") this.#failedInARow = 0
    this.#lastCompletedId = checkpointId
    this.#lastDurationMs = published.nowMs - current.startedMs
    this.#lastSizeBytes = published.sizeBytes
    if (kind === "final" || current.last) this.#phase = Phase.STOPPED
    actions.push({ type: "complete", checkpointId, kind })
    this.#pause(published.nowMs)
    this.#beginDue(published.nowMs, actions)
    return actions
  }

  /**
   * The manifest was not written, and no restore will ever find it. When that is not certain, this is not the event: fail
   * the attempt, and let the restore find out what was decided (OUT-5).
   */
  onPublishFailed(failed: {
    readonly checkpointId: number
    readonly error: unknown
    readonly nowMs: number
  }): readonly CoordinatorAction<P>[] {
    const actions: CoordinatorAction<P>[] = []
    const current = this.#takePublishing(failed.checkpointId)
    const { error, checkpointId, nowMs } = failed
    this.#failedWith(
      current,
      new EngineError(
        "CHECKPOINT_PUBLISH_FAILED",
        `Cannot publish checkpoint ${checkpointId}: ${error instanceof Error ? error.message : String(error)}; see that the checkpoint folder is there, writable and not full`,
        { cause: error, retriable: true, details: { checkpointId } },
      ),
      nowMs,
      actions,
    )
    this.#pause(nowMs)
    this.#beginDue(nowMs, actions)
    return actions
  }

  /** Nothing begins any more. One that gathers parts is aborted, which counts as no failure; one being published comes to its end. */
  stop(): readonly CoordinatorAction<P>[] {
    const actions: CoordinatorAction<P>[] = []
    switch (this.#phase) {
      case Phase.COLLECTING: {
        const { checkpointId, kind } = this.#current!
        const text = `Cannot complete checkpoint ${checkpointId}: checkpointing was stopped; nothing is to be done`
        const reason = new EngineError("CHECKPOINT_STOPPED", text, { retriable: true, details: { checkpointId } })
        this.#current = undefined
        this.#phase = Phase.STOPPED
        actions.push({ type: "abort", checkpointId, kind, reason })
        break
      }
      case Phase.PUBLISHING:
        this.#phase = Phase.STOPPING
        break
      case Phase.IDLE:
        this.#phase = Phase.STOPPED
        break
      case Phase.STOPPING:
      case Phase.STOPPED:
        break
    }
    return actions
  }

  /** Begins what is due, if nothing is in progress. */
  #beginDue(nowMs: number, actions: CoordinatorAction<P>[]): void {
    if (this.#phase !== Phase.IDLE) return
    const kind = this.#dueKind(nowMs)
    if (kind === undefined) return
    const last = kind === "final" || (kind === "savepoint" && this.#savepoints.shift()!)
    if (kind === "periodic") this.#periodicDueMs = nowMs + this.#intervalMs
    const checkpointId = this.#nextId
    this.#nextId += 1
    this.#current = { checkpointId, kind, last, startedMs: nowMs, acks: new Map(), missing: this.#unfinished() }
    this.#phase = Phase.COLLECTING
    actions.push({ type: "trigger", checkpointId, bornMs: nowMs, kind, sources: this.#runningSources(), last })
    this.#publishIfWhole(actions)
  }

  #dueKind(nowMs: number): CheckpointKind | undefined {
    if (this.#savepoints.length > 0) return "savepoint"
    if (this.#finalAsked) return nowMs >= this.#finalDueMs ? "final" : undefined
    return this.#mayBePeriodic() && nowMs >= this.#periodicDueMs ? "periodic" : undefined
  }

  /** Without a source that runs there is nobody to put a barrier anywhere: the final checkpoint is next. */
  #mayBePeriodic(): boolean {
    return !this.#finalAsked && this.#subtasks.some((subtask) => subtask.isSource && !this.#finals.has(keyOf(subtask)))
  }

  #runningSources(): SubtaskRef[] {
    return this.#subtasks
      .filter((subtask) => subtask.isSource && !this.#finals.has(keyOf(subtask)))
      .map(({ vertex, subtask }) => ({ vertex, subtask }))
  }

  #publishIfWhole(actions: CoordinatorAction<P>[]): void {
    const { checkpointId, kind, acks, missing } = this.#current!
    if (missing.size > 0) return
    const parts = this.#subtasks.map((ref): CheckpointPart<P> => {
      const key = keyOf(ref)
      const { vertex, subtask } = ref
      // Who acknowledged and ended later takes part with its state at the barrier, not with what came after it.
      return acks.has(key)
        ? { vertex, subtask, payload: acks.get(key)!, finished: false }
        : { vertex, subtask, payload: this.#finals.get(key)!, finished: true }
    })
    this.#phase = Phase.PUBLISHING
    actions.push({ type: "publish", checkpointId, kind, acks: parts })
  }

  #unfinished(): Set<string> {
    return new Set(this.#subtasks.map(keyOf).filter((key) => !this.#finals.has(key)))
  }

  #abort(reason: EngineError, nowMs: number, actions: CoordinatorAction<P>[]): void {
    const current = this.#current!
    this.#current = undefined
    this.#phase = Phase.IDLE
    this.#failedWith(current, reason, nowMs, actions)
    this.#pause(nowMs)
  }

  #failedWith(
    { checkpointId, kind }: Current<P>,
    reason: EngineError,
    nowMs: number,
    actions: CoordinatorAction<P>[],
  ): void {
    actions.push({ type: "abort", checkpointId, kind, reason })
    this.#failed += 1
    if (kind === "savepoint") return
    if (kind === "final") this.#finalDueMs = nowMs + Math.max(this.#minPauseMs, FINAL_RETRY_MS)
    this.#failedInARow += 1
    if (this.#phase !== Phase.IDLE || this.#failedInARow <= this.#tolerableFailures) return
    this.#phase = Phase.STOPPED
    actions.push({
      type: "fail",
      reason: new EngineError(
        "CHECKPOINT_FAILURES_EXCEEDED",
        `Cannot go on without checkpoints: ${this.#failedInARow} failed in a row, ${this.#tolerableFailures} are tolerated; the last one: ${reason.message}`,
        { cause: reason, retriable: true, details: { checkpointId, failedInARow: this.#failedInARow } },
      ),
    })
  }

  #pause(nowMs: number): void {
    this.#periodicDueMs = Math.max(this.#periodicDueMs, nowMs + this.#minPauseMs)
  }

  /** The checkpoint whose publishing has ended. */
  #takePublishing(checkpointId: number): Current<P> {
    const current = this.#current
    const isPublishing = this.#phase === Phase.PUBLISHING || this.#phase === Phase.STOPPING
    invariant(
      current !== undefined && isPublishing && current.checkpointId === checkpointId,
      () =>
        `the publishing of checkpoint ${checkpointId} ended while ${current?.checkpointId ?? "none"} was ${this.#phase}`,
    )
    this.#current = undefined
    this.#phase = this.#phase === Phase.STOPPING ? Phase.STOPPED : Phase.IDLE
    return current
  }

  #isCollecting(message: { readonly checkpointId: number; readonly attempt: number }): boolean {
    return (
      this.#phase === Phase.COLLECTING &&
      message.attempt === this.#attempt &&
      message.checkpointId === this.#current!.checkpointId
    )
  }

  #keyOf(ref: SubtaskRef): string {
    const key = keyOf(ref)
    invariant(this.#known.has(key), () => `${key} answered for a checkpoint, but is not in the plan`)
    return key
  }

  #timedOut(): EngineError {
    const { checkpointId } = this.#current!
    const missing = [...this.#current!.missing]
    const named = missing.slice(0, NAMED_MISSING).join(", ")
    const more = missing.length > NAMED_MISSING ? ` and ${missing.length - NAMED_MISSING} more` : ""
    return new EngineError(
      "CHECKPOINT_TIMEOUT",
      `Cannot complete checkpoint ${checkpointId} within ${this.#timeoutMs} ms: no answer from ${named}${more}; check these for back-pressure or raise the checkpoint timeout`,
      { retriable: true, details: { checkpointId, timeoutMs: this.#timeoutMs, missing } },
    )
  }
}

function keyOf({ vertex, subtask }: SubtaskRef): string {
  return `${vertex}/${subtask}`
}

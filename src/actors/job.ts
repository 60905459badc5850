import type { Committable, Sink, Split } from "../contracts/index.ts"
import { EngineError } from "../errors/index.ts"
import type { JobMetrics, WhyReport } from "../observe/index.ts"
import type { PhysicalOperator, PhysicalPlan } from "../plan/index.ts"
import { createRestartPolicy, type RestartPolicy, type RestartPolicySpec } from "../snapshot/index.ts"
import type { CheckpointStore, ClaimedSplit, ClaimLog, FoundPoint, Manifest } from "../snapshot/store/index.ts"
import type { AtMostOnce } from "./at-most-once.ts"
import { Attempt, type Workforce } from "./attempt.ts"
import type { ChannelSize } from "./buffers.ts"
import type {
  Checkpointing,
  CheckpointingOptions,
  CheckpointSettings,
  Delivery,
  PlannedSink,
  RunFacts,
  TakenSavepoint,
} from "./checkpointing.ts"
import type { SubtaskPlace, SubtaskShare } from "./control.ts"
import type { Durability, Environment } from "./environment.ts"
import type {
  CheckpointCounts,
  JobEvent,
  JobHandle,
  JobResult,
  JobStatus,
  RunOptions,
  Savepoint,
} from "./job-handle.ts"
import type { Reports } from "./job-view.ts"
import { SplitCoordinator, unread } from "./split-coordinator.ts"
import type { StateDirectory } from "./state-directory.ts"

export interface JobOptions {
  readonly plan: PhysicalPlan
  readonly heartbeatTimeoutMs: number
  readonly print: (line: string) => void
  readonly onEvent: (event: JobEvent) => void
  readonly signal: AbortSignal | undefined
  /** Undefined: no checkpoints; a failure ends the job. */
  readonly checkpoints: CheckpointSettings | undefined
  /** The directory of state that is kept on disk; undefined: it is on the heap. */
  readonly stateOnDisk?: string | undefined
  readonly restart: RestartPolicySpec
  readonly environment: Environment
  /** Default: what suits the machine. */
  readonly channelSize?: ChannelSize
  /** How the job was asked to be planned, as text: the same for the same command. */
  readonly asked: string
  /** Where to start from, when the user named it. */
  readonly from: string | undefined
  /** The process before this one died. */
  readonly resumed: RunOptions["resumed"]
  readonly command: RunOptions["command"]
  /** The plan with other parallelism of some operators. @throws {EngineError} PLAN_* */
  replan(parallelism: Readonly<Record<string, number>>): PhysicalPlan
  /** Threads for one attempt at a plan, of which operators were given another parallelism. */
  workforce(plan: PhysicalPlan, rescaled: Readonly<Record<string, number>>): Promise<Workforce>
  /** Ends threads that no attempt uses: the next one gets fresh ones. */
  release(): Promise<void>
}

/** Where an attempt begins. */
interface Start {
  readonly manifest: Manifest | undefined
  readonly directory: string
}

/** A worker that says nothing for so long is busy in user code. */
const REPORT_WITHIN_MS = 2000
/** Between the two looks at a job that are compared. */
const SECOND_LOOK_MS = 250

/** Why an attempt was ended on purpose behind its last checkpoint, and what follows. */
interface Suspension {
  readonly taken: TakenSavepoint
  /** Undefined: the job ends. */
  readonly rescale: { readonly plan: PhysicalPlan; readonly parallelism: Readonly<Record<string, number>> } | undefined
}

/** A settled promise's two ends. */
interface Waiter {
  resolve(): void
  reject(error: unknown): void
}

/**
 * One run of a job, as its user holds it: prepares sinks, runs attempts until one comes to its end, commits, reports.
 *
 * - Without checkpoints there is one attempt: a job that fails or is cancelled removes what it had not committed.
 * - With checkpoints, an attempt that fails is followed by another from the last checkpoint, as the restart policy says.
 *   The same run goes on when the process is started again.
 */
export class Job implements JobHandle {
  readonly done: Promise<JobResult>
  readonly #options: JobOptions
  #plan: PhysicalPlan
  /** Operators that were given another parallelism while the job ran. */
  #rescaled: Readonly<Record<string, number>> = {}
  readonly #environment: Environment
  readonly #startedMs: number
  readonly #collected: Record<string, unknown[]> = {}
  readonly #policy: RestartPolicy
  #runId: string
  /** Loaded, and opened, when there are checkpoints. */
  #durability: Durability | undefined
  #store: CheckpointStore | undefined
  /** At most once: what sources have claimed. */
  #claims: ClaimLog | undefined
  #attempt: Attempt | undefined
  /** When it failed: the pause before the next one runs from there. */
  #failedMs: number | undefined
  /** Of the attempt that runs: its checkpoints, made when somebody asks where there are none otherwise. */
  #openCheckpointing: (() => Promise<Checkpointing>) | undefined
  #suspension: Suspension | undefined
  /** Who waits for the job to run at another parallelism. */
  #rescaling: Waiter | undefined
  /** What the user named to start from. */
  #from: FoundPoint | undefined
  #stateDirectory: StateDirectory | undefined
  /** Its sources could not say at the start what there is to read, for a reason that will not go away: no restart helps. */
  #hasNoInput = false
  #restarts = 0
  #checkpoints: CheckpointCounts = { completed: 0, failed: 0, last: undefined }
  #status: JobStatus = "deploying"
  #stopRequested = false
  /** Ends the job whatever the policy says: cancelled. */
  #cancelled: EngineError | undefined
  #interruptPause: () => void = () => undefined
  #lastMetrics: JobMetrics | undefined
  #resolve!: (result: JobResult) => void
  #reject!: (error: unknown) => void

  constructor(options: JobOptions) {
    this.#options = options
    this.#plan = options.plan
    this.#environment = options.environment
    this.#startedMs = this.#environment.now()
    this.#runId = this.#environment.uniqueId().slice(0, 8)
    this.#policy = createRestartPolicy(options.restart, () => this.#environment.random())
    this.#restarts = options.resumed?.restarts ?? 0
    for (let failure = 0; failure < (options.resumed?.failuresInARow ?? 0); failure++)
      this.#policy.onFailure(this.#startedMs)
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Whoever cares awaits `done`; the failure must not end the process through a promise nobody has looked at yet.
    this.done.catch(() => undefined)
  }

  get jobName(): string {
    return this.#plan.jobName
  }

  get runId(): string {
    return this.#runId
  }

  get status(): JobStatus {
    return this.#status
  }

  get restarts(): number {
    return this.#restarts
  }

  readCheckpoints(): CheckpointCounts {
    return this.#checkpoints
  }

  /** Begins to run. Never throws: failures reject `done`. */
  start(): void {
    const { signal } = this.#options
    const onAbort = (): void => void this.cancel()
    signal?.addEventListener("abort", onAbort, { once: true })
    if (signal?.aborted) onAbort()
    void this.#run().finally(() => signal?.removeEventListener("abort", onAbort))
  }

  readMetrics(): JobMetrics {
    this.#lastMetrics = this.#attempt?.readMetrics(this.#environment.now()) ?? this.#lastMetrics ?? NOTHING_YET
    return this.#lastMetrics
  }

  async why(operatorId?: string): Promise<WhyReport> {
    const [{ explainWhy }, { viewOf }] = await Promise.all([import("../observe/why.ts"), import("./job-view.ts")])
    const attempt = this.#status === "running" ? this.#attempt : undefined
    const before = await this.#reportsOf(attempt)
    // What moves is told from what stands by a second look.
    if (attempt !== undefined && before.silent.length === 0) {
      await new Promise<void>((resolve) => void this.#environment.after(SECOND_LOOK_MS, resolve))
    }
    const after = before.silent.length === 0 ? await this.#reportsOf(attempt) : before
    const view = viewOf(before, after, {
      plan: this.#plan,
      status: this.#status,
      attempt: this.#attempt,
      nowMs: this.#environment.wallClock(),
    })
    return explainWhy(view, operatorId)
  }

  async *metrics(options: { readonly everyMs?: number } = {}): AsyncIterableIterator<JobMetrics> {
    const everyMs = options.everyMs ?? 1000
    let ended = false
    const note = (): void => {
      ended = true
    }
    const end = this.done.then(note, note)
    while (!ended) {
      let cancelTick: (() => void) | undefined
      const tick = new Promise<void>((resolve) => {
        cancelTick = this.#environment.after(everyMs, resolve)
      })
      await Promise.race([end, tick])
      cancelTick?.()
      yield this.readMetrics()
    }
  }

  stop(options: { readonly savepoint?: string | true } = {}): Promise<JobResult> {
    if (options.savepoint !== undefined) return this.#stopWithSavepoint(options.savepoint)
    if (!this.#stopRequested && !this.#hasEnded) {
      this.#stopRequested = true
      if (this.#status === "running") this.#status = "stopping"
      this.#attempt?.stop()
      this.#interruptPause()
    }
    return this.done
  }

  async savepoint(options: { readonly directory?: string } = {}): Promise<Savepoint> {
    const { directory } = options
    const checkpointing = await this.#readyForSavepoint(directory)
    const savepoint = savepointOf(await checkpointing.savepoint({ kind: "savepoint", directory, last: false }))
    this.#options.onEvent({ type: "savepoint", ...savepoint })
    return savepoint
  }

  async rescale(parallelism: Readonly<Record<string, number>>): Promise<void> {
    const wanted = { ...this.#rescaled, ...parallelism }
    const plan = this.#options.replan(wanted)
    if (plan.signature === this.#plan.signature) return
    this.#checkRunning("rescale")
    const checkpointing = await this.#openCheckpointing!()
    const own = this.#store !== undefined
    const running = new Promise<void>((resolve, reject) => {
      this.#rescaling = { resolve, reject }
    })
    running.catch(() => undefined)
    const directory = own ? undefined : await this.#durability!.temporaryDirectory()
    try {
      await checkpointing.savepoint({
        kind: own ? "checkpoint" : "savepoint",
        directory,
        last: true,
        rescaled: this.#rescaledFact(wanted),
        onTaken: (taken) => this.#suspend({ taken, rescale: { plan, parallelism: wanted } }),
      })
      await running
    } finally {
      this.#rescaling = undefined
      if (directory !== undefined) await this.#durability!.removeTemporary(directory)
    }
  }

  async #stopWithSavepoint(where: string | true): Promise<JobResult> {
    const directory = where === true ? undefined : where
    const checkpointing = await this.#readyForSavepoint(directory)
    await checkpointing.savepoint({
      kind: "savepoint",
      directory,
      last: true,
      onTaken: (taken) => this.#suspend({ taken, rescale: undefined }),
    })
    return this.done
  }

  async #readyForSavepoint(directory: string | undefined): Promise<Checkpointing> {
    if (directory === undefined && this.#options.checkpoints === undefined) {
      throw new EngineError(
        "SAVEPOINT_DIRECTORY_MISSING",
        `Cannot take a savepoint of job "${this.jobName}": it has no checkpoint directory to put it in; name a directory for it`,
      )
    }
    this.#checkRunning("take a savepoint of")
    return this.#openCheckpointing!()
  }

  #checkRunning(attempted: string): void {
    if (this.#claims !== undefined) {
      throw new EngineError(
        "SAVEPOINT_WITHOUT_STATE",
        `Cannot ${attempted} job "${this.jobName}": delivered at most once it keeps no state over a stop; end it by draining, or run it exactly once`,
      )
    }
    if (this.#status === "running" && this.#openCheckpointing !== undefined && this.#suspension === undefined) return
    throw new EngineError(
      "SAVEPOINT_NOT_RUNNING",
      `Cannot ${attempted} job "${this.jobName}": it is ${this.#status}${this.#suspension === undefined ? "" : ", and being ended behind a savepoint"}; try again while it is running`,
      { retriable: true, details: { status: this.#status } },
    )
  }

  /** The last savepoint of an attempt is taken and committed: the attempt ends, and nothing that it did since counts. */
  #suspend(suspension: Suspension): void {
    this.#suspension = suspension
    this.#status = suspension.rescale === undefined ? "stopping" : "rescaling"
    this.#attempt?.fail(new EngineError("JOB_SUSPENDED", "The attempt was ended behind its last savepoint"))
  }

  async cancel(): Promise<void> {
    if (this.#hasEnded) return
    this.#cancelled = new EngineError(
      "JOB_CANCELLED",
      `Job "${this.jobName}" was cancelled; nothing that it had not committed is kept`,
    )
    this.#attempt?.fail(this.#cancelled)
    this.#interruptPause()
    await this.done.catch(() => undefined)
  }

  async setRate(operatorId: string, recordsPerSecond: number): Promise<void> {
    const isSource = this.#plan.vertices.some(
      (v) => v.operators[0]!.id === operatorId && v.operators[0]!.node.role.type === "source",
    )
    if (!isSource) {
      throw new EngineError(
        "RATE_UNKNOWN_SOURCE",
        `Cannot set the rate of "${operatorId}": job "${this.jobName}" has no source of that name`,
      )
    }
    if (!(recordsPerSecond > 0)) {
      throw new EngineError(
        "RATE_INVALID",
        `Cannot set the rate of "${operatorId}" to ${recordsPerSecond}: give a number of records per second above 0`,
      )
    }
    await this.#attempt?.setRate(operatorId, recordsPerSecond)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel()
  }

  async #reportsOf(attempt: Attempt | undefined): Promise<Reports> {
    const { subtasks, silent } = (await attempt?.reports(REPORT_WITHIN_MS)) ?? { subtasks: [], silent: [] }
    return { subtasks, silent, atMs: this.#environment.now() }
  }

  get #hasEnded(): boolean {
    return (
      this.#status === "finished" ||
      this.#status === "stopped" ||
      this.#status === "cancelled" ||
      this.#status === "failed"
    )
  }

  async #run(): Promise<void> {
    try {
      if (this.#options.stateOnDisk !== undefined) {
        const { StateDirectory } = await import("./state-directory.ts")
        this.#stateDirectory = await StateDirectory.create(this.#options.stateOnDisk)
      }
      await this.#openStore()
      if (this.#hadEnded()) {
        await this.#options.release()
        await this.#stateDirectory?.remove()
        await this.#store?.close()
        this.#succeed()
        return
      }
      const start = await this.#open()
      if (start.manifest !== undefined) this.#checkCompatible(start.manifest)
      await this.#beginRun()
      for (const { sink, context } of this.#sinks()) await sink.prepare?.(context)
      await this.#attempts(start)
      await this.#options.release()
      // What came after the savepoint is not committed any more; the next start goes on from it.
      if (this.#suspension !== undefined) await this.#abortSinks()
      else await this.#noteEnd()
      await this.#from?.release()
      await this.#stateDirectory?.remove()
      await this.#store?.close()
      this.#succeed()
    } catch (error) {
      await this.#options.release()
      await this.#from?.release()
      await this.#stateDirectory?.remove()
      await this.#fail(error)
    }
  }

  /** Refuses a checkpoint that the pipeline cannot go on from, before anything is started. */
  #checkCompatible(manifest: Manifest): void {
    const { checkpoints, onEvent } = this.#options
    const allowDroppedState = checkpoints?.allowDroppedState ?? false
    const fits = this.#durability!.checkCompatible(manifest, this.#plan, { allowDroppedState })
    for (const error of this.#durability!.compatibilityWarnings(manifest, fits)) onEvent({ type: "warning", error })
  }

  /** Opens the checkpoint directory, if there is one. */
  async #openStore(): Promise<void> {
    const { checkpoints, onEvent, from } = this.#options
    if (checkpoints === undefined && from === undefined) return
    const durability = await this.#environment.durability()
    this.#durability = durability
    if (checkpoints === undefined) return
    this.#store = await durability.CheckpointStore.open({
      disk: durability.openDisk(),
      directory: checkpoints.directory,
      jobName: this.jobName,
      retain: checkpoints.retain,
      owner: durability.lockOwner(this.#environment.uniqueId()),
      onWarning: (warning) => onEvent({ type: "warning", error: warning }),
    })
  }

  /** Whether the process that this one goes on for had brought the job to its end: to begin anew would repeat all output. */
  #hadEnded(): boolean {
    const { resumed, command, onEvent } = this.#options
    if (resumed === undefined || command === undefined || this.#store?.endedBy !== command) return false
    onEvent({ type: "had-ended", cause: resumed.cause })
    return true
  }

  /** Finds where to begin. */
  async #open(): Promise<Start> {
    const { checkpoints, from } = this.#options
    const durability = this.#durability
    if (durability === undefined) return { manifest: undefined, directory: "" }
    if (from !== undefined) await this.#findFrom(durability, from)
    const start = await this.#newest()
    const { manifest } = start
    if (checkpoints !== undefined)
      await this.#openClaims(durability, checkpoints.delivery ?? "exactly-once", manifest !== undefined)
    this.#reportResumed(manifest)
    this.#runId = manifest?.runId ?? this.#claims?.runId ?? this.#store?.runId ?? this.#runId
    if (manifest === undefined) return start
    this.#keepRescaled(manifest)
    // Refused before anything is started, and not tried again.
    durability.restoreTaskOf(manifest, start.directory, this.#plan)
    return start
  }

  /**
   * Notes the run before sinks prepare anything in its name, so that a process killed before the first checkpoint leaves
   * nothing that the next one does not know of. That one goes on with the run, or, started from a savepoint, ends it here.
   */
  async #beginRun(): Promise<void> {
    const store = this.#store
    if (store === undefined) return
    const { runId } = store
    // It published nothing, or it would be gone on with.
    if (runId !== undefined && runId !== this.#runId) await this.#abortSinks(runId)
    await store.beginRun(this.#runId)
  }

  #reportResumed(manifest: Manifest | undefined): void {
    const { resumed, onEvent } = this.#options
    if (resumed === undefined) return
    onEvent({
      type: "restart",
      error: new EngineError("PROCESS_DIED", `the engine's process was ended by ${resumed.cause}`, { retriable: true }),
      attempt: resumed.restarts,
      delayMs: 0,
      from: manifest !== undefined ? "checkpoint" : this.#claims !== undefined ? "claims" : "beginning",
      checkpointId: manifest?.checkpointId,
    })
  }

  /** At most once keeps claims where others keep checkpoints. */
  async #openClaims({ ClaimLog, openDisk }: Durability, delivery: Delivery, hasCheckpoints: boolean): Promise<void> {
    const disk = openDisk()
    const { folder, finished } = this.#store!
    let claimed = await ClaimLog.exists({ disk, folder })
    if (claimed && finished) {
      // Of a job that ended, by a process that died before it had removed them.
      await (await ClaimLog.open({ disk, folder, jobName: this.jobName })).remove()
      claimed = false
    }
    const atMostOnce = delivery === "at-most-once"
    if (atMostOnce ? hasCheckpoints : claimed) throw deliveryChanged(delivery, folder)
    if (atMostOnce) this.#claims = await ClaimLog.open({ disk, folder, jobName: this.jobName })
  }

  /** Looks up what the user named. The job's own folder is where it would go on from anyway. */
  async #findFrom({ findRestorePoint, openDisk, lockOwner }: Durability, from: string): Promise<void> {
    const owner = lockOwner(this.#environment.uniqueId())
    const { jobName } = this
    const found = await findRestorePoint({
      disk: openDisk(),
      directory: from,
      jobName,
      owner,
      own: this.#store?.folder,
    })
    this.#from = found
    for (const { code, reason } of found.passedOver)
      this.#options.onEvent({ type: "warning", error: new EngineError(code, reason) })
  }

  async #newest(): Promise<Start> {
    const from = this.#from?.point
    const point = this.#store === undefined ? from : (await this.#store.newestSound({ from })).point
    return { manifest: point?.manifest, directory: point?.directory ?? this.#store?.folder ?? "" }
  }

  /** The same command goes on at the parallelism that the job was given while it ran; another one begins with its own. */
  #keepRescaled({ rescaled }: Manifest): void {
    const { asked, replan, onEvent } = this.#options
    if (rescaled === undefined || rescaled.asked !== asked) return
    const parallelism = Object.fromEntries(rescaled.operators.map((each) => [each.operatorId, each.parallelism]))
    try {
      this.#plan = replan(parallelism)
      this.#rescaled = parallelism
    } catch (error) {
      // The pipeline has changed since: it runs as it was started.
      if (error instanceof EngineError) onEvent({ type: "warning", error })
      else throw error
    }
  }

  /**
   * Everything is committed: a disk that refuses to note it does not undo that. A failure here would make whoever started the
   * job start it again, and if the note got to the disk all the same, it would begin anew and repeat its output.
   */
  async #noteEnd(): Promise<void> {
    try {
      await this.#store?.markFinished(this.#options.command)
      // Only now: without its claims a job that is not noted as ended would begin anew.
      await this.#claims?.remove()
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== "CHECKPOINT_WRITE_FAILED") throw error
      this.#options.onEvent({ type: "warning", error })
    }
    await this.#claims?.close()
  }

  /** Attempts until one comes to its end, or the policy has had enough. */
  async #attempts(first: Start): Promise<void> {
    const store = this.#store
    for (let start = first; ; ) {
      try {
        await this.#attemptFrom(start)
        const suspension = this.#suspension
        if (suspension?.rescale === undefined) return
        this.#suspension = undefined
        const { taken, rescale } = suspension
        this.#plan = rescale.plan
        this.#rescaled = rescale.parallelism
        start = taken
        const { checkpointId } = taken.manifest
        this.#options.onEvent({ type: "rescale", checkpointId, parallelism: rescale.parallelism })
      } catch (error) {
        if (this.#cancelled !== undefined) throw this.#cancelled
        if (store === undefined || this.#hasNoInput) throw error
        const decision = this.#policy.onFailure(this.#environment.now())
        const failedMs = this.#failedMs ?? this.#environment.now()
        if (!decision.restart) throw error
        // What failed twice in a row may have to do with what its threads keep.
        if (decision.attempt > 1) await this.#options.release()
        this.#restarts += 1
        this.#status = "restarting"
        start = await this.#newest()
        this.#options.onEvent({
          type: "restart",
          error,
          attempt: this.#restarts,
          from: this.#claims !== undefined ? "claims" : start.manifest !== undefined ? "checkpoint" : "beginning",
          delayMs: decision.delayMs,
          checkpointId: start.manifest?.checkpointId,
        })
        // Ending the workers and looking for the checkpoint were part of it.
        await this.#pause(Math.max(0, failedMs + decision.delayMs - this.#environment.now()))
        if (this.#cancelled !== undefined) throw this.#cancelled
      }
    }
  }

  async #attemptFrom({ manifest, directory }: Start): Promise<void> {
    const { workforce, heartbeatTimeoutMs, checkpoints: settings } = this.#options
    const plan = this.#plan
    const store = this.#store
    const sinks = this.#sinks()
    const durability = this.#durability
    this.#failedMs = undefined
    if (manifest !== undefined && !(await this.#isCommitted(manifest, directory)))
      await durability!.commitOf(manifest, sinks, false)
    // What was prepared for checkpoints that never completed is not committed any more.
    if (store !== undefined) await this.#abortSinks()
    const splits = await this.#findInput(manifest)
    const above = manifest?.attempt ?? 0
    const number = store === undefined ? above + 1 : await store.beginAttempt(above)
    const prepared: Record<string, Committable[]> = {}
    const ended: (readonly [SubtaskPlace, SubtaskShare])[] = []
    let checkpointing: Checkpointing | undefined
    let atMostOnce: AtMostOnce | undefined
    let isRunning = false
    const attempt = new Attempt({
      plan,
      workforce: await workforce(plan, this.#rescaled),
      runId: this.#runId,
      heartbeatTimeoutMs,
      environment: this.#environment,
      channelSize: this.#options.channelSize,
      splits,
      stateDirectory: this.#stateDirectory?.ofAttempt(this.#restarts),
      checkpoints:
        durability === undefined
          ? undefined
          : {
              directory: store?.folder ?? "",
              attempt: number,
              barrierMode: settings?.barrierMode ?? { kind: "aligned" },
              incremental: settings?.incremental ?? false,
              claims: this.#claims !== undefined,
              restore: manifest === undefined ? undefined : durability!.restoreTaskOf(manifest, directory, plan),
            },
      onFailing: () => {
        this.#failedMs = this.#environment.now()
      },
      onRunning: () => {
        isRunning = true
        if (!this.#hasEnded) this.#status = this.#stopRequested ? "stopping" : "running"
        checkpointing?.start()
        atMostOnce?.start()
        this.#rescaling?.resolve()
        this.#options.onEvent({ type: "running" })
      },
      onValues: (operatorId, values) => this.#onValues(operatorId, values),
      onAcknowledge: (checkpointId, place, share) => checkpointing?.acknowledge(checkpointId, place, share),
      onDecline: (checkpointId, place, error) => checkpointing?.decline(checkpointId, place, error),
      onClaim: async (vertex, claim) => atMostOnce!.claim(vertex, claim),
      onOutputCut: (place, cut) => atMostOnce!.outputCut(place, cut),
      onSubtaskEnd: (place, share) => {
        ended.push([place, share])
        if (atMostOnce !== undefined) atMostOnce.subtaskEnded(share)
        else if (store === undefined) gather(prepared, share)
        checkpointing?.subtaskEnded(place, share)
      },
    })
    this.#attempt = attempt
    if (this.#cancelled !== undefined) attempt.fail(this.#cancelled)
    if (this.#stopRequested) attempt.stop()
    if (this.#claims !== undefined) {
      atMostOnce = new durability!.AtMostOnce({
        plan,
        log: this.#claims,
        sinks,
        everyMs: settings!.everyMs,
        minPauseMs: settings!.minPauseMs,
        environment: this.#environment,
        tellAll: (method, ...args) => attempt.tellAll(method, ...args),
        fail: (error) => attempt.fail(error),
        onCommitted: () => this.#policy.onStable(this.#environment.now()),
      })
    }
    const createCheckpointing = ({ Checkpointing, openDisk }: Durability): Checkpointing =>
      new Checkpointing({
        plan,
        store,
        openDisk,
        attempt: number,
        settings: settings ?? SAVEPOINTS_ONLY,
        firstCheckpointId: Math.max(store?.highestId ?? 0, manifest?.checkpointId ?? 0) + 1,
        run: this.#runFacts(),
        splits,
        sinks,
        environment: this.#environment,
        tellAll: (method, ...args) => attempt.tellAll(method, ...args),
        fail: (error) => attempt.fail(error),
        onCompleted: (checkpoint) => {
          this.#policy.onStable(this.#environment.now())
          const { completed } = this.#checkpoints
          this.#checkpoints = { ...this.#checkpoints, completed: completed + 1, last: checkpoint }
          this.#options.onEvent({ type: "checkpoint", ...checkpoint })
        },
        onFailed: (error) => {
          this.#checkpoints = { ...this.#checkpoints, failed: this.#checkpoints.failed + 1 }
          this.#options.onEvent({ type: "warning", error })
        },
      })
    if (store !== undefined && atMostOnce === undefined) checkpointing = createCheckpointing(durability!)
    this.#openCheckpointing = async () => {
      this.#durability ??= await this.#environment.durability()
      if (checkpointing === undefined) {
        checkpointing = createCheckpointing(this.#durability)
        for (const [place, share] of ended) checkpointing.subtaskEnded(place, share)
        if (isRunning) checkpointing.start()
      }
      return checkpointing
    }
    let failure: { readonly error: unknown } | undefined
    try {
      await attempt.run()
      if (this.#suspension === undefined) {
        if (atMostOnce !== undefined) await atMostOnce.finish()
        else if (store !== undefined) await checkpointing!.finish()
        else
          for (const { id, sink, context } of sinks)
            await sink.commit?.(prepared[id] ?? [], { ...context, final: true })
      }
    } catch (error) {
      failure = { error }
    }
    this.#openCheckpointing = undefined
    this.readMetrics()
    // A last savepoint that is being published comes to its end here.
    await checkpointing?.stop()
    await atMostOnce?.stop()
    // Behind that an attempt may end in any way.
    if (failure !== undefined && (this.#suspension === undefined || this.#cancelled !== undefined)) throw failure.error
  }

  #runFacts(): RunFacts {
    const from = this.#from?.point.manifest
    const hasRescaled = Object.keys(this.#rescaled).length > 0
    return {
      runId: this.#runId,
      ...(from === undefined
        ? {}
        : { origin: { runId: from.runId, checkpointId: from.checkpointId, attempt: from.attempt } }),
      ...(hasRescaled ? { rescaled: this.#rescaledFact(this.#rescaled) } : {}),
    }
  }

  #rescaledFact(parallelism: Readonly<Record<string, number>>): NonNullable<Manifest["rescaled"]> {
    const operators = Object.entries(parallelism).map(([operatorId, each]) => ({ operatorId, parallelism: each }))
    return { asked: this.#options.asked, operators }
  }

  /** Of a savepoint with which a job was stopped: its output may have been carried away since. */
  async #isCommitted({ kind }: Manifest, directory: string): Promise<boolean> {
    const { isSavepointCommitted, openDisk } = this.#durability!
    return kind === "savepoint" && (await isSavepointCommitted(openDisk(), directory))
  }

  #succeed(): void {
    const savepoint = this.#suspension === undefined ? undefined : savepointOf(this.#suspension.taken)
    const status = this.#stopRequested || savepoint !== undefined ? "stopped" : "finished"
    this.#status = status
    this.#rescaling?.reject(
      new EngineError("SAVEPOINT_NOT_RUNNING", `Cannot rescale job "${this.jobName}": it has ended; start it again`),
    )
    this.#resolve({
      jobName: this.jobName,
      runId: this.runId,
      status,
      savepoint,
      durationMs: this.#environment.now() - this.#startedMs,
      restarts: this.#restarts,
      metrics: this.readMetrics(),
      collected: this.#collected,
    })
  }

  async #fail(error: unknown): Promise<void> {
    // With checkpoints the run can go on from the last one: what it prepared since is removed then.
    if (this.#store === undefined) await this.#abortSinks()
    await this.#claims?.close()
    await this.#store?.close()
    this.#rescaling?.reject(error)
    this.#status = this.#cancelled === undefined ? "failed" : "cancelled"
    this.#reject(error)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancelTimer = this.#environment.after(ms, resolve)
      this.#interruptPause = () => {
        cancelTimer()
        resolve()
      }
    })
  }

  #onValues(operatorId: string, values: readonly unknown[]): void {
    const operator = this.#operators().find((each) => each.id === operatorId)
    const sink =
      operator?.node.role.type === "sink" ? (operator.node.role.sink as Sink<unknown> & { toMain?: string }) : undefined
    if (sink?.toMain === "print") {
      for (const value of values) this.#options.print(String(value))
      return
    }
    this.#collected[operatorId] ??= []
    for (const value of values) this.#collected[operatorId].push(value)
  }

  /** A file that is not there when a job is started is a mistake to be shown at once; later it may be a disk that comes back. */
  async #findInput(manifest: Manifest | undefined): Promise<ReadonlyMap<number, SplitCoordinator>> {
    try {
      return await this.#listSplits(manifest)
    } catch (error) {
      this.#hasNoInput = this.#restarts === 0 && error instanceof EngineError && !error.retriable
      throw error
    }
  }

  /** By source vertex: as the checkpoint has them, or from the beginning. */
  async #listSplits(manifest: Manifest | undefined): Promise<ReadonlyMap<number, SplitCoordinator>> {
    const splits = new Map<number, SplitCoordinator>()
    const claimed: ClaimedSplit[] = []
    for (const vertex of this.#plan.vertices) {
      const { role } = vertex.operators[0]!.node
      if (role.type !== "source") continue
      const earlier = this.#claims?.splits.filter(({ operatorId }) => operatorId === vertex.id) ?? []
      const known =
        manifest !== undefined
          ? this.#durability!.progressOf(manifest, vertex.id)
          : earlier.length > 0
            ? this.#durability!.claimedProgress(earlier, vertex.id)
            : undefined
      const progress = known ?? (await role.source.splits({ parallelism: vertex.parallelism })).map(unread)
      splits.set(
        vertex.index,
        new SplitCoordinator({
          splits: progress,
          bounded: role.source.bounded,
          inOrder: role.source.splitsInOrder,
          readers: vertex.parallelism,
        }),
      )
      claimed.push(...(earlier.length > 0 ? earlier : progress.map(({ split }) => unclaimed(vertex.id, split))))
    }
    await this.#claims?.begin(this.#runId, claimed)
    return splits
  }

  #operators(): PhysicalOperator[] {
    return this.#plan.vertices.flatMap((vertex) => vertex.operators)
  }

  #sinks(runId = this.#runId): PlannedSink[] {
    return this.#plan.vertices.flatMap(({ operators, parallelism }) =>
      operators.flatMap(({ id, node }) =>
        node.role.type === "sink"
          ? [
              {
                id,
                sink: node.role.sink,
                context: { jobName: this.jobName, runId, operatorId: id, parallelism },
              },
            ]
          : [],
      ),
    )
  }

  /** Removes what was not committed. What goes wrong here is said beside the failure that led here, never in its place. */
  async #abortSinks(runId = this.#runId): Promise<void> {
    for (const { sink, context } of this.#sinks(runId)) {
      try {
        await sink.abort?.(context)
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        process.emitWarning(`millrace could not remove uncommitted output of ${sink.label}: ${reason}`, {
          code: "MILLRACE_ABORT",
        })
      }
    }
  }
}

const NOTHING_YET: JobMetrics = {
  elapsedMs: 0,
  recordsIn: 0,
  recordsOut: 0,
  recordsPerSecond: 0,
  inFlight: 0,
  credits: 0,
  watermarkLagMs: undefined,
  late: 0,
  skipped: 0,
  vertices: [],
}

function unclaimed(operatorId: string, { id, data }: Split): ClaimedSplit {
  return {
    operatorId,
    id,
    data: data as ClaimedSplit["data"],
    next: undefined,
    newestMs: Number.NEGATIVE_INFINITY,
    done: false,
  }
}

function deliveryChanged(delivery: Delivery, folder: string): EngineError {
  const [kept, needed] =
    delivery === "at-most-once"
      ? ["checkpoints with state", "exactly-once or at-least-once"]
      : ["claims of a run without state", "at-most-once"]
  return new EngineError(
    "DELIVERY_CHANGED",
    `Cannot go on ${delivery}: ${folder} holds ${kept}, and what was emitted since is not known there; run it ${needed} to its end, or start anew in another checkpoint directory`,
    { details: { folder, delivery } },
  )
}

/** Without a checkpoint directory a job's checkpoints are the savepoints that somebody asks for. */
const SAVEPOINTS_ONLY: CheckpointingOptions["settings"] = {
  everyMs: Number.POSITIVE_INFINITY,
  timeoutMs: 10 * 60_000,
  minPauseMs: 0,
  barrierMode: { kind: "aligned" },
  delivery: "exactly-once",
}

function savepointOf({ manifest, directory, durationMs, sizeBytes }: TakenSavepoint): Savepoint {
  return { checkpointId: manifest.checkpointId, directory, durationMs, sizeBytes }
}

function gather(prepared: Record<string, Committable[]>, share: SubtaskShare): void {
  for (const [operatorId, committables] of Object.entries(share.prepared)) {
    prepared[operatorId] ??= []
    prepared[operatorId].push(...committables)
  }
}

import type { Sink } from "../contracts/index.ts"
import { EngineError } from "../errors/index.ts"
import type { JobMetrics, WhyReport } from "../observe/index.ts"
import type { PhysicalOperator, PhysicalPlan } from "../plan/index.ts"
import { createRestartPolicy, type RestartPolicy, type RestartPolicySpec } from "../snapshot/index.ts"
import type { Manifest } from "../snapshot/store/index.ts"
import type { AtMostOnce } from "./at-most-once.ts"
import { Attempt, type Workforce } from "./attempt.ts"
import type { ChannelSize } from "./buffers.ts"
import type {
  Checkpointing,
  CheckpointingOptions,
  CheckpointSettings,
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
import { listInput } from "./job-input.ts"
import { abortSinks, commitShares, sinksOf } from "./job-sinks.ts"
import type { Reports } from "./job-view.ts"
import { RunRecord, type Start } from "./run-record.ts"
import type { SplitCoordinator } from "./split-coordinator.ts"
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
  readonly #record: RunRecord
  #attempt: Attempt | undefined
  /** When it failed: the pause before the next one runs from there. */
  #failedMs: number | undefined
  /** Of the attempt that runs: its checkpoints, made when somebody asks where there are none otherwise. */
  #openCheckpointing: (() => Promise<Checkpointing>) | undefined
  #suspension: Suspension | undefined
  /** Who waits for the job to run at another parallelism. */
  #rescaling: Waiter | undefined
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
    this.#record = new RunRecord({
      jobName: options.plan.jobName,
      checkpoints: options.checkpoints,
      from: options.from,
      environment: options.environment,
      onWarning: (error) => options.onEvent({ type: "warning", error }),
    })
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
    return this.#record.runId
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
    const own = this.#record.store !== undefined
    const durability = await this.#record.durability()
    const running = new Promise<void>((resolve, reject) => {
      this.#rescaling = { resolve, reject }
    })
    running.catch(() => undefined)
    const directory = own ? undefined : await durability.temporaryDirectory()
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
      if (directory !== undefined) await durability.removeTemporary(directory)
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
    if (this.#record.claims !== undefined) {
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
      await this.#record.open()
      if (!this.#hadEnded()) {
        const start = await this.#open()
        await this.#record.begin((runId) => abortSinks(sinksOf(this.#plan, runId)))
        for (const { sink, context } of this.#sinks) await sink.prepare?.(context)
        await this.#attempts(start)
        // What came after the savepoint is not committed any more; the next start goes on from it.
        if (this.#suspension !== undefined) await abortSinks(this.#sinks)
        else await this.#record.noteEnd(this.#options.command)
      }
      await this.#options.release()
      await this.#stateDirectory?.remove()
      await this.#record.close()
      this.#succeed()
    } catch (error) {
      await this.#options.release()
      await this.#stateDirectory?.remove()
      await this.#fail(error)
    }
  }

  async #checkCompatible(manifest: Manifest): Promise<void> {
    const { checkpoints, onEvent } = this.#options
    const { checkCompatible, compatibilityWarnings } = await this.#record.durability()
    const allowDroppedState = checkpoints?.allowDroppedState ?? false
    const fits = checkCompatible(manifest, this.#plan, { allowDroppedState })
    for (const error of compatibilityWarnings(manifest, fits)) onEvent({ type: "warning", error })
  }

  /** Whether the process that this one goes on for had brought the job to its end: to begin anew would repeat all output. */
  #hadEnded(): boolean {
    const { resumed, command, onEvent } = this.#options
    if (resumed === undefined || command === undefined || this.#record.store?.endedBy !== command) return false
    onEvent({ type: "had-ended", cause: resumed.cause })
    return true
  }

  /** Finds where to begin. A checkpoint that the pipeline cannot go on from is refused before anything is started. */
  async #open(): Promise<Start> {
    const start = await this.#record.findStart()
    const { manifest, directory } = start
    this.#reportResumed(manifest)
    if (manifest === undefined) return start
    this.#keepRescaled(manifest)
    const { restoreTaskOf } = await this.#record.durability()
    restoreTaskOf(manifest, directory, this.#plan)
    await this.#checkCompatible(manifest)
    return start
  }

  #reportResumed(manifest: Manifest | undefined): void {
    const { resumed, onEvent } = this.#options
    if (resumed === undefined) return
    onEvent({
      type: "restart",
      error: new EngineError("PROCESS_DIED", `the engine's process was ended by ${resumed.cause}`, { retriable: true }),
      attempt: resumed.restarts,
      delayMs: 0,
      from: this.#beginningOf(manifest),
      checkpointId: manifest?.checkpointId,
    })
  }

  #beginningOf(manifest: Manifest | undefined): "checkpoint" | "claims" | "beginning" {
    if (manifest !== undefined) return "checkpoint"
    return this.#record.claims === undefined ? "beginning" : "claims"
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

  /** Attempts until one comes to its end, or the policy has had enough. */
  async #attempts(first: Start): Promise<void> {
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
        if (this.#record.store === undefined || this.#hasNoInput) throw error
        const decision = this.#policy.onFailure(this.#environment.now())
        const failedMs = this.#failedMs ?? this.#environment.now()
        if (!decision.restart) throw error
        // What failed twice in a row may have to do with what its threads keep.
        if (decision.attempt > 1) await this.#options.release()
        this.#restarts += 1
        this.#status = "restarting"
        start = await this.#record.newest()
        this.#options.onEvent({
          type: "restart",
          error,
          attempt: this.#restarts,
          from: this.#beginningOf(start.manifest),
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
    const { store, claims } = this.#record
    const sinks = this.#sinks
    const isDurable = store !== undefined || manifest !== undefined
    const durability = isDurable ? await this.#record.durability() : undefined
    this.#failedMs = undefined
    if (manifest !== undefined && !(await isCommitted(durability!, manifest, directory)))
      await durability!.commitOf(manifest, sinks, false)
    // What was prepared for checkpoints that never completed is not committed any more.
    if (store !== undefined) await abortSinks(sinks)
    const splits = await this.#findInput(manifest)
    const above = manifest?.attempt ?? 0
    const number = store === undefined ? above + 1 : await store.beginAttempt(above)
    const ended: (readonly [SubtaskPlace, SubtaskShare])[] = []
    let checkpointing: Checkpointing | undefined
    let atMostOnce: AtMostOnce | undefined
    let isRunning = false
    const attempt = new Attempt({
      plan,
      workforce: await workforce(plan, this.#rescaled),
      runId: this.runId,
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
              claims: claims !== undefined,
              restore: manifest === undefined ? undefined : durability.restoreTaskOf(manifest, directory, plan),
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
        atMostOnce?.subtaskEnded(share)
        checkpointing?.subtaskEnded(place, share)
      },
    })
    this.#attempt = attempt
    if (this.#cancelled !== undefined) attempt.fail(this.#cancelled)
    if (this.#stopRequested) attempt.stop()
    if (claims !== undefined) {
      atMostOnce = new durability!.AtMostOnce({
        plan,
        log: claims,
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
      const loaded = await this.#record.durability()
      if (checkpointing === undefined) {
        checkpointing = createCheckpointing(loaded)
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
          await commitShares(
            sinks,
            ended.map(([, share]) => share),
          )
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
    const { runId, origin: from } = this.#record
    const hasRescaled = Object.keys(this.#rescaled).length > 0
    return {
      runId,
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
    if (this.#record.store === undefined) await abortSinks(this.#sinks)
    await this.#record.close()
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
      return await listInput(this.#plan, this.#record, manifest)
    } catch (error) {
      this.#hasNoInput = this.#restarts === 0 && error instanceof EngineError && !error.retriable
      throw error
    }
  }

  #operators(): PhysicalOperator[] {
    return this.#plan.vertices.flatMap((vertex) => vertex.operators)
  }

  get #sinks(): PlannedSink[] {
    return sinksOf(this.#plan, this.runId)
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

/** Of a savepoint with which a job was stopped: its output may have been carried away since. */
async function isCommitted(durability: Durability, { kind }: Manifest, directory: string): Promise<boolean> {
  return kind === "savepoint" && (await durability.isSavepointCommitted(durability.openDisk(), directory))
}

import type { Committable, Sink, Split } from "../contracts/index.ts"
import { EngineError } from "../errors/index.ts"
import type { JobMetrics, SubtaskReport, WhyReport } from "../observe/index.ts"
import type { JobView } from "../observe/why.ts"
import { listChannels, type PhysicalOperator, type PhysicalPlan, workerOf } from "../plan/index.ts"
import { createRestartPolicy, type RestartPolicy, type RestartPolicySpec } from "../snapshot/index.ts"
import type { CheckpointStore, ClaimedSplit, ClaimLog, Manifest } from "../snapshot/store/index.ts"
import type { AtMostOnce } from "./at-most-once.ts"
import { Attempt, type Workforce } from "./attempt.ts"
import type { ChannelSize } from "./buffers.ts"
import type { Checkpointing, CheckpointSettings, Delivery, PlannedSink } from "./checkpointing.ts"
import type { SubtaskShare } from "./control.ts"
import type { Durability, Environment } from "./environment.ts"
import type { CheckpointCounts, JobEvent, JobHandle, JobResult, JobStatus } from "./job-handle.ts"
import { SplitCoordinator, unread } from "./split-coordinator.ts"

export interface JobOptions {
  readonly plan: PhysicalPlan
  readonly heartbeatTimeoutMs: number
  readonly print: (line: string) => void
  readonly onEvent: (event: JobEvent) => void
  readonly signal: AbortSignal | undefined
  /** Undefined: no checkpoints; a failure ends the job. */
  readonly checkpoints: CheckpointSettings | undefined
  readonly restart: RestartPolicySpec
  readonly environment: Environment
  /** Default: what suits the machine. */
  readonly channelSize?: ChannelSize
  /** Threads for one attempt. */
  workforce(): Promise<Workforce>
  /** Ends threads that no attempt has used. */
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

/** What the subtasks said of themselves at one time. */
interface Reports {
  readonly subtasks: readonly SubtaskReport[]
  /** Workers that did not answer. */
  readonly silent: readonly number[]
  readonly atMs: number
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
  readonly #plan: PhysicalPlan
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
    const { explainWhy } = await import("../observe/why.ts")
    const attempt = this.#status === "running" ? this.#attempt : undefined
    const before = await this.#reportsOf(attempt)
    // What moves is told from what stands by a second look.
    if (attempt !== undefined && before.silent.length === 0) {
      await new Promise<void>((resolve) => void this.#environment.after(SECOND_LOOK_MS, resolve))
    }
    const after = before.silent.length === 0 ? await this.#reportsOf(attempt) : before
    return explainWhy(this.#viewOf(before, after), operatorId)
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

  stop(): Promise<JobResult> {
    if (!this.#stopRequested && !this.#hasEnded) {
      this.#stopRequested = true
      if (this.#status === "running") this.#status = "stopping"
      this.#attempt?.stop()
      this.#interruptPause()
    }
    return this.done
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

  #viewOf(before: Reports, { subtasks, silent, atMs }: Reports): JobView {
    const { vertices, workers } = this.#plan
    const totals = this.#attempt?.totals()
    return {
      jobName: this.jobName,
      status: this.#status,
      vertices: vertices.map(({ id, index, operators }) => ({
        id,
        operators: operators.map((operator) => operator.id),
        recordsIn: totals?.[index]?.recordsIn ?? 0,
        recordsOut: totals?.[index]?.recordsOut ?? 0,
        splitsWaiting: this.#attempt?.splitsWaiting(index) ?? 0,
      })),
      channels: listChannels(this.#plan).map(({ edge, fromSubtask, toSubtask }) => ({
        from: { vertex: edge.from, subtask: fromSubtask },
        to: { vertex: edge.to, subtask: toSubtask },
      })),
      subtasks,
      before: { subtasks: before.subtasks, agoMs: atMs - before.atMs },
      silent: silent.map((worker) => ({
        worker,
        subtasks: vertices.flatMap(({ id, parallelism }) =>
          Array.from({ length: parallelism }, (_, subtask) => subtask)
            .filter((subtask) => workerOf(subtask, workers) === worker)
            .map((subtask) => `${id}/${subtask}`),
        ),
      })),
      nowMs: this.#environment.wallClock(),
    }
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
      const start = await this.#open()
      for (const { sink, context } of this.#sinks()) await sink.prepare?.(context)
      await this.#attempts(start)
      await this.#claims?.remove()
      await this.#store?.markFinished()
      await this.#store?.close()
      this.#succeed()
    } catch (error) {
      await this.#options.release()
      await this.#fail(error)
    }
  }

  /** Opens the checkpoint directory, if there is one, and finds where to begin. */
  async #open(): Promise<Start> {
    const { checkpoints, onEvent } = this.#options
    if (checkpoints === undefined) return { manifest: undefined, directory: "" }
    const durability = await this.#environment.durability()
    this.#durability = durability
    this.#store = await durability.CheckpointStore.open({
      disk: durability.openDisk(),
      directory: checkpoints.directory,
      jobName: this.jobName,
      retain: checkpoints.retain,
      owner: durability.lockOwner(this.#environment.uniqueId()),
      onWarning: (warning) => onEvent({ type: "warning", error: warning }),
    })
    const start = await this.#newest(this.#store)
    const disk = durability.openDisk()
    const { folder } = this.#store
    const claimed = await durability.ClaimLog.exists({ disk, folder })
    const atMostOnce = checkpoints.delivery === "at-most-once"
    if (atMostOnce ? start.manifest !== undefined : claimed) throw deliveryChanged(checkpoints.delivery, folder)
    if (atMostOnce) this.#claims = await durability.ClaimLog.open({ disk, folder, jobName: this.jobName })
    this.#runId = start.manifest?.runId ?? this.#claims?.runId ?? this.#runId
    return start
  }

  async #newest(store: CheckpointStore): Promise<Start> {
    const { point } = await store.newestSound()
    return { manifest: point?.manifest, directory: point?.directory ?? store.folder }
  }

  /** Attempts until one comes to its end, or the policy has had enough. */
  async #attempts(first: Start): Promise<void> {
    const store = this.#store
    for (let start = first; ; ) {
      try {
        await this.#attemptFrom(start)
        return
      } catch (error) {
        if (this.#cancelled !== undefined) throw this.#cancelled
        if (store === undefined) throw error
        const decision = this.#policy.onFailure(this.#environment.now())
        if (!decision.restart) throw error
        this.#restarts += 1
        this.#status = "restarting"
        start = await this.#newest(store)
        this.#options.onEvent({
          type: "restart",
          error,
          attempt: this.#restarts,
          from: this.#claims !== undefined ? "claims" : start.manifest !== undefined ? "checkpoint" : "beginning",
          delayMs: decision.delayMs,
          checkpointId: start.manifest?.checkpointId,
        })
        await this.#pause(decision.delayMs)
        if (this.#cancelled !== undefined) throw this.#cancelled
      }
    }
  }

  async #attemptFrom({ manifest, directory }: Start): Promise<void> {
    const { plan, workforce, heartbeatTimeoutMs, checkpoints: settings } = this.#options
    const store = this.#store
    const sinks = this.#sinks()
    const durability = this.#durability
    if (manifest !== undefined) await durability!.commitOf(manifest, sinks, false)
    // What was prepared for checkpoints that never completed is not committed any more.
    if (store !== undefined) await this.#abortSinks()
    const splits = await this.#listSplits(manifest)
    const number = store?.beginAttempt() ?? 1
    const prepared: Record<string, Committable[]> = {}
    let checkpointing: Checkpointing | undefined
    let atMostOnce: AtMostOnce | undefined
    const attempt = new Attempt({
      plan,
      workforce: await workforce(),
      runId: this.#runId,
      heartbeatTimeoutMs,
      environment: this.#environment,
      channelSize: this.#options.channelSize,
      splits,
      checkpoints:
        store === undefined
          ? undefined
          : {
              directory: store.folder,
              attempt: number,
              barrierMode: settings!.barrierMode,
              incremental: settings!.incremental,
              claims: this.#claims !== undefined,
              restore: manifest === undefined ? undefined : durability!.restoreTaskOf(manifest, directory, plan),
            },
      onRunning: () => {
        if (!this.#hasEnded) this.#status = this.#stopRequested ? "stopping" : "running"
        checkpointing?.start()
        atMostOnce?.start()
        this.#options.onEvent({ type: "running" })
      },
      onValues: (operatorId, values) => this.#onValues(operatorId, values),
      onAcknowledge: (checkpointId, place, share) => checkpointing?.acknowledge(checkpointId, place, share),
      onDecline: (checkpointId, place, error) => checkpointing?.decline(checkpointId, place, error),
      onClaim: async (vertex, claim) => atMostOnce!.claim(vertex, claim),
      onOutputCut: (place, cut) => atMostOnce!.outputCut(place, cut),
      onSubtaskEnd: (place, share) => {
        if (atMostOnce !== undefined) atMostOnce.subtaskEnded(share)
        else if (checkpointing === undefined) gather(prepared, share)
        else checkpointing.subtaskEnded(place, share)
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
        environment: this.#environment,
        tellAll: (method, ...args) => attempt.tellAll(method, ...args),
        fail: (error) => attempt.fail(error),
        onCommitted: () => this.#policy.onStable(this.#environment.now()),
      })
    } else if (store !== undefined) {
      checkpointing = new durability!.Checkpointing({
        plan,
        store,
        attempt: number,
        settings: settings!,
        runId: this.#runId,
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
    }
    try {
      await attempt.run()
      if (atMostOnce !== undefined) await atMostOnce.finish()
      else if (checkpointing !== undefined) await checkpointing.finish()
      else
        for (const { id, sink, context } of sinks) await sink.commit?.(prepared[id] ?? [], { ...context, final: true })
    } finally {
      this.readMetrics()
      await checkpointing?.stop()
      await atMostOnce?.stop()
    }
  }

  #succeed(): void {
    const status = this.#stopRequested ? "stopped" : "finished"
    this.#status = status
    this.#resolve({
      jobName: this.jobName,
      runId: this.runId,
      status,
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
      splits.set(vertex.index, new SplitCoordinator(progress, role.source.splitsInOrder))
      claimed.push(...(earlier.length > 0 ? earlier : progress.map(({ split }) => unclaimed(vertex.id, split))))
    }
    await this.#claims?.begin(this.#runId, claimed)
    return splits
  }

  #operators(): PhysicalOperator[] {
    return this.#plan.vertices.flatMap((vertex) => vertex.operators)
  }

  #sinks(): PlannedSink[] {
    return this.#plan.vertices.flatMap(({ operators, parallelism }) =>
      operators.flatMap(({ id, node }) =>
        node.role.type === "sink"
          ? [
              {
                id,
                sink: node.role.sink,
                context: { jobName: this.jobName, runId: this.runId, operatorId: id, parallelism },
              },
            ]
          : [],
      ),
    )
  }

  /** Removes what was not committed. What goes wrong here is said beside the failure that led here, never in its place. */
  async #abortSinks(): Promise<void> {
    for (const { sink, context } of this.#sinks()) {
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

function gather(prepared: Record<string, Committable[]>, share: SubtaskShare): void {
  for (const [operatorId, committables] of Object.entries(share.prepared)) {
    prepared[operatorId] ??= []
    prepared[operatorId].push(...committables)
  }
}

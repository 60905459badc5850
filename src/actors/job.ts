import { randomUUID } from "node:crypto"
import type { Committable, Sink, SinkJobContext } from "../contracts/index.ts"
import { EngineError, fromPlainError } from "../errors/index.ts"
import { createDoorbells, createRing, heartbeat, isSleeping } from "../mailbox/index.ts"
import { createMetricsBuffer, type JobMetrics, MetricsReader } from "../observe/index.ts"
import { listChannels, type PhysicalOperator, type PhysicalPlan } from "../plan/index.ts"
import type { HostResult, MainControl, SharedBuffers, WorkerControl } from "./control.ts"
import { CHANNEL_CREDITS, firstSlotOf } from "./deployment.ts"
import type { JobHandle, JobResult, JobStatus } from "./job-handle.ts"
import { SplitCoordinator } from "./split-coordinator.ts"

/** One worker of a running job, on a thread of its own or on the calling one. */
export interface JobWorker {
  /** Tells the worker something. Rejects when it is gone. */
  tell<M extends keyof WorkerControl>(method: M, ...args: Parameters<WorkerControl[M]>): Promise<void>
  readonly ended: Promise<HostResult>
  close(): void
}

export interface JobOptions {
  readonly plan: PhysicalPlan
  readonly heartbeatTimeoutMs: number
  readonly print: (line: string) => void
  readonly signal: AbortSignal | undefined
  /** Starts one worker. */
  startWorker(worker: number, context: { runId: string; buffers: SharedBuffers; main: MainControl }): JobWorker
  /** Ends all workers, whatever they are doing. */
  terminate(): Promise<void>
}

/** Bytes of all rings of a job together, within the bounds of one ring. */
const RINGS_BYTES = 64 * 1024 * 1024
const RING_BYTES_MIN = 32 * 1024
const RING_BYTES_MAX = 256 * 1024
/** How long a cancelled worker may take to let go of its files before its thread is ended. */
const CANCEL_GRACE_MS = 500
const HEARTBEAT_CHECK_MS = 1000

/**
 * The supervisor of one run of a job, in the main thread: deploys, hands out splits, watches, stops, commits, reports.
 *
 * - The first failure ends the job: the other workers are cancelled, what was not committed is removed, and `done`
 *   rejects with that failure.
 * - A worker that dies, in whatever way, is noticed by its promise; one that hangs, by its heartbeat.
 */
export class Job implements JobHandle {
  readonly runId: string = randomUUID().slice(0, 8)
  readonly done: Promise<JobResult>
  readonly #options: JobOptions
  readonly #plan: PhysicalPlan
  readonly #buffers: SharedBuffers
  readonly #metrics: MetricsReader
  readonly #startedMs = performance.now()
  readonly #collected: Record<string, unknown[]> = {}
  readonly #splits = new Map<number, SplitCoordinator>()
  #workers: JobWorker[] = []
  #status: JobStatus = "deploying"
  #readyWorkers = 0
  #stopRequested = false
  #failure: { readonly error: unknown } | undefined
  #lastReading: JobMetrics | undefined
  /** Resolves at the first failure. */
  readonly #failed: Promise<void>
  #onFailure!: () => void
  #resolve!: (result: JobResult) => void
  #reject!: (error: unknown) => void

  constructor(options: JobOptions) {
    this.#options = options
    this.#plan = options.plan
    this.#buffers = createBuffers(options.plan)
    this.#metrics = createReader(options.plan, this.#buffers.metrics, this.#startedMs)
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#failed = new Promise((resolve) => {
      this.#onFailure = resolve
    })
    // Whoever cares awaits `done`; the failure must not end the process through a promise nobody has looked at yet.
    this.done.catch(() => undefined)
  }

  get jobName(): string {
    return this.#plan.jobName
  }

  get plan(): PhysicalPlan {
    return this.#plan
  }

  get status(): JobStatus {
    return this.#status
  }

  /** Prepares sinks, lists splits, starts the workers. Never rejects: failures end the job. */
  async start(): Promise<void> {
    const { signal } = this.#options
    const onAbort = (): void => void this.cancel()
    try {
      if (signal?.aborted) throw cancelled(this.jobName)
      signal?.addEventListener("abort", onAbort, { once: true })
      for (const sink of this.#sinks()) await sink.sink.prepare?.(sink.context)
      await this.#listSplits()
      if (this.#failure !== undefined) throw this.#failure.error
      const main: MainControl = {
        ready: () => this.#onReady(),
        requestSplit: (vertex, subtask) => this.#onSplitRequest(vertex, subtask),
        toMain: (operatorId, values) => this.#onValues(operatorId, values),
      }
      this.#workers = Array.from({ length: Math.max(1, this.#plan.workers) }, (_, worker) =>
        this.#options.startWorker(worker, { runId: this.runId, buffers: this.#buffers, main }),
      )
    } catch (error) {
      this.#failure ??= { error }
    }
    void this.#supervise().finally(() => signal?.removeEventListener("abort", onAbort))
  }

  readMetrics(): JobMetrics {
    this.#lastReading = this.#metrics.read(performance.now())
    return this.#lastReading
  }

  async *metrics(options: { readonly everyMs?: number } = {}): AsyncIterableIterator<JobMetrics> {
    const everyMs = options.everyMs ?? 1000
    let ended = false
    const end = this.done.then(
      () => {
        ended = true
      },
      () => {
        ended = true
      },
    )
    while (!ended) {
      let timer: NodeJS.Timeout | undefined
      const tick = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, everyMs)
      })
      await Promise.race([end, tick])
      clearTimeout(timer)
      yield this.readMetrics()
    }
  }

  stop(): Promise<JobResult> {
    if (!this.#stopRequested && (this.#status === "deploying" || this.#status === "running")) {
      this.#stopRequested = true
      if (this.#status === "running") this.#status = "stopping"
      for (const coordinator of this.#splits.values()) coordinator.close()
      this.#tellAll("stop")
    }
    return this.done
  }

  async cancel(): Promise<void> {
    if (this.#ended) return
    this.#fail(cancelled(this.jobName))
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
    await Promise.all(this.#workers.map((worker) => worker.tell("setRate", operatorId, recordsPerSecond)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel()
  }

  get #ended(): boolean {
    return (
      this.#status === "finished" ||
      this.#status === "stopped" ||
      this.#status === "cancelled" ||
      this.#status === "failed"
    )
  }

  /** Waits for all workers, or for the first failure, and brings the job to its end. */
  async #supervise(): Promise<void> {
    const heartbeats = this.#watchHeartbeats()
    const prepared: Record<string, Committable[]> = {}
    const endings = this.#workers.map((worker) =>
      worker.ended.then(
        (result) => {
          if (!result.ok) {
            this.#fail(fromPlainError(result.error))
            return
          }
          for (const [operatorId, committables] of Object.entries(result.prepared)) {
            prepared[operatorId] ??= []
            prepared[operatorId].push(...committables)
          }
        },
        (error: unknown) => this.#fail(error),
      ),
    )
    const allEnded = Promise.all(endings)
    await Promise.race([allEnded, this.#failed])
    clearInterval(heartbeats)
    try {
      if (this.#failure === undefined) {
        for (const { id, sink, context } of this.#sinks())
          await sink.commit?.(prepared[id] ?? [], { ...context, final: true })
      } else {
        await Promise.race([allEnded, delay(CANCEL_GRACE_MS)])
      }
    } catch (error) {
      this.#failure ??= { error }
    }
    const metrics = this.readMetrics()
    for (const worker of this.#workers) worker.close()
    await this.#options.terminate()
    if (this.#failure !== undefined) await this.#abortSinks()
    this.#finish(metrics)
  }

  #finish(metrics: JobMetrics): void {
    if (this.#failure !== undefined) {
      const { error } = this.#failure
      this.#status = error instanceof EngineError && error.code === "JOB_CANCELLED" ? "cancelled" : "failed"
      this.#reject(error)
      return
    }
    const status = this.#stopRequested ? "stopped" : "finished"
    this.#status = status
    this.#resolve({
      jobName: this.jobName,
      runId: this.runId,
      status,
      durationMs: performance.now() - this.#startedMs,
      metrics,
      collected: this.#collected,
    })
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined || this.#ended) return
    this.#failure = { error }
    this.#status = "stopping"
    this.#tellAll("cancel")
    this.#onFailure()
  }

  /** A worker that is gone is noticed by its own promise; a call that does not reach it needs no second report. */
  #tellAll(method: "stop" | "cancel"): void {
    for (const worker of this.#workers) worker.tell(method).catch(() => undefined)
  }

  #onReady(): void {
    this.#readyWorkers += 1
    if (this.#readyWorkers === this.#workers.length && this.#status === "deploying") {
      this.#status = this.#stopRequested ? "stopping" : "running"
    }
  }

  #onSplitRequest(vertex: number, subtask: number): void {
    const coordinator = this.#splits.get(vertex)!
    const { assignment, releasesWatermark } = coordinator.next()
    const worker = this.#workers[this.#plan.workers === 0 ? 0 : subtask % this.#plan.workers]!
    this.#tell(worker, "assignSplit", vertex, subtask, assignment)
    if (releasesWatermark) {
      for (const each of this.#workers) this.#tell(each, "releaseWatermark", vertex)
    }
  }

  #tell<M extends keyof WorkerControl>(worker: JobWorker, method: M, ...args: Parameters<WorkerControl[M]>): void {
    worker.tell(method, ...args).catch((error: unknown) => {
      if (error instanceof EngineError && error.code === "PEER_GONE") return
      this.#fail(error)
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

  async #listSplits(): Promise<void> {
    for (const vertex of this.#plan.vertices) {
      const { role } = vertex.operators[0]!.node
      if (role.type !== "source") continue
      const splits = await role.source.splits({ parallelism: vertex.parallelism })
      this.#splits.set(vertex.index, new SplitCoordinator(splits, role.source.splitsInOrder))
    }
  }

  #operators(): PhysicalOperator[] {
    return this.#plan.vertices.flatMap((vertex) => vertex.operators)
  }

  #sinks(): { readonly id: string; readonly sink: Sink<unknown>; readonly context: SinkJobContext }[] {
    return this.#plan.vertices.flatMap((vertex) =>
      vertex.operators.flatMap(({ id, node }) =>
        node.role.type === "sink"
          ? [
              {
                id,
                sink: node.role.sink,
                context: { jobName: this.jobName, runId: this.runId, operatorId: id, parallelism: vertex.parallelism },
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

  /** A worker that neither sleeps nor goes round is stuck in user code. */
  #watchHeartbeats(): NodeJS.Timeout {
    const { doorbells } = this.#buffers
    const last = this.#workers.map((_, worker) => ({ beat: heartbeat(doorbells, worker), sinceMs: performance.now() }))
    return setInterval(() => {
      if (this.#status === "deploying") return
      for (const [worker, seen] of last.entries()) {
        const beat = heartbeat(doorbells, worker)
        if (beat !== seen.beat || isSleeping(doorbells, worker)) {
          last[worker] = { beat, sinceMs: performance.now() }
        } else if (performance.now() - seen.sinceMs > this.#options.heartbeatTimeoutMs && beat !== 0) {
          this.#fail(
            new EngineError(
              "WORKER_HUNG",
              `Worker ${worker} has made no step for ${this.#options.heartbeatTimeoutMs} ms; look for an endless loop or a blocking call in the pipeline's functions, or raise heartbeatTimeoutMs`,
              { details: { worker } },
            ),
          )
        }
      }
    }, HEARTBEAT_CHECK_MS)
  }
}

function createBuffers(plan: PhysicalPlan): SharedBuffers {
  const subtasks = plan.vertices.reduce((sum, vertex) => sum + vertex.parallelism, 0)
  const channels = listChannels(plan)
  const remote = channels.filter((channel) => channel.fromWorker !== channel.toWorker).length
  const share = RINGS_BYTES / Math.max(1, remote)
  const capacityBytes = 2 ** Math.floor(Math.log2(Math.min(RING_BYTES_MAX, Math.max(RING_BYTES_MIN, share))))
  return {
    doorbells: createDoorbells(Math.max(1, plan.workers)),
    metrics: createMetricsBuffer(subtasks),
    rings: channels.map((channel) =>
      channel.fromWorker === channel.toWorker
        ? undefined
        : createRing({ capacityRecords: CHANNEL_CREDITS, capacityBytes }),
    ),
  }
}

function createReader(plan: PhysicalPlan, buffer: SharedArrayBuffer, startedMs: number): MetricsReader {
  return new MetricsReader(
    buffer,
    plan.vertices.map((vertex) => ({
      id: vertex.id,
      name: vertex.name,
      parallelism: vertex.parallelism,
      firstSlot: firstSlotOf(plan, vertex.index),
      isSource: vertex.operators[0]!.node.role.type === "source",
      hasSink: vertex.operators.some((operator) => operator.node.role.type === "sink"),
    })),
    startedMs,
  )
}

function cancelled(jobName: string): EngineError {
  return new EngineError("JOB_CANCELLED", `Job "${jobName}" was cancelled; nothing that it had not committed is kept`)
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

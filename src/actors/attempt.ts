import { EngineError, fromPlainError, type PlainError } from "../errors/index.ts"
import { heartbeat } from "../mailbox/index.ts"
import { type JobMetrics, MetricsReader, type SubtaskReport } from "../observe/index.ts"
import { type PhysicalPlan, workerOf } from "../plan/index.ts"
import { type ChannelSize, createBuffers, firstSlotOf } from "./buffers.ts"
import type {
  HostResult,
  MainControl,
  PreparedBySink,
  SharedBuffers,
  SubtaskPlace,
  SubtaskShare,
  WorkerCheckpoints,
  WorkerControl,
} from "./control.ts"
import type { Environment } from "./environment.ts"
import type { SplitClaim } from "./source-reader.ts"
import type { SplitCoordinator } from "./split-coordinator.ts"

/** One worker of a running attempt, on a thread of its own or on the calling one. */
export interface JobWorker {
  /** Tells the worker something, or asks it. Rejects when it is gone. */
  tell<M extends keyof WorkerControl>(
    method: M,
    ...args: Parameters<WorkerControl[M]>
  ): Promise<ReturnType<WorkerControl[M]>>
  readonly ended: Promise<HostResult>
  close(): void
}

/** What a worker is started with, beside the plan. */
export interface WorkerContext {
  readonly runId: string
  readonly buffers: SharedBuffers
  readonly main: MainControl
  readonly checkpoints: WorkerCheckpoints | undefined
  /** Where state on disk is kept, for this attempt alone; undefined: on the heap. */
  readonly stateDirectory?: string | undefined
}

/** Starts the workers of one attempt, and ends them. */
export interface Workforce {
  start(worker: number, context: WorkerContext): JobWorker
  /**
   * Ends all workers, whatever they are doing.
   * @param settled each has come to its end by itself, or is gone: what it ran on may be used by another attempt
   */
  end(settled: boolean): Promise<void>
}

export interface AttemptOptions {
  readonly plan: PhysicalPlan
  readonly workforce: Workforce
  readonly runId: string
  readonly checkpoints: WorkerCheckpoints | undefined
  /** Where state on disk is kept, for this attempt alone; undefined: on the heap. */
  readonly stateDirectory?: string | undefined
  readonly heartbeatTimeoutMs: number
  readonly environment: Environment
  /** Default: what suits the machine. */
  readonly channelSize: ChannelSize | undefined
  /** By source vertex. */
  readonly splits: ReadonlyMap<number, SplitCoordinator>
  /** The first failure is known; workers are still to be ended. */
  onFailing(): void
  /** Every worker's subtasks are up. */
  onRunning(): void
  /** Values of `print()` and `collect()`. */
  onValues(operatorId: string, values: readonly unknown[]): void
  onAcknowledge(checkpointId: number, place: SubtaskPlace, share: SubtaskShare): void
  onDecline(checkpointId: number, place: SubtaskPlace, error: PlainError): void
  /** At most once: see MainControl. */
  onClaim(vertex: number, claim: SplitClaim): Promise<void>
  onOutputCut(place: SubtaskPlace, prepared: PreparedBySink): Promise<void>
  /** A subtask has come to its end. */
  onSubtaskEnd(place: SubtaskPlace, share: SubtaskShare): void
}

/** How long a cancelled worker may take to let go of its files before its thread is ended. */
const CANCEL_GRACE_MS = 500
const HEARTBEAT_CHECK_MS = 1000

/**
 * One deployment of a job: its workers from their start to their end.
 *
 * - The first failure ends it: the other workers are cancelled, and `run` rejects with that failure.
 * - A worker that dies, in whatever way, is noticed by its promise; one that hangs, by its heartbeat.
 */
export class Attempt {
  readonly #options: AttemptOptions
  readonly #buffers: SharedBuffers
  readonly #metrics: MetricsReader
  #workers: readonly JobWorker[] = []
  #readyWorkers = 0
  #stopping = false
  #failure: { readonly error: unknown } | undefined
  /** A worker gave up while something of its share was still going on. */
  #leftBehind = false
  #onFailure: () => void = () => undefined

  constructor(options: AttemptOptions) {
    this.#options = options
    this.#buffers = createBuffers(options.plan, options.channelSize)
    this.#metrics = createReader(options.plan, this.#buffers.metrics, options.environment.now())
  }

  /** Starts the workers and waits for them. Resolves when all have come to their end, rejects with the first failure; no thread is left then. */
  async run(): Promise<void> {
    const failed = new Promise<void>((resolve) => {
      this.#onFailure = resolve
    })
    const main: MainControl = {
      ready: () => this.#onReady(),
      requestSplit: (vertex, subtask) => this.#onSplitRequest(vertex, subtask),
      toMain: (operatorId, values) => this.#options.onValues(operatorId, values),
      acknowledge: (checkpointId, place, share) => this.#options.onAcknowledge(checkpointId, place, share),
      decline: (checkpointId, place, error) => this.#options.onDecline(checkpointId, place, error),
      claim: (vertex, claim) => this.#options.onClaim(vertex, claim),
      outputCut: (place, prepared) => this.#options.onOutputCut(place, prepared),
      subtaskEnded: (place, share) => this.#options.onSubtaskEnd(place, share),
    }
    let stopWatching: (() => void) | undefined
    let settled = true
    try {
      if (this.#failure === undefined) {
        this.#workers = Array.from({ length: Math.max(1, this.#options.plan.workers) }, (_, worker) =>
          this.#options.workforce.start(worker, {
            runId: this.#options.runId,
            buffers: this.#buffers,
            main,
            checkpoints: this.#options.checkpoints,
            stateDirectory: this.#options.stateDirectory,
          }),
        )
        stopWatching = this.#watchHeartbeats()
        if (this.#stopping) this.#signal("stop")
        const allEnded = Promise.all(this.#workers.map((worker) => this.#outcomeOf(worker)))
        await Promise.race([allEnded, failed])
        if (this.#failure !== undefined) settled = await this.#grace(allEnded)
      }
    } catch (error) {
      this.fail(error)
    } finally {
      stopWatching?.()
      for (const worker of this.#workers) worker.close()
      await this.#options.workforce.end(settled && !this.#leftBehind)
    }
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Drains: sources end, everything else follows. */
  stop(): void {
    this.#stopping = true
    for (const coordinator of this.#options.splits.values()) coordinator.close()
    this.#signal("stop")
  }

  /** Ends the attempt with this failure, unless it has one. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.#options.onFailing()
    this.#signal("cancel")
    this.#onFailure()
  }

  /** Tells every worker; one that is gone is noticed by its end. */
  tellAll<M extends keyof WorkerControl>(method: M, ...args: Parameters<WorkerControl[M]>): void {
    for (const worker of this.#workers) this.#tell(worker, method, ...args)
  }

  async setRate(operatorId: string, recordsPerSecond: number): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.tell("setRate", operatorId, recordsPerSecond)))
  }

  readMetrics(nowMs: number): JobMetrics {
    return this.#metrics.read(nowMs)
  }

  /** Records taken in and handed on, by vertex. */
  totals(): readonly { readonly recordsIn: number; readonly recordsOut: number }[] {
    return this.#metrics.totals()
  }

  /** Splits of a source that nobody has opened. */
  splitsWaiting(vertex: number): number {
    return this.#options.splits.get(vertex)?.waiting.length ?? 0
  }

  /** How every subtask stands; `silent` are workers that did not answer in time. */
  async reports(
    withinMs: number,
  ): Promise<{ readonly subtasks: readonly SubtaskReport[]; readonly silent: readonly number[] }> {
    let stopWaiting: (() => void) | undefined
    const tooLate = new Promise<undefined>((resolve) => {
      stopWaiting = this.#options.environment.after(withinMs, () => resolve(undefined))
    })
    const answers = await Promise.all(
      this.#workers.map((worker) =>
        Promise.race([
          tooLate,
          // One that is gone has nothing more to say, and is noticed by its end.
          worker.tell("report").catch(() => []),
        ]),
      ),
    )
    stopWaiting?.()
    return {
      subtasks: answers.flatMap((reports) => reports ?? []),
      silent: answers.flatMap((reports, worker) => (reports === undefined ? [worker] : [])),
    }
  }

  async #outcomeOf(worker: JobWorker): Promise<void> {
    try {
      const result = await worker.ended
      if (result.ok) return
      this.#leftBehind ||= result.leftBehind === true
      this.fail(fromPlainError(result.error))
    } catch (error) {
      this.fail(error)
    }
  }

  /** Lets cancelled workers close their files, for a while. @returns whether all came to their end */
  async #grace(allEnded: Promise<unknown>): Promise<boolean> {
    let stopWaiting: (() => void) | undefined
    const over = new Promise<false>((resolve) => {
      stopWaiting = this.#options.environment.after(CANCEL_GRACE_MS, () => resolve(false))
    })
    const settled = await Promise.race([allEnded.then(() => true), over])
    stopWaiting?.()
    return settled
  }

  /** A worker that is gone is noticed by its own promise; a call that does not reach it needs no second report. */
  #signal(method: "stop" | "cancel"): void {
    for (const worker of this.#workers) worker.tell(method).catch(() => undefined)
  }

  #tell<M extends keyof WorkerControl>(worker: JobWorker, method: M, ...args: Parameters<WorkerControl[M]>): void {
    worker.tell(method, ...args).catch((error: unknown) => {
      if (error instanceof EngineError && error.code === "PEER_GONE") return
      this.fail(error)
    })
  }

  #onReady(): void {
    this.#readyWorkers += 1
    if (this.#readyWorkers === this.#workers.length) this.#options.onRunning()
  }

  #onSplitRequest(vertex: number, subtask: number): void {
    const { assignment, releasesWatermark } = this.#options.splits.get(vertex)!.next(subtask)
    const worker = this.#workers[workerOf(subtask, this.#options.plan.workers)]!
    this.#tell(worker, "assignSplit", vertex, subtask, assignment)
    if (!releasesWatermark) return
    for (const each of this.#workers) this.#tell(each, "releaseWatermark", vertex)
  }

  /** A worker that no longer goes round is stuck in user code. */
  #watchHeartbeats(): () => void {
    const { doorbells } = this.#buffers
    const { heartbeatTimeoutMs, environment } = this.#options
    const last = this.#workers.map((_, worker) => ({ beat: heartbeat(doorbells, worker), sinceMs: environment.now() }))
    return environment.every(HEARTBEAT_CHECK_MS, () => {
      for (const [worker, seen] of last.entries()) {
        const beat = heartbeat(doorbells, worker)
        // A worker that has not begun its rounds yet is loading modules. One that sleeps beats at every tick all the same;
        // its sleeping flag says nothing, it is up during the last look around before the sleep.
        if (beat !== seen.beat || beat === 0) {
          last[worker] = { beat, sinceMs: environment.now() }
        } else if (environment.now() - seen.sinceMs > heartbeatTimeoutMs) {
          this.fail(
            new EngineError(
              "WORKER_HUNG",
              `Worker ${worker} has made no step for ${heartbeatTimeoutMs} ms; look for an endless loop or a blocking call in the pipeline's functions, or raise heartbeatTimeoutMs`,
              { details: { worker } },
            ),
          )
        }
      }
    })
  }
}

function createReader(plan: PhysicalPlan, buffer: SharedArrayBuffer, nowMs: number): MetricsReader {
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
    nowMs,
  )
}

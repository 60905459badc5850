import { randomUUID } from "node:crypto"
import type { Committable, Sink, SinkJobContext } from "../contracts/index.ts"
import { EngineError } from "../errors/index.ts"
import type { JobMetrics } from "../observe/index.ts"
import type { PhysicalOperator, PhysicalPlan } from "../plan/index.ts"
import { Attempt, type Workforce } from "./attempt.ts"
import type { SubtaskEnd } from "./control.ts"
import type { JobHandle, JobResult, JobStatus } from "./job-handle.ts"
import { SplitCoordinator, unread } from "./split-coordinator.ts"

export interface JobOptions {
  readonly plan: PhysicalPlan
  readonly heartbeatTimeoutMs: number
  readonly print: (line: string) => void
  readonly signal: AbortSignal | undefined
  /** The threads of one attempt. */
  workforce(runId: string): Workforce
}

/**
 * One run of a job, as its user holds it: prepares sinks, lists splits, runs the attempt, commits, reports.
 *
 * A job that fails or is cancelled removes what it had not committed, and `done` rejects with the first failure.
 */
export class Job implements JobHandle {
  readonly runId: string = randomUUID().slice(0, 8)
  readonly done: Promise<JobResult>
  readonly #options: JobOptions
  readonly #plan: PhysicalPlan
  readonly #startedMs = performance.now()
  readonly #collected: Record<string, unknown[]> = {}
  readonly #splits = new Map<number, SplitCoordinator>()
  /** By sink operator. */
  readonly #prepared: Record<string, Committable[]> = {}
  readonly #attempt: Attempt
  #status: JobStatus = "deploying"
  #stopRequested = false
  #resolve!: (result: JobResult) => void
  #reject!: (error: unknown) => void

  constructor(options: JobOptions) {
    this.#options = options
    this.#plan = options.plan
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Whoever cares awaits `done`; the failure must not end the process through a promise nobody has looked at yet.
    this.done.catch(() => undefined)
    this.#attempt = new Attempt({
      plan: options.plan,
      workforce: options.workforce(this.runId),
      heartbeatTimeoutMs: options.heartbeatTimeoutMs,
      splits: this.#splits,
      onRunning: () => {
        if (this.#status === "deploying") this.#status = this.#stopRequested ? "stopping" : "running"
      },
      onValues: (operatorId, values) => this.#onValues(operatorId, values),
      onSubtaskEnd: (end) => this.#onSubtaskEnd(end),
    })
  }

  get jobName(): string {
    return this.#plan.jobName
  }

  get status(): JobStatus {
    return this.#status
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
    return this.#attempt.readMetrics(performance.now())
  }

  async *metrics(options: { readonly everyMs?: number } = {}): AsyncIterableIterator<JobMetrics> {
    const everyMs = options.everyMs ?? 1000
    let ended = false
    const note = (): void => {
      ended = true
    }
    const end = this.done.then(note, note)
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
    if (!this.#stopRequested && !this.#hasEnded) {
      this.#stopRequested = true
      if (this.#status === "running") this.#status = "stopping"
      this.#attempt.stop()
    }
    return this.done
  }

  async cancel(): Promise<void> {
    if (this.#hasEnded) return
    this.#attempt.fail(
      new EngineError(
        "JOB_CANCELLED",
        `Job "${this.jobName}" was cancelled; nothing that it had not committed is kept`,
      ),
    )
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
    await this.#attempt.setRate(operatorId, recordsPerSecond)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel()
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
      for (const { sink, context } of this.#sinks()) await sink.prepare?.(context)
      await this.#listSplits()
    } catch (error) {
      this.#attempt.fail(error)
    }
    try {
      await this.#attempt.run()
      for (const { id, sink, context } of this.#sinks()) {
        await sink.commit?.(this.#prepared[id] ?? [], { ...context, final: true })
      }
      this.#succeed()
    } catch (error) {
      await this.#abortSinks()
      this.#status = error instanceof EngineError && error.code === "JOB_CANCELLED" ? "cancelled" : "failed"
      this.#reject(error)
    }
  }

  #succeed(): void {
    const status = this.#stopRequested ? "stopped" : "finished"
    this.#status = status
    this.#resolve({
      jobName: this.jobName,
      runId: this.runId,
      status,
      durationMs: performance.now() - this.#startedMs,
      metrics: this.readMetrics(),
      collected: this.#collected,
    })
  }

  #onSubtaskEnd({ prepared }: SubtaskEnd): void {
    for (const [operatorId, committables] of Object.entries(prepared)) {
      this.#prepared[operatorId] ??= []
      this.#prepared[operatorId].push(...committables)
    }
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
      const coordinator = new SplitCoordinator(splits.map(unread), role.source.splitsInOrder)
      if (this.#stopRequested) coordinator.close()
      this.#splits.set(vertex.index, coordinator)
    }
  }

  #operators(): PhysicalOperator[] {
    return this.#plan.vertices.flatMap((vertex) => vertex.operators)
  }

  #sinks(): { readonly id: string; readonly sink: Sink<unknown>; readonly context: SinkJobContext }[] {
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

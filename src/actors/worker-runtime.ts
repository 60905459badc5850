import { EngineError, toPlainError } from "../errors/index.ts"
import { Sleeper } from "../mailbox/index.ts"
import type { PhysicalPlan } from "../plan/index.ts"
import type { HostResult, MainControl, SharedBuffers, SubtaskEnd, WorkerControl } from "./control.ts"
import { type Deployment, deploy } from "./deployment.ts"
import type { Subtask } from "./subtask.ts"
import { WorkerLoop } from "./worker-loop.ts"

export interface WorkerRuntimeOptions {
  readonly plan: PhysicalPlan
  readonly worker: number
  readonly runId: string
  readonly buffers: SharedBuffers
  /** How to reach the main thread. */
  readonly main: MainControl
  readonly failed: (error: unknown) => void
}

/**
 * One worker's share of a job from deployment to its end: the same on a worker thread and, with `--workers 0`, on the
 * calling one. The edge where clocks, timers and the event loop come in.
 */
export class WorkerRuntime implements WorkerControl {
  readonly #options: WorkerRuntimeOptions
  readonly #loopHolder: { loop: WorkerLoop | undefined } = { loop: undefined }
  readonly #abort = new AbortController()
  #deployment: Deployment | undefined
  #cancelled = false
  /** Calls that came before the deployment stood. */
  readonly #early: ((deployment: Deployment) => void)[] = []

  constructor(options: WorkerRuntimeOptions) {
    this.#options = options
  }

  /** Runs to the end. Never rejects: failures come back as plain data. */
  async run(): Promise<HostResult> {
    const { plan, worker, runId, buffers, main } = this.#options
    let deployment: Deployment | undefined
    try {
      const sleeper = new Sleeper(buffers.doorbells, worker)
      const wake = (): void => this.#loopHolder.loop?.wake()
      deployment = await deploy({
        plan,
        worker,
        runId,
        buffers,
        signal: this.#abort.signal,
        now: () => performance.now(),
        sleep: (ms) => sleepFor(ms, this.#abort.signal),
        wake,
        requestSplit: (vertex, subtask) => main.requestSplit(vertex, subtask),
        toMain: async (operatorId, values) => main.toMain(operatorId, values),
      })
      const loop = new WorkerLoop({
        subtasks: deployment.subtasks,
        sleeper,
        now: () => performance.now(),
        turn: () => new Promise((resolve) => setImmediate(resolve)),
        every: (ms, callback) => {
          const timer = setInterval(callback, ms)
          return () => clearInterval(timer)
        },
      })
      this.#loopHolder.loop = loop
      this.#deployment = deployment
      for (const call of this.#early) call(deployment)
      if (this.#cancelled) loop.cancel()
      main.ready(worker)
      await loop.run()
      if (loop.cancelled) throw new EngineError("JOB_CANCELLED", "The job was cancelled")
      await Promise.all(deployment.subtasks.map((subtask) => main.subtaskEnded(endOf(subtask))))
      return { ok: true }
    } catch (error) {
      this.#abort.abort()
      for (const subtask of deployment?.subtasks ?? []) await subtask.abort()
      return { ok: false, cancelled: this.#cancelled, error: toPlainError(error) }
    }
  }

  assignSplit(vertex: number, subtask: number, assignment: Parameters<WorkerControl["assignSplit"]>[2]): void {
    this.#whenDeployed((deployment) => {
      try {
        deployment.readers.get(`${vertex}:${subtask}`)!.assign(assignment)
      } catch (error) {
        this.#options.failed(error)
      }
    })
  }

  releaseWatermark(vertex: number): void {
    this.#whenDeployed((deployment) => {
      for (const [place, reader] of deployment.readers) {
        if (place.startsWith(`${vertex}:`)) reader.releaseWatermark()
      }
    })
  }

  setRate(operatorId: string, recordsPerSecond: number): void {
    this.#whenDeployed((deployment) => {
      for (const reader of deployment.readers.values()) {
        if (reader.operatorId === operatorId) reader.setRate(recordsPerSecond)
      }
    })
  }

  stop(): void {
    this.#whenDeployed((deployment) => {
      for (const reader of deployment.readers.values()) reader.stop()
    })
  }

  cancel(): void {
    this.#cancelled = true
    this.#abort.abort()
    this.#loopHolder.loop?.cancel()
  }

  #whenDeployed(call: (deployment: Deployment) => void): void {
    if (this.#deployment === undefined) this.#early.push(call)
    else call(this.#deployment)
  }
}

function endOf({ vertex, subtask, prepared }: Subtask): SubtaskEnd {
  return { vertex, subtask, prepared }
}

function sleepFor(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener("abort", done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener("abort", done, { once: true })
  })
}

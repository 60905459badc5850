import { EngineError, toPlainError } from "../errors/index.ts"
import { Sleeper } from "../mailbox/index.ts"
import type { SubtaskReport } from "../observe/index.ts"
import type { PhysicalPlan, Vertex } from "../plan/index.ts"
import type { PartWriter } from "../snapshot/store/index.ts"
import { heapBackend, type StateBackend } from "../state/index.ts"
import type { HostResult, MainControl, PartTarget, SharedBuffers, WorkerCheckpoints, WorkerControl } from "./control.ts"
import { type Deployment, deploy } from "./deployment.ts"
import type { Loop, WorkerEnvironment } from "./environment.ts"
import type { BarrierMark } from "./subtask-input.ts"
import { Triggered } from "./triggered.ts"

export interface WorkerRuntimeOptions {
  readonly plan: PhysicalPlan
  readonly worker: number
  readonly runId: string
  readonly buffers: SharedBuffers
  readonly environment: WorkerEnvironment
  /** How to reach the main thread. */
  readonly main: MainControl
  readonly failed: (error: unknown) => void
  /** Present when the job takes checkpoints. */
  readonly checkpoints: WorkerCheckpoints | undefined
  /** Where state on disk is kept, for this attempt alone; undefined: on the heap. */
  readonly stateDirectory?: string | undefined
}

/**
 * One worker's share of a job from deployment to its end: the same on a worker thread and, with `--workers 0`, on the
 * calling one, and in the simulator.
 */
export class WorkerRuntime implements WorkerControl {
  readonly #options: WorkerRuntimeOptions
  readonly #loopHolder: { loop: Loop | undefined } = { loop: undefined }
  readonly #abort = new AbortController()
  #deployment: Deployment | undefined
  /** Of the subtasks whose state is on disk. */
  readonly #backends: StateBackend[] = []
  #cancelled = false
  /** Calls that came before the deployment stood. */
  readonly #early: ((deployment: Deployment) => void)[] = []
  readonly #triggered = new Triggered()
  /** Ends of subtasks on their way to the main thread. */
  readonly #told: Promise<void>[] = []

  constructor(options: WorkerRuntimeOptions) {
    this.#options = options
  }

  /** Runs to the end. Never rejects: failures come back as plain data. */
  async run(): Promise<HostResult> {
    const { plan, worker, runId, buffers, main, environment } = this.#options
    let deployment: Deployment | undefined
    try {
      const sleeper = new Sleeper(buffers.doorbells, worker)
      const wake = (): void => this.#loopHolder.loop?.wake()
      deployment = await deploy({
        plan,
        worker,
        runId,
        attempt: this.#options.checkpoints?.attempt ?? 1,
        buffers,
        signal: this.#abort.signal,
        now: environment.now,
        processingTimeMs: environment.wallClock,
        sleep: (ms) => environment.sleep(ms, this.#abort.signal),
        wake,
        barrierMode: this.#options.checkpoints?.barrierMode ?? { kind: "aligned" },
        incremental: this.#options.checkpoints?.incremental ?? false,
        restore: this.#options.checkpoints?.restore,
        restoring: environment.restoring,
        openBackend: (vertex, subtask) => this.#openBackend(vertex, subtask),
        requestSplit: (vertex, subtask) => main.requestSplit(vertex, subtask),
        claim:
          this.#options.checkpoints?.claims === true ? async (vertex, claim) => main.claim(vertex, claim) : undefined,
        outputCut: (place, prepared) => this.#tell(main.outputCut(place, prepared)),
        createPart: (checkpointId, vertex, subtask) => this.#createPart(checkpointId, vertex, subtask),
        acknowledge: (checkpointId, place, share) => this.#tell(main.acknowledge(checkpointId, place, share)),
        decline: (checkpointId, place, error) => this.#tell(main.decline(checkpointId, place, toPlainError(error))),
        ended: (place, share) => this.#told.push(Promise.resolve(main.subtaskEnded(place, share))),
        toMain: async (operatorId, values) => main.toMain(operatorId, values),
      })
      const loop = environment.loop(deployment.subtasks, sleeper)
      this.#loopHolder.loop = loop
      this.#deployment = deployment
      for (const call of this.#early) call(deployment)
      if (this.#cancelled) loop.cancel()
      main.ready(worker)
      await loop.run()
      if (loop.cancelled) throw new EngineError("JOB_CANCELLED", "The job was cancelled")
      await Promise.all(this.#told)
      return { ok: true }
    } catch (error) {
      this.#abort.abort()
      for (const subtask of deployment?.subtasks ?? []) await subtask.abort()
      return { ok: false, cancelled: this.#cancelled, error: toPlainError(error) }
    } finally {
      for (const backend of this.#backends) await backend.close()
    }
  }

  trigger(mark: BarrierMark, target?: PartTarget): void {
    this.#triggered.announce(mark.checkpointId, target)
    this.#whenDeployed((deployment) => {
      for (const reader of deployment.readers.values()) reader.trigger(mark)
    })
  }

  checkpointCompleted(checkpointId: number): void {
    this.#whenDeployed((deployment) => {
      for (const subtask of deployment.subtasks) subtask.checkpointCompleted(checkpointId)
    })
  }

  checkpointAborted(checkpointId: number): void {
    this.#whenDeployed((deployment) => {
      for (const subtask of deployment.subtasks) subtask.checkpointAborted(checkpointId)
      this.#loopHolder.loop?.wake()
    })
  }

  cutOutput(cutId: number): void {
    this.#whenDeployed((deployment) => {
      for (const subtask of deployment.subtasks) subtask.cutOutput(cutId)
    })
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

  report(): readonly SubtaskReport[] | undefined {
    return this.#deployment?.subtasks.map((subtask) => subtask.report())
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

  async #openBackend(vertex: Vertex, subtask: number): Promise<StateBackend> {
    const { stateDirectory, environment } = this.#options
    if (stateDirectory === undefined) return heapBackend
    const { openDiskBackend } = await environment.diskState()
    const backend = await openDiskBackend(`${stateDirectory}/${vertex.index}-${subtask}`)
    this.#backends.push(backend)
    return backend
  }

  async #createPart(checkpointId: number, vertex: Vertex, subtask: number): Promise<PartWriter> {
    const { plan, checkpoints, environment } = this.#options
    const { PartWriter, openDisk } = await environment.partWriting()
    // Its barrier may be faster than the call that says where it goes.
    const target = await this.#triggered.targetOf(checkpointId)
    const disk = openDisk()
    if (target !== undefined) await disk.mkdir(`${target.directory}/parts`)
    const { directory, attempt } = target ?? checkpoints!
    return PartWriter.create({
      disk,
      directory,
      jobName: plan.jobName,
      checkpointId,
      attempt,
      vertexId: vertex.id,
      subtask,
    })
  }

  /** A call that does not reach the main thread fails the worker: the two would no longer agree. */
  #tell(call: Promise<void> | void): Promise<void> {
    return Promise.resolve(call).catch(this.#options.failed)
  }

  #whenDeployed(call: (deployment: Deployment) => void): void {
    if (this.#deployment === undefined) this.#early.push(call)
    else call(this.#deployment)
  }
}

import type { JobWorker, WorkerContext, Workforce } from "../actors/attempt.ts"
import type { HostResult, MainControl, WorkerControl } from "../actors/control.ts"
import type { Loop, PartWriting, Restoring, WorkerEnvironment } from "../actors/environment.ts"
import type { Subtask } from "../actors/subtask.ts"
import { WorkerRuntime } from "../actors/worker-runtime.ts"
import { EngineError } from "../errors/index.ts"
import type { PhysicalPlan } from "../plan/index.ts"
import type { Disk } from "../snapshot/store/index.ts"
import { backendOf } from "../state/disk/disk-backend.ts"
import { SortedBytes } from "../state/disk/sorted-bytes.ts"
import { scheduledDisk } from "./scheduled-disk.ts"
import { type Lane, QueueLane, type World } from "./world.ts"

export interface SimWorkforceOptions {
  readonly world: World
  readonly plan: PhysicalPlan
  readonly disk: Disk
  readonly partWriting: PartWriting
  readonly restoring: Restoring
  /** Whether keyed state is kept as on disk. What stands for the disk is in memory, and begins empty: it is scratch. */
  readonly stateOnDisk: boolean
}

/** The workers of one attempt: the real runtime, stepped by the world, with ports in place of threads. */
export class SimWorkforce implements Workforce {
  readonly #options: SimWorkforceOptions
  readonly #workers: SimWorker[] = []

  constructor(options: SimWorkforceOptions) {
    this.#options = options
  }

  get workers(): readonly SimWorker[] {
    return this.#workers
  }

  start(worker: number, context: WorkerContext): JobWorker {
    const started = new SimWorker(this.#options, worker, context)
    this.#workers.push(started)
    return started
  }

  async end(): Promise<void> {
    for (const worker of this.#workers) worker.terminate()
  }
}

/** One worker: dies when it is told to, and what it had sent before still arrives. */
export class SimWorker implements JobWorker {
  readonly ended: Promise<HostResult>
  readonly #world: World
  readonly #name: string
  /** Calls to the worker and the answers to them; calls of the worker and their answers; its disk, and itself. */
  readonly #lanes: {
    readonly calls: QueueLane
    readonly answers: QueueLane
    readonly upCalls: QueueLane
    readonly upAnswers: QueueLane
    readonly disk: QueueLane
    readonly life: QueueLane
  }
  readonly #runtime: WorkerRuntime
  readonly #actors: Lane[] = []
  readonly #pending = new Set<(error: EngineError) => void>()
  #die!: (error: unknown) => void
  #alive = true
  #closed = false

  constructor(options: SimWorkforceOptions, worker: number, context: WorkerContext) {
    const { world, plan } = options
    this.#world = world
    this.#name = `worker ${worker}`
    const lane = (name: string, overtakes = false): QueueLane => {
      const made = new QueueLane(world, `${this.#name} ${name}`, { overtakes })
      world.add(made)
      return made
    }
    this.#lanes = {
      calls: lane("<-"),
      answers: lane("answers"),
      upCalls: lane("->"),
      upAnswers: lane("is answered"),
      disk: lane("disk", true),
      life: lane("life"),
    }
    const died = new Promise<never>((_, reject) => {
      this.#die = reject
    })
    this.#runtime = new WorkerRuntime({
      plan,
      worker,
      runId: context.runId,
      buffers: context.buffers,
      environment: this.#environment(options),
      checkpoints: context.checkpoints,
      failed: (error) => this.#die(error),
      main: this.#mainAsSeen(context.main),
      stateDirectory: options.stateOnDisk ? "state" : undefined,
    })
    const run = this.#lanes.life.turn("starts").then(() => this.#runtime.run())
    // The answer of a worker that ends well is a message too.
    const ended = run.then(async (result) => {
      await this.#lanes.life.turn(result.ok ? "ends" : "fails")
      return structuredClone(result)
    })
    this.ended = Promise.race([died, ended])
    this.ended.catch(() => undefined)
  }

  async tell<M extends keyof WorkerControl>(
    method: M,
    ...args: Parameters<WorkerControl[M]>
  ): Promise<ReturnType<WorkerControl[M]>> {
    if (this.#closed) throw this.#gone()
    const sent = structuredClone(args)
    return new Promise((resolve, reject) => {
      this.#pending.add(reject)
      this.#lanes.calls.push(describeCall(method, args), () => {
        if (!this.#alive) return
        const answer = (this.#runtime as unknown as Record<string, (...values: unknown[]) => never>)[method]!(...sent)
        this.#lanes.answers.push(`to ${method}`, () => {
          this.#pending.delete(reject)
          resolve(answer)
        })
      })
    })
  }

  close(): void {
    this.#closed = true
    for (const reject of this.#pending) reject(this.#gone())
    this.#pending.clear()
    this.#lanes.calls.clear()
    this.#lanes.answers.clear()
    this.#lanes.upCalls.clear()
    this.#lanes.upAnswers.clear()
  }

  /** The thread ends where it stands. The main thread hears of it later. */
  kill(): boolean {
    if (!this.#alive || this.#closed) return false
    this.#stop()
    this.#lanes.life.clear()
    this.#lanes.life.push("is dead", () =>
      this.#die(
        new EngineError("WORKER_EXITED", `${this.#name} ended by itself with exit code 1; the simulation did it`),
      ),
    )
    return true
  }

  terminate(): void {
    this.#stop()
    this.close()
    for (const lane of Object.values(this.#lanes)) this.#world.remove(lane)
  }

  #stop(): void {
    this.#alive = false
    for (const lane of this.#actors) this.#world.remove(lane)
    this.#actors.length = 0
    this.#lanes.disk.clear()
    this.#lanes.calls.clear()
    this.#lanes.upAnswers.clear()
  }

  #gone(): EngineError {
    return new EngineError("PEER_GONE", `Cannot reach ${this.#name}: its thread has ended`)
  }

  #mainAsSeen(main: MainControl): MainControl {
    const call = (what: string, act: () => Promise<void> | void): Promise<void> =>
      new Promise((resolve, reject) => {
        this.#lanes.upCalls.push(what, () => {
          const answer = (settle: () => void): void => this.#lanes.upAnswers.push(`for ${what}`, settle)
          Promise.resolve()
            .then(act)
            .then(
              () => answer(resolve),
              (error: unknown) => answer(() => reject(error)),
            )
        })
      })
    const tell = (what: string, act: () => void): void => {
      call(what, act).catch((error: unknown) => this.#die(error))
    }
    return {
      ready: (worker) => tell("ready", () => main.ready(worker)),
      requestSplit: (vertex, subtask) =>
        tell(`${vertex}/${subtask} wants a split`, () => main.requestSplit(vertex, subtask)),
      toMain: (operatorId, values) => {
        const sent = structuredClone(values)
        return call(`values of ${operatorId}`, () => main.toMain(operatorId, sent))
      },
      acknowledge: (checkpointId, place, share) => {
        this.#world.mark("ack")
        const sent = structuredClone(share)
        return call(`checkpoint ${checkpointId} of ${place.vertex}/${place.subtask} acknowledged`, () =>
          main.acknowledge(checkpointId, place, sent),
        )
      },
      decline: (checkpointId, place, error) =>
        call(`checkpoint ${checkpointId} of ${place.vertex}/${place.subtask} declined`, () =>
          main.decline(checkpointId, place, error),
        ),
      claim: (vertex, claim) => call(`${vertex} claims of ${claim.splitId}`, () => main.claim(vertex, claim)),
      outputCut: (place, prepared) => {
        const sent = structuredClone(prepared)
        return call(`output of ${place.vertex}/${place.subtask}`, () => main.outputCut(place, sent))
      },
      subtaskEnded: (place, share) => {
        const sent = structuredClone(share)
        return call(`${place.vertex}/${place.subtask} ended`, () => main.subtaskEnded(place, sent))
      },
    }
  }

  #environment({ world, plan, disk, partWriting, restoring }: SimWorkforceOptions): WorkerEnvironment {
    const own = scheduledDisk(disk, (what) => this.#lanes.disk.turn(what))
    return {
      now: () => world.nowMs,
      wallClock: () => world.nowMs,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal.aborted) return resolve()
          const onAbort = (): void => {
            cancel()
            resolve()
          }
          const cancel = world.after(ms, () => {
            signal.removeEventListener("abort", onAbort)
            if (this.#alive) resolve()
          })
          signal.addEventListener("abort", onAbort, { once: true })
        }),
      loop: (subtasks) => this.#loop(subtasks, plan),
      partWriting: async () => ({ ...partWriting, openDisk: () => own }),
      restoring: async () => ({ ...restoring, openDisk: () => own }),
      diskState: async () => ({ openDiskBackend: async () => backendOf(new SortedBytes(), async () => undefined) }),
    }
  }

  #loop(subtasks: readonly Subtask[], plan: PhysicalPlan): Loop {
    const world = this.#world
    let finish: () => void = () => undefined
    let fail: (error: unknown) => void = () => undefined
    const loop = {
      cancelled: false,
      run: () =>
        new Promise<void>((resolve, reject) => {
          finish = resolve
          fail = reject
          if (loop.cancelled || !this.#alive) return resolve()
          for (const subtask of subtasks) {
            const lane = new ActorLane(world, `${plan.vertices[subtask.vertex]!.id}/${subtask.subtask}`, subtask, {
              done: () => {
                leave(lane)
                if (this.#actors.length === 0) resolve()
              },
              failed: (error) => {
                for (const each of [...this.#actors]) leave(each)
                fail(error)
              },
            })
            this.#actors.push(lane)
            world.add(lane)
          }
          if (subtasks.length === 0) resolve()
        }),
      wake: () => {
        world.changes += 1
      },
      cancel: () => {
        loop.cancelled = true
        for (const lane of [...this.#actors]) leave(lane)
        finish()
      },
    }
    const leave = (lane: Lane): void => {
      world.remove(lane)
      this.#actors.splice(this.#actors.indexOf(lane), 1)
    }
    return loop
  }
}

/** One subtask: ready whenever something has happened since it last had nothing to do. */
class ActorLane implements Lane {
  readonly kind = "actor"
  readonly name: string
  readonly #world: World
  readonly #subtask: Subtask
  readonly #ends: { done(): void; failed(error: unknown): void }
  #quietSince = 0

  constructor(
    world: World,
    name: string,
    subtask: Subtask,
    ends: { readonly done: () => void; readonly failed: (error: unknown) => void },
  ) {
    this.#world = world
    this.name = name
    this.#subtask = subtask
    this.#ends = ends
  }

  get ready(): boolean {
    return this.#quietSince < this.#world.changes
  }

  run(): string {
    const world = this.#world
    const before = world.changes
    try {
      const outcome = this.#subtask.step(world.nextBudget())
      if (outcome === "progressed") world.changes += 1
      else if (outcome === "done") {
        world.changes += 1
        this.#ends.done()
      } else this.#quietSince = before
      return outcome
    } catch (error) {
      this.#ends.failed(error)
      return "failed"
    }
  }
}

function describeCall(method: string, args: readonly unknown[]): string {
  const [first] = args
  if (method === "trigger") return `trigger ${(first as { readonly checkpointId: number }).checkpointId}`
  return typeof first === "number" ? `${method} ${first}` : method
}

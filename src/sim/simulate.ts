import type { ChannelSize } from "../actors/buffers.ts"
import type { CheckpointSettings } from "../actors/checkpointing.ts"
import * as durability from "../actors/durability.ts"
import type { Environment } from "../actors/environment.ts"
import { Job } from "../actors/job.ts"
import type { JobResult } from "../actors/job-handle.ts"
import * as partWriting from "../actors/part-writing.ts"
import * as restoring from "../actors/restoring.ts"
import { EngineError } from "../errors/index.ts"
import { type LogicalGraph, planJob } from "../plan/index.ts"
import { type Disk, SimDisk, type SimFault } from "../snapshot/store/index.ts"
import { SimWorkforce } from "./_workforce.ts"
import type { Outside } from "./outside.ts"
import { type Fault, type Request, type Schedule, type Shape, seededRandom } from "./schedule.ts"
import { scheduledDisk } from "./scheduled-disk.ts"
import { QueueLane, World } from "./world.ts"

export interface SimulationOptions {
  /** Describes the graph, anew for every process. Its sources and sinks must know no other outside than `outside`. */
  readonly graph: () => LogicalGraph
  readonly outside: Outside
  readonly parallelism: number
  /** Worker threads: at least 1. */
  readonly workers: number
  /** Undefined: no checkpoints. Times in virtual ms: a step takes one. */
  readonly checkpoints: Omit<CheckpointSettings, "directory"> | undefined
  readonly channelSize: ChannelSize
  readonly schedule: Schedule
  readonly faults: readonly Fault[]
  /** What is asked of the job while it runs. Default: nothing. */
  readonly requests?: readonly Request[]
  /** Whether keyed state is kept as on disk. Default: on the heap. */
  readonly stateOnDisk?: boolean
  /** Restarts in a row within one process. Default 100. */
  readonly maxRestarts?: number
  /** Steps after which the simulation is given up. Default 50,000. */
  readonly maxSteps?: number
  /** Keeps the log as text. Default: only its hash. */
  readonly keepsLog?: boolean
  /** A process starts, the first one too: for user code that keeps something outside of the engine's state. */
  readonly onProcess?: () => void
}

export interface Simulation {
  /** Undefined when the job failed. */
  readonly result: JobResult | undefined
  /** Why the job failed; SIMULATION_STUCK when it did not come to an end. */
  readonly error: Error | undefined
  readonly steps: number
  /** Of everything that happened, in order. */
  readonly logHash: number
  /** With `keepsLog`. */
  readonly log: readonly string[]
  readonly checkpoints: number
  readonly failedCheckpoints: number
  /** Faults that happened. */
  readonly faults: { readonly kills: number; readonly crashes: number; readonly disk: number }
  /** Requests that were granted. */
  readonly requests: { readonly [Kind in Request["kind"]]: number }
  /** Attempts but for the first. */
  readonly restarts: number
  /** Where the schedule's preemptions made a difference, in words. */
  readonly departures: readonly string[]
  /** Promises that the engine broke towards the outside. */
  readonly complaints: readonly string[]
}

/** Checkpoints of a job that starts from a savepoint that stands elsewhere go to a directory of their own. */
const directoryOf = (origins: number): string => (origins === 0 ? "checkpoints" : `checkpoints-${origins}`)
const CHANGING = new Set(["create", "write", "sync", "rename", "syncDirectory", "remove"])

/**
 * Runs a job as `run` would: the real plan, job, attempts, checkpoints, store, workers and subtasks, with rings between workers
 * and local channels within, on one thread, in virtual time, in the order that the schedule says. The disk forgets
 * what was not synced; workers and the process die when the faults say so, and the process is then started again.
 *
 * The same options give the same simulation, to the last entry of the log. Needs user code that awaits nothing but what the
 * engine gives it. What is not simulated: how threads share memory (see props/ring), real time, and the code that loads modules.
 */
export async function simulate(options: SimulationOptions): Promise<Simulation> {
  return new Simulator(options).run()
}

interface Process {
  readonly job: Job
  readonly shape: Shape
  /** Of its operators that may be rescaled. */
  readonly ids: readonly string[]
  readonly workforce: () => SimWorkforce | undefined
}

/** How and why the job is started again, by another command. */
interface Relaunch {
  readonly shape: Shape
  readonly why: string
  /** The savepoint that it is told to start from. */
  readonly from?: string
}

class Simulator {
  readonly #options: SimulationOptions
  readonly #world: World
  readonly #disk: SimDisk
  #main: QueueLane
  #pending: Fault[]
  #requests: readonly Request[]
  #processes = 0
  #ids = 0
  #diskCalls = 0
  /** Starts by whoever runs the job: a process that crashes is followed by one of the same command, as by a supervisor. */
  #commands = 1
  /** What the present command was told to start from, and how many such there have been. */
  #from: string | undefined
  #origins = 0
  #savepoints = 0
  /** What the next command has another parallelism by. */
  #nextShape: Shape | undefined
  /** In this process. */
  #diskFailed = false
  readonly #count = { kills: 0, crashes: 0, disk: 0, checkpoints: 0, failed: 0, restarts: 0 }
  readonly #granted = { savepoint: 0, stop: 0, rescale: 0, cancel: 0 }

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#world = new World({ schedule: options.schedule, keepsLog: options.keepsLog ?? false })
    this.#pending = [...options.faults]
    this.#requests = options.requests ?? []
    this.#main = this.#newMain()
    this.#disk = new SimDisk({
      fault: ({ operation, path }) => {
        if (operation === "rename" && path.endsWith(".json.tmp") && /\/checkpoints\/|^savepoints/.test(path)) {
          this.#world.mark("publish")
        }
        return CHANGING.has(operation) ? this.#diskFault() : undefined
      },
    })
    options.outside.turn = (what) => this.#main.turn(what)
    options.outside.pause = (ms) =>
      new Promise((resolve) => {
        this.#world.after(ms, resolve)
      })
    options.outside.beforeCommit = () => this.#checkDecided()
  }

  async run(): Promise<Simulation> {
    const { maxSteps = 50_000 } = this.#options
    const world = this.#world
    let result: JobResult | undefined
    let error: Error | undefined
    /** After an end that was asked for, or a failure that is none of the engine's. */
    let again: Relaunch | undefined
    /** Those of the processes so far, but for the ones that were refused. */
    const shapes: Shape[] = [this.#options]
    let process = this.#start(this.#options)
    const watch = ({ job }: Process): void => {
      job.done.then(
        (done) => {
          if (process.job !== job) return
          if (done.savepoint === undefined) {
            result = done
            return
          }
          this.#checkClosed()
          const { directory } = done.savepoint
          const elsewhere = directory.startsWith("savepoints") ? { from: directory } : {}
          again = { shape: this.#nextShape ?? process.shape, why: "was stopped with a savepoint", ...elsewhere }
        },
        (failure: unknown) => {
          if (process.job !== job) return
          if (failure instanceof EngineError && failure.code === "JOB_CANCELLED") {
            again = { shape: this.#nextShape ?? process.shape, why: "was cancelled" }
            return
          }
          // As whoever runs it would: the disk is seen to, or the former parallelism given, and the command is run again.
          if (isRefusedShape(failure) && shapes.length > 1) shapes.pop()
          else if (!this.#diskFailed) {
            error = failure instanceof Error ? failure : new Error(String(failure))
            return
          }
          again = { shape: shapes.at(-1)!, why: "has failed" }
        },
      )
    }
    watch(process)
    const over = (): boolean => result !== undefined || error !== undefined
    while (!over()) {
      this.#makeRequests(process)
      const shape = again === undefined ? await this.#applyFaults(process) : this.#relaunch(again)
      if (over()) break
      if (shape !== undefined) {
        const isNewCommand: boolean = again !== undefined
        if (shape !== shapes.at(-1)) shapes.push(shape)
        again = undefined
        process = this.#start(shape, { isResumed: !isNewCommand })
        watch(process)
      }
      if (world.step()) await undefined
      else {
        await drain()
        if (again !== undefined || over() || world.step()) continue
        if (!world.advance()) error = this.#stuck("nothing can happen any more")
      }
      if (world.steps > maxSteps) error = this.#stuck(`it has not come to an end in ${maxSteps} steps`)
    }
    await drain()
    world.clear()
    if (result !== undefined) this.#checkClosed()
    return {
      result,
      error,
      steps: world.steps,
      logHash: world.hash,
      log: world.log ?? [],
      checkpoints: this.#count.checkpoints,
      failedCheckpoints: this.#count.failed,
      faults: { kills: this.#count.kills, crashes: this.#count.crashes, disk: this.#count.disk },
      requests: this.#granted,
      restarts: this.#count.restarts,
      departures: world.departures,
      complaints: this.#options.outside.complaints,
    }
  }

  #newMain(): QueueLane {
    const lane = new QueueLane(this.#world, "main", { overtakes: false })
    this.#world.add(lane)
    return lane
  }

  #start(shape: Shape, { isResumed } = { isResumed: false }): Process {
    const { parallelism, workers } = shape
    const { graph, checkpoints, channelSize, maxRestarts = 100, onProcess, stateOnDisk = false } = this.#options
    const world = this.#world
    this.#processes += 1
    this.#diskFailed = false
    world.mark("start")
    onProcess?.()
    const plan = planJob(graph(), { parallelism, workers })
    const main = this.#main
    const disk = scheduledDisk(this.#disk, (what) => main.turn(what))
    let workforce: SimWorkforce | undefined
    let attempts = 0
    const job = new Job({
      plan,
      heartbeatTimeoutMs: 60_000,
      print: () => undefined,
      signal: undefined,
      checkpoints: checkpoints === undefined ? undefined : { ...checkpoints, directory: directoryOf(this.#origins) },
      restart: checkpoints === undefined ? { kind: "none" } : { kind: "fixed-delay", delayMs: 5, maxRestarts },
      environment: this.#environment(disk),
      channelSize,
      onEvent: (event) => {
        if (event.type === "checkpoint") {
          this.#count.checkpoints += 1
          world.mark("complete")
        } else if (event.type === "restart") {
          world.note(`restart from ${event.checkpointId ?? "the beginning"}: ${String((event.error as Error).message)}`)
        } else if (event.type === "warning") {
          if (event.error instanceof EngineError && /^CHECKPOINT_(TIMEOUT|DECLINED|PUBLISH)/.test(event.error.code))
            this.#count.failed += 1
          world.note(`warning: ${event.error.message}`)
        }
      },
      workforce: async (plan) => {
        attempts += 1
        if (attempts > 1 || this.#processes > 1) {
          this.#count.restarts += 1
          world.mark("restart")
        }
        workforce = new SimWorkforce({ world, plan, disk: this.#disk, partWriting, restoring, stateOnDisk })
        return workforce
      },
      asked: `${parallelism} on ${workers}`,
      from: this.#from,
      resumed: isResumed ? { restarts: this.#processes - 1, failuresInARow: 0, cause: "a crash" } : undefined,
      command: String(this.#commands),
      replan: (set) =>
        planJob(graph(), {
          parallelism,
          workers,
          set: Object.fromEntries(Object.entries(set).map(([id, each]) => [id, { parallelism: each }])),
        }),
      release: async () => undefined,
    })
    job.start()
    // What a broadcast makes of a record depends on how many receive it.
    const rescalable = plan.vertices.filter(
      ({ index }) => !plan.edges.some(({ to, exchange }) => to === index && exchange === "broadcast"),
    )
    const ids = rescalable.flatMap(({ operators }) => operators.map(({ id }) => id))
    return { job, shape, ids, workforce: () => workforce }
  }

  #environment(disk: Disk): Environment {
    const world = this.#world
    const pid = this.#processes
    return {
      now: () => world.nowMs,
      wallClock: () => world.nowMs,
      after: (ms, call) => world.after(ms, call),
      every: (ms, call) => world.every(ms, call),
      random: () => 0.5,
      uniqueId: () => String(++this.#ids).padStart(8, "0"),
      durability: async () => ({
        ...durability,
        openDisk: () => disk,
        // Every other process has the number of the one before it, as in a container.
        lockOwner: (token) => ({
          pid: 100 + (pid >> 1),
          started: `s${pid}`,
          token,
          isAlive: (other, started) => other === 100 + (pid >> 1) && started === `s${pid}`,
        }),
      }),
    }
  }

  #relaunch({ shape, why, from }: Relaunch): Shape {
    this.#commands += 1
    this.#nextShape = undefined
    if (from !== undefined) {
      this.#from = from
      this.#origins += 1
    }
    this.#world.note(`the job ${why} and is started again`)
    this.#newProcess()
    return shape
  }

  #makeRequests({ job, ids }: Process): void {
    if (this.#requests.length === 0) return
    for (const request of this.#requests) {
      // Who asks waits until the job runs; from then on anything may come in between.
      if (!this.#world.isDue(request.at) || job.status !== "running") continue
      this.#requests = this.#requests.filter((each) => each !== request)
      // Without checkpoints a job that is cancelled has nothing to go on from.
      if (this.#options.checkpoints === undefined && request.kind === "cancel") continue
      this.#world.mark("ask")
      this.#world.note(`asked for: ${request.kind}`)
      this.#make(request, job, ids).then(
        () => {
          this.#granted[request.kind] += 1
        },
        (error: unknown) => {
          // A savepoint that a failure or the end of the job comes in between of is not taken.
          const isRefusal = error instanceof EngineError
          this.#world.note(`${request.kind} refused: ${isRefusal ? error.code : String(error)}`)
          if (!isRefusal) this.#options.outside.complaints.push(`a ${request.kind} fails with ${String(error)}`)
        },
      )
    }
  }

  #make(request: Request, job: Job, ids: readonly string[]): Promise<unknown> {
    switch (request.kind) {
      case "savepoint":
        return job.savepoint(request.elsewhere ? { directory: this.#newSavepoint() } : {})
      case "stop":
        this.#nextShape = request.shape
        return job.stop({ savepoint: request.elsewhere ? this.#newSavepoint() : true })
      case "rescale":
        return job.rescale({ [ids[request.operator % ids.length]!]: request.parallelism })
      case "cancel":
        this.#nextShape = request.shape
        return job.cancel()
    }
  }

  #newSavepoint(): string {
    this.#savepoints += 1
    return `savepoints/${this.#savepoints}`
  }

  /** Nothing of the former process goes on. */
  #newProcess(): void {
    this.#world.clear()
    this.#main = this.#newMain()
  }

  /** @returns the shape of the next process when this one has crashed */
  async #applyFaults(process: Process): Promise<Shape | undefined> {
    const world = this.#world
    for (const fault of this.#pending) {
      if (fault.kind === "disk" || !world.isDue(fault.at)) continue
      this.#pending = this.#pending.filter((each) => each !== fault)
      if (fault.kind === "kill") {
        const workers = process.workforce()?.workers ?? []
        const victim = workers[fault.worker % Math.max(1, workers.length)]
        if (victim?.kill() === true) {
          this.#count.kills += 1
          world.note(`worker ${fault.worker % workers.length} is killed`)
        }
        continue
      }
      if (this.#options.checkpoints === undefined) continue
      // What is on its way within the process ends here; nothing of it may go on.
      await drain()
      this.#count.crashes += 1
      world.note("the process crashes")
      this.#newProcess()
      this.#crashDisk(fault.keep)
      return fault.shape ?? this.#options
    }
    return undefined
  }

  /** The disk as a crash leaves it. */
  #crashDisk(keep: number): void {
    const random = keep === 0 ? undefined : seededRandom(keep)
    this.#disk.crash(({ bytes }) => {
      if (random === undefined) return false
      const draw = random()
      return draw < 0.4 ? false : draw < 0.8 || bytes === 0 ? true : Math.floor(random() * bytes)
    })
  }

  #diskFault(): SimFault | undefined {
    const call = this.#diskCalls++
    const fault = this.#pending.find((each) => each.kind === "disk" && each.call === call)
    if (fault?.kind !== "disk") return undefined
    this.#count.disk += 1
    this.#diskFailed = true
    this.#world.note(`the disk fails: ${fault.code}`)
    return fault.done === undefined ? { code: fault.code } : { code: fault.code, done: fault.done }
  }

  /** OUT-2: what a sink makes visible belongs to a checkpoint that no crash takes back. */
  #checkDecided(): void {
    this.#world.mark("commit")
    if (this.#options.checkpoints === undefined) return
    const undecided = this.#disk.unsynced().find(({ kind, path }) => {
      // What is left of a checkpoint that was given up never got its name.
      return kind === "rename" && /\/checkpoints\/|^\/?savepoints\//.test(path)
    })
    if (undecided === undefined) return
    this.#options.outside.complaints.push(`OUT-2: a commit while ${undecided.path} may be lost in a crash`)
  }

  /** OUT-5: a job that has ended leaves nothing behind, of whichever run. */
  #checkClosed(): void {
    const { outside } = this.#options
    const { open } = outside
    if (open.length === 0) return
    outside.complaints.push(`OUT-5: the job has ended, and ${open.join(", ")} are neither committed nor aborted`)
  }

  #stuck(why: string): EngineError {
    return new EngineError("SIMULATION_STUCK", `The simulated job is stuck: ${why}; look at the end of its log`, {
      details: { steps: this.#world.steps },
    })
  }
}

/** Records in flight have no place in some shapes: the plan says so, and goes on with the former one. */
function isRefusedShape(failure: unknown): boolean {
  return failure instanceof EngineError && failure.code === "CHECKPOINT_IN_FLIGHT"
}

/** Lets every promise that can settle do so. */
function drain(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

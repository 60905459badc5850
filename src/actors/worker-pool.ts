import { MessageChannel, type MessagePort } from "node:worker_threads"
import { Piscina } from "piscina"
import { EngineError, fromPlainError, toPlainError } from "../errors/index.ts"
import type { HostResult, HostTask, MainControl, WorkerControl } from "./control.ts"
import { connectPeer, type Peer, serve } from "./rpc.ts"

/** One running worker: how to call it, and its end. */
export interface RunningWorker {
  readonly control: Peer<WorkerControl>
  /** Resolves with the worker's result; rejects when its thread dies. */
  readonly ended: Promise<HostResult>
  close(): void
}

/**
 * The threads of one job: a piscina pool with one long task per worker. Starts the threads at once, so that they come up
 * while the pipeline module is being loaded.
 */
export class WorkerPool {
  readonly #pool: Piscina
  readonly #workers: number
  /** Tasks that have not come to their end: how to give them up. */
  readonly #underWay = new Set<() => void>()

  constructor(options: { workers: number; maxHeapMb: number | undefined; youngGenerationMb: number | undefined }) {
    this.#workers = options.workers
    this.#pool = new Piscina({
      // A file of its own, wherever the build put this module.
      filename: new URL("../../dist/actors/thread.cjs", import.meta.url).href,
      minThreads: options.workers,
      maxThreads: options.workers,
      concurrentTasksPerWorker: 1,
      // "sync", the default, would freeze an idle worker's event loop.
      atomics: "disabled",
      idleTimeout: Number.POSITIVE_INFINITY,
      maxQueue: 0,
      recordTiming: false,
      // Module-global in msgpackr: a pipeline that imports it too would turn its native addon on for our channels.
      env: { ...process.env, MSGPACKR_NATIVE_ACCELERATION_DISABLED: "true" },
      ...inheritedFlags(),
      resourceLimits: {
        ...(options.maxHeapMb === undefined ? {} : { maxOldGenerationSizeMb: options.maxHeapMb }),
        ...(options.youngGenerationMb === undefined ? {} : { maxYoungGenerationSizeMb: options.youngGenerationMb }),
      },
    })
    // A thread's death also rejects its task, which is where it is handled; without a listener it would end the process.
    this.#pool.on("error", () => undefined)
    // The one that replaces it, if any, is there after this event.
    this.#pool.on("workerDestroy", () => setImmediate(() => this.#giveUpIfStuck()))
  }

  start(task: HostTask, main: MainControl): RunningWorker {
    const down = new MessageChannel()
    const up = new MessageChannel()
    serve(main, up.port1)
    const control = connectPeer<WorkerControl>(down.port1, `worker ${task.worker}`)
    const transferList: MessagePort[] = [up.port2, down.port2]
    let giveUp: () => void = () => undefined
    const givenUp = new Promise<HostResult>((resolve) => {
      giveUp = () =>
        resolve({ ok: false, cancelled: false, error: toPlainError(noThread(task.worker)), leftBehind: true })
    })
    this.#underWay.add(giveUp)
    const result = this.#pool
      .run({ task, toMain: up.port2, fromMain: down.port2 }, { transferList: transferList as never })
      .finally(() => this.#underWay.delete(giveUp))
      .then(
        (result) => result as HostResult,
        (error: unknown) => {
          throw workerDeath(task.worker, error)
        },
      )
    const ended = Promise.race([result, givenUp])
    return {
      control,
      ended,
      close() {
        control.close()
        up.port1.close()
      },
    }
  }

  /** A thread that dies while it boots is not replaced: a task that waits for one would wait for ever. */
  #giveUpIfStuck(): void {
    if (this.#pool.queueSize === 0 || this.#pool.threads.length >= this.#workers) return
    for (const giveUp of this.#underWay) giveUp()
  }

  /** Ends all threads, whatever they are doing. */
  async destroy(): Promise<void> {
    await this.#pool.destroy()
  }
}

/**
 * Threads inherit the flags of the process, also V8's (`--max-old-space-size`), which a list given to a thread may not hold. Only
 * `--input-type`, which speaks of `-e` or standard input, is refused for a file: then the others are listed.
 */
function inheritedFlags(): { execArgv?: string[] } {
  const { execArgv } = process
  const others = execArgv.filter((flag) => !flag.startsWith("--input-type"))
  return others.length === execArgv.length ? {} : { execArgv: [...others, "--enable-source-maps"] }
}

function noThread(worker: number): EngineError {
  return new EngineError(
    "WORKER_FAILED",
    `Worker ${worker} has no thread to run on: the one that was to replace a dead one died while it started; look at NODE_OPTIONS, and at the limits of memory and of threads`,
    { details: { worker } },
  )
}

/** A thread that ended without a result: it exited, ran out of heap, or threw outside of any operator. */
function workerDeath(worker: number, thrown: unknown): EngineError {
  const error = thrown as { code?: string; message?: string; name?: string }
  if (error.code === "ERR_WORKER_OUT_OF_MEMORY") {
    return new EngineError(
      "WORKER_OUT_OF_MEMORY",
      `Worker ${worker} ran out of heap; give it more with --max-heap-mb, use more workers, or keep less state per key`,
      { cause: thrown, details: { worker } },
    )
  }
  const exit = /exited with code: (\d+)/.exec(error.message ?? "")
  if (exit !== null) {
    return new EngineError(
      "WORKER_EXITED",
      `Worker ${worker} ended by itself with exit code ${exit[1]}; look for process.exit in the pipeline or its packages`,
      { cause: thrown, details: { worker, exitCode: Number(exit[1]) } },
    )
  }
  return new EngineError(
    "WORKER_FAILED",
    `Worker ${worker} died of an error outside of any operator: ${error.name ?? "Error"}: ${error.message ?? String(thrown)}; look for a timer, event handler or promise in the pipeline that nobody catches`,
    {
      cause: thrown instanceof Error ? thrown : fromPlainError({ name: "Error", message: String(thrown) }),
      details: { worker },
    },
  )
}

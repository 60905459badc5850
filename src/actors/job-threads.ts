import type { WorkerContext, Workforce } from "./attempt.ts"
import type { HostTask } from "./control.ts"
import type { WorkerPool } from "./worker-pool.ts"

/**
 * The threads of a job, from one attempt to the next.
 *
 * A thread whose share came to its end, as that of a cancelled worker does, is used again: its modules are loaded and its code
 * is compiled. The pool replaces one that is gone the moment it goes, while the others let go of their files. So what a user's
 * module keeps at its top level outlives an attempt, as statics do in Flink; what the pipeline's function makes does not.
 */
export class JobThreads {
  readonly #start: () => Promise<WorkerPool>
  /** Not used by any attempt. */
  #idle: WorkerPool | undefined

  /** @param idle those that are coming up already */
  constructor(idle: WorkerPool | undefined, start: () => Promise<WorkerPool>) {
    this.#idle = idle
    this.#start = start
  }

  async workforce(taskOf: (worker: number, context: WorkerContext) => HostTask): Promise<Workforce> {
    const pool = this.#idle ?? (await this.#start())
    this.#idle = undefined
    return {
      start(worker, context) {
        const running = pool.start(taskOf(worker, context), context.main)
        return {
          tell: async (method, ...args) => {
            return (await running.control.call(method, ...(args as never))) as never
          },
          ended: running.ended,
          close: () => running.close(),
        }
      },
      end: async (settled) => {
        if (settled) this.#idle = pool
        else await pool.destroy()
      },
    }
  }

  /** Ends threads that no attempt uses. */
  async release(): Promise<void> {
    const idle = this.#idle
    this.#idle = undefined
    await idle?.destroy()
  }
}

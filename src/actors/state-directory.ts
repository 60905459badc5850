import { randomUUID } from "node:crypto"
import { mkdir, readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { EngineError } from "../errors/index.ts"
import { processOwner } from "../snapshot/store/real-disk.ts"

const NAME = /^millrace-state-(\d+)-([A-Za-z0-9]+)-[A-Za-z0-9]+$/

/** A directory for the state that one run of a job keeps on disk. Scratch: whatever matters is in checkpoints. */
export class StateDirectory {
  readonly #path: string

  private constructor(path: string) {
    this.#path = path
  }

  /**
   * Makes one inside `directory`, and removes those that processes left there which have died.
   *
   * @throws {EngineError} STATE_DISK_FAILED
   */
  static async create(directory: string): Promise<StateDirectory> {
    const { pid, started, token, isAlive } = processOwner(randomUUID())
    const path = join(directory, `millrace-state-${pid}-${started}-${token}`)
    try {
      await mkdir(path, { recursive: true })
      for (const name of await readdir(directory)) {
        const owner = NAME.exec(name)
        if (owner === null || isAlive(Number(owner[1]), owner[2]!)) continue
        await rm(join(directory, name), { recursive: true, force: true })
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new EngineError(
        "STATE_DISK_FAILED",
        `Cannot keep state in ${directory}: ${reason}; see that the disk is writable and not full, or give another directory by state: { kind: "lmdb", directory }`,
        { cause: error, details: { directory } },
      )
    }
    return new StateDirectory(path)
  }

  /** Where an attempt keeps its state: a new one finds nothing there. */
  ofAttempt(attempt: number): string {
    return join(this.#path, String(attempt))
  }

  /** No worker uses it any more. What cannot be removed is removed by a later run. */
  async remove(): Promise<void> {
    await rm(this.#path, { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) => {
      process.emitWarning(`millrace could not remove ${this.#path}: ${String(error)}`, { code: "MILLRACE_STATE" })
    })
  }
}

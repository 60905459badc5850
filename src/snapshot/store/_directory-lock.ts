import { EngineError, invariant } from "../../errors/index.ts"
import { errnoOf } from "./_store-errors.ts"
import type { Disk } from "./disk.ts"

/** Who locks, and who is alive. `processOwner` of real-disk.ts makes it for this process. */
export interface LockOwner {
  readonly pid: number
  /**
   * Tells two processes of one pid apart: the start time, or what the platform has for it. Letters, digits and `_`
   * only.
   */
  readonly started: string
  /** Random: tells two stores of one process apart. Letters and digits only. */
  readonly token: string
  /** Whether the process `pid` that was started at `started` still runs. */
  isAlive(pid: number, started: string): boolean
}

/** How often a contender looks again before it believes that the other one is there to stay. */
const LOOKS = 20

/**
 * Lets one live process at a time use a directory.
 *
 * A lock is a file `lock.<pid>.<started>.<token>`: its name is all there is, so it cannot be seen half-written, and
 * removing a stale one can never hit a new one. Each contender first makes its file and then looks who else is there.
 * Of two that are alive the one who came second sees the first, so never do both go on; when both came at once, the one
 * with the smaller name stays and looks again while the other withdraws.
 *
 * Does not see processes of other machines or containers: a taken-over lock is then noticed by `isHeld`, which is asked
 * before every publish.
 */
export class DirectoryLock {
  readonly #disk: Disk
  readonly #path: string

  private constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.#path = path
  }

  /** @throws {EngineError} CHECKPOINT_DIR_LOCKED naming the process that has it; errors of the disk as they are */
  static async acquire(disk: Disk, directory: string, owner: LockOwner): Promise<DirectoryLock> {
    const { pid, started, token } = owner
    invariant(/^\w+$/.test(started) && /^\w+$/.test(token), `a lock owner named ${started}.${token}`)
    const own = `lock.${pid}.${started}.${token}`
    const lock = new DirectoryLock(disk, `${directory}/${own}`)
    try {
      await (await disk.open(lock.#path, "create")).close()
      const winner = await contend(disk, directory, own, owner)
      if (winner === undefined) return lock
      throw locked(directory, winner.pid, pid)
    } catch (error) {
      // What is left by a disk that refuses this as well is stale as soon as this process ends.
      await Promise.allSettled([lock.release()])
      throw error
    }
  }

  /** False when somebody who took this process for dead has removed the lock: nothing may be written any more. */
  async isHeld(): Promise<boolean> {
    try {
      await this.#disk.stat(this.#path)
      return true
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return false
      throw error
    }
  }

  release(): Promise<void> {
    return removeIfThere(this.#disk, this.#path)
  }
}

/** Removes a file. Fine when there is none. */
export async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path)
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error
  }
}

/** @returns who has the lock, undefined when it is the own one's */
async function contend(disk: Disk, directory: string, own: string, owner: LockOwner): Promise<Lock | undefined> {
  for (let look = 1; ; look++) {
    const others = (await disk.list(directory)).flatMap(parseLock).filter(({ name }) => name !== own)
    const live = others.filter((other) => isLive(other, owner))
    const [first] = live
    if (first === undefined) {
      for (const { name } of others) await removeIfThere(disk, `${directory}/${name}`)
      return undefined
    }
    const stronger = live.find(({ name }) => name < own)
    if (stronger !== undefined || look === LOOKS) return stronger ?? first
  }
}

interface Lock {
  readonly name: string
  readonly pid: number
  readonly started: string
}

function parseLock(name: string): readonly Lock[] {
  const match = /^lock\.(\d+)\.(\w+)\.\w+$/.exec(name)
  return match === null ? [] : [{ name, pid: Number(match[1]), started: match[2] ?? "" }]
}

function isLive({ pid, started }: Lock, owner: LockOwner): boolean {
  // The own pid with another start was that of a process before: in a container it is often the same. With the same
  // start it is a second store here.
  return pid === owner.pid ? started === owner.started : owner.isAlive(pid, started)
}

function locked(directory: string, pid: number, ownPid: number): EngineError {
  const who = pid === ownPid ? `this process (pid ${pid}) has it open already` : `process ${pid} is running with it`
  return new EngineError(
    "CHECKPOINT_DIR_LOCKED",
    `Cannot use checkpoint directory ${directory}: ${who}; stop that job, or give this one another name or checkpoint directory`,
    { details: { directory, pid } },
  )
}

import { constants, readFileSync } from "node:fs"
import { type FileHandle, lstat, mkdir, open, readdir, rename, rmdir, unlink } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import type { LockOwner } from "./_directory-lock.ts"
import type { Disk, DiskFile, DiskStat } from "./disk.ts"

/**
 * The machine's file system. The only file of snapshot/ that knows Node, so it is imported by its name and not from
 * index.ts.
 */
export function realDisk(): Disk {
  return {
    open: openFile,
    rename,
    remove: unlink,
    removeDirectory: rmdir,
    list: (path) => readdir(path),
    mkdir: makeDirectory,
    stat: statName,
    syncDirectory,
  }
}

/**
 * Who locks a directory when this process opens a store in it. On Linux a process is known by its pid, its start and
 * the boot, so a pid that now belongs to someone else does not keep a dead process's lock alive; elsewhere by its pid
 * alone.
 *
 * @param token unique for every store opened, e.g. a random UUID
 */
export function processOwner(token: string): LockOwner {
  return {
    pid: process.pid,
    started: linuxStart(process.pid)?.started ?? `${Math.round(performance.timeOrigin)}`,
    token: token.replaceAll(/[^A-Za-z0-9]/g, ""),
    isAlive,
  }
}

const SYNC_IS_REFUSED_ON_DIRECTORIES = process.platform === "win32"

async function openFile(path: string, mode: "read" | "create"): Promise<DiskFile> {
  // Windows knows no O_NOFOLLOW; the store looks at the kind before it opens.
  const flags = mode === "create" ? "wx" : constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)
  return new RealFile(await open(path, flags))
}

class RealFile implements DiskFile {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async write(bytes: Uint8Array): Promise<void> {
    // The kernel may take less than it was given.
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#handle.write(bytes, done, bytes.length - done, null)).bytesWritten
    }
  }

  async read(into: Uint8Array, positionBytes: number): Promise<number> {
    return (await this.#handle.read(into, 0, into.length, positionBytes)).bytesRead
  }

  sync(): Promise<void> {
    return this.#handle.sync()
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true })
  if (first === undefined) return
  // Every name that is new, from the deepest up to the first one made.
  const top = dirname(resolve(first))
  for (let directory = dirname(resolve(path)); ; directory = dirname(directory)) {
    await syncDirectory(directory)
    if (directory === top || directory === dirname(directory)) return
  }
}

async function statName(path: string): Promise<DiskStat> {
  const stats = await lstat(path)
  return { kind: stats.isFile() ? "file" : stats.isDirectory() ? "directory" : "other", sizeBytes: stats.size }
}

async function syncDirectory(path: string): Promise<void> {
  if (SYNC_IS_REFUSED_ON_DIRECTORIES) return
  const handle = await open(path, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isAlive(pid: number, started: string): boolean {
  const linux = linuxStart(pid)
  // A zombie has ended and only waits for its parent to look.
  if (linux !== undefined) return linux.state !== "Z" && linux.state !== "X" && linux.started === started
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** From /proc, undefined where there is none or no such process. */
function linuxStart(pid: number): { readonly started: string; readonly state: string } | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").replaceAll(/[^0-9a-f]/g, "")
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The second field is the command in parentheses, which may hold anything; state is the third, start the 22nd.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    const [state, start] = [fields[0], fields[19]]
    return state === undefined || start === undefined ? undefined : { started: `${boot.slice(0, 12)}x${start}`, state }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === "ENOENT" || code === "ESRCH" || code === "EACCES") return undefined
    throw error
  }
}

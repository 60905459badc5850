import type { Disk, DiskFile, DiskStat } from "./disk.ts"

/** One call to the disk, as a fault plan sees it. Calls are counted from 0. */
export interface SimCall {
  readonly index: number
  readonly operation: SimOperation
  /** The path, for renames the old one. */
  readonly path: string
}

export type SimOperation =
  | "open"
  | "create"
  | "write"
  | "read"
  | "sync"
  | "close"
  | "rename"
  | "remove"
  | "removeDirectory"
  | "list"
  | "mkdir"
  | "stat"
  | "syncDirectory"

export interface SimFault {
  /** The errno of the error: `ENOSPC`, `EIO` ... */
  readonly code: string
  /**
   * What happened although the call failed: nothing (default); all of it; or, of a write, this many bytes. Of a failed
   * sync nothing ever becomes durable.
   */
  readonly done?: "all" | number
}

/** Something that was done and is not yet durable: a crash keeps it, or does not. In the order in which it was done. */
export interface UnsyncedEffect {
  readonly kind: "write" | "link" | "unlink" | "rename"
  readonly path: string
  /** Of a write. */
  readonly bytes: number
}

export interface SimDiskOptions {
  /** Asked before every call. */
  readonly fault?: (call: SimCall) => SimFault | undefined
  /** How many bytes a read of `wanted` bytes yields: 1..wanted. Default: all. */
  readonly shortRead?: (wanted: number) => number
}

/**
 * A disk in memory that forgets what a real one may forget.
 *
 * - Two layers: what programs see, and what is durable. `sync` makes a file's bytes durable, `syncDirectory` its names.
 * - `crash` ends all handles and keeps the durable layer plus any chosen subset of the unsynced effects, a write also
 *   in part: bytes may be there without their name, a new name without its bytes, a later write without an earlier one
 *   (the gap reads as zeros).
 * - A failed `sync` drops the dirty pages as kernels do: reads still show the bytes, a second sync succeeds, and a
 *   crash loses them (Rebello et al., ATC 2020).
 * - Pure: faults, short reads and what a crash keeps are arguments, so a run is repeatable.
 *
 * Not simulated: bits that flip by themselves (`poke` flips them), misdirected writes, symbolic links, permissions,
 * modes.
 */
export class SimDisk implements Disk {
  #fault: (call: SimCall) => SimFault | undefined
  readonly #shortRead: (wanted: number) => number
  #root = new SimDirectory()
  /** Unsynced effects of all files and directories, oldest first. */
  #effects: Effect[] = []
  #calls = 0
  /** Grows with every crash: handles of an earlier one are dead. */
  #generation = 0
  #openFiles = 0

  constructor(options: SimDiskOptions = {}) {
    this.#fault = options.fault ?? (() => undefined)
    this.#shortRead = options.shortRead ?? ((wanted) => wanted)
  }

  /** Calls made so far. */
  get calls(): number {
    return this.#calls
  }

  /** Files opened and not yet closed. */
  get openFiles(): number {
    return this.#openFiles
  }

  /** Replaces the fault plan. */
  setFault(fault: ((call: SimCall) => SimFault | undefined) | undefined): void {
    this.#fault = fault ?? (() => undefined)
  }

  unsynced(): readonly UnsyncedEffect[] {
    return this.#effects.map(({ kind, path, bytes }) => ({ kind, path, bytes: bytes.length }))
  }

  /**
   * The machine stops. Of each unsynced effect `keep` answers whether it got to the disk; of a write it may answer how
   * many of its bytes did. Nothing is unsynced afterwards.
   */
  crash(keep: (effect: UnsyncedEffect, index: number) => boolean | number = () => false): void {
    this.#effects.forEach((effect, index) => {
      const kept = keep({ kind: effect.kind, path: effect.path, bytes: effect.bytes.length }, index)
      if (kept !== false) effect.persist(kept === true ? effect.bytes.length : kept)
    })
    this.#effects = []
    this.#generation += 1
    this.#openFiles = 0
    this.#root.revert()
  }

  /**
   * A disk in the same state, with the same unsynced effects, that shares nothing with this one. No open handles, no
   * faults.
   */
  clone(): SimDisk {
    const copy = new SimDisk({ shortRead: this.#shortRead })
    const nodes = new Map<SimNode, SimNode>()
    copy.#root = cloneNode(this.#root, nodes) as SimDirectory
    copy.#effects = this.#effects.map((effect) => effect.clone(nodes))
    return copy
  }

  /** Paths of all files that programs see, sorted. */
  files(): readonly string[] {
    const found: string[] = []
    const visit = (directory: SimDirectory, path: string): void => {
      for (const [name, node] of directory.entries) {
        if (node instanceof SimDirectory) visit(node, `${path}${name}/`)
        else found.push(`${path}${name}`)
      }
    }
    visit(this.#root, "")
    return found.sort()
  }

  /** A file's bytes as programs see them. */
  peek(path: string): Uint8Array {
    return this.#file(path, "peek").bytes.slice()
  }

  /** Changes a file behind everyone's back, durably: damage for tests. Makes the file when there is none. */
  poke(path: string, bytes: Uint8Array): void {
    const { directory, name } = this.#parent(path, "poke")
    const file = directory.entries.get(name)
    const target = file instanceof SimFile ? file : new SimFile()
    target.bytes = bytes.slice()
    target.durable = bytes.slice()
    directory.entries.set(name, target)
    directory.durable.set(name, target)
  }

  /** Loses a file behind everyone's back, durably. */
  lose(path: string): void {
    const { directory, name } = this.#parent(path, "lose")
    directory.entries.delete(name)
    directory.durable.delete(name)
  }

  async open(path: string, mode: "read" | "create"): Promise<DiskFile> {
    return this.#call(mode === "create" ? "create" : "open", path, () => {
      if (mode === "read") return this.#handle(this.#file(path, "open"), path)
      const { directory, name } = this.#parent(path, "open")
      if (directory.entries.has(name)) throw new SimDiskError("EEXIST", "open", path)
      const file = new SimFile()
      this.#did(new LinkEffect(path, directory, name, file))
      return this.#handle(file, path)
    })
  }

  async rename(from: string, to: string): Promise<void> {
    return this.#call("rename", from, () => {
      const source = this.#parent(from, "rename")
      const target = this.#parent(to, "rename")
      const node = source.directory.entries.get(source.name)
      if (node === undefined) throw new SimDiskError("ENOENT", "rename", from)
      const old = target.directory.entries.get(target.name)
      if (old instanceof SimDirectory) {
        if (node instanceof SimFile) throw new SimDiskError("EISDIR", "rename", to)
        if (old.entries.size > 0) throw new SimDiskError("ENOTEMPTY", "rename", to)
      } else if (old !== undefined && node instanceof SimDirectory) {
        throw new SimDiskError("ENOTDIR", "rename", to)
      }
      this.#did(new RenameEffect(from, source, target, node))
    })
  }

  async remove(path: string): Promise<void> {
    return this.#call("remove", path, () => {
      const { directory, name } = this.#parent(path, "unlink")
      const node = directory.entries.get(name)
      if (node === undefined) throw new SimDiskError("ENOENT", "unlink", path)
      if (node instanceof SimDirectory) throw new SimDiskError("EISDIR", "unlink", path)
      this.#did(new UnlinkEffect(path, directory, name, node))
    })
  }

  async removeDirectory(path: string): Promise<void> {
    return this.#call("removeDirectory", path, () => {
      const node = this.#directory(path, "rmdir")
      if (node.entries.size > 0) throw new SimDiskError("ENOTEMPTY", "rmdir", path)
      const { directory, name } = this.#parent(path, "rmdir")
      this.#did(new UnlinkEffect(path, directory, name, node))
    })
  }

  async list(path: string): Promise<readonly string[]> {
    // No order is promised: the newest first is one that sorted input would hide.
    return this.#call("list", path, () => [...this.#directory(path, "scandir").entries.keys()].reverse())
  }

  async mkdir(path: string): Promise<void> {
    return this.#call("mkdir", path, () => {
      let directory = this.#root
      for (const name of partsOf(path)) {
        const next = directory.entries.get(name) ?? new SimDirectory()
        if (!(next instanceof SimDirectory)) throw new SimDiskError("ENOTDIR", "mkdir", path)
        directory.entries.set(name, next)
        directory.durable.set(name, next)
        directory = next
      }
    })
  }

  async stat(path: string): Promise<DiskStat> {
    return this.#call("stat", path, () => {
      const node = this.#node(path, "stat")
      return node instanceof SimFile
        ? { kind: "file", sizeBytes: node.bytes.length }
        : { kind: "directory", sizeBytes: 0 }
    })
  }

  async syncDirectory(path: string): Promise<void> {
    return this.#call("syncDirectory", path, (sound) => {
      const directory = this.#directory(path, "fsync")
      this.#settle((effect) => effect.ofNamesIn(directory), sound)
    })
  }

  #handle(file: SimFile, path: string): DiskFile {
    const generation = this.#generation
    let open = true
    this.#openFiles += 1
    const check = (): void => {
      if (!open || generation !== this.#generation) throw new SimDiskError("EBADF", "use", path)
    }
    return {
      write: (bytes) =>
        this.#call("write", path, (sound, fault) => {
          check()
          const taken = sound ? bytes.length : Math.min(bytes.length, typeof fault === "number" ? fault : bytes.length)
          this.#did(new WriteEffect(path, file, file.bytes.length, bytes.slice(0, taken)))
        }),
      read: (into, positionBytes) =>
        this.#call("read", path, () => {
          check()
          const wanted = Math.min(into.length, Math.max(0, file.bytes.length - positionBytes))
          const count = wanted === 0 ? 0 : Math.max(1, Math.min(wanted, this.#shortRead(wanted)))
          into.set(file.bytes.subarray(positionBytes, positionBytes + count))
          return count
        }),
      sync: () =>
        this.#call("sync", path, (sound) => {
          check()
          this.#settle((effect) => effect.ofBytesIn(file), sound)
        }),
      close: () =>
        this.#call("close", path, () => {
          check()
          open = false
          this.#openFiles -= 1
        }),
    }
  }

  /** Does `effect` for programs, and remembers it for the crash. */
  #did(effect: Effect): void {
    effect.apply()
    this.#effects.push(effect)
  }

  /** Makes the chosen effects durable, or, when the sync failed, forgets that they were owed. */
  #settle(chosen: (effect: Effect) => boolean, sound: boolean): void {
    this.#effects = this.#effects.filter((effect) => {
      if (!chosen(effect)) return true
      if (sound) effect.persist(effect.bytes.length)
      // Names that could not be written stay owed: file systems keep them in the journal or stop. Bytes are dropped.
      return !sound && !(effect instanceof WriteEffect)
    })
  }

  /** `act` is told whether the call is sound and, if not, what the fault lets through. */
  async #call<T>(
    operation: SimOperation,
    path: string,
    act: (sound: boolean, done: "all" | number | undefined) => T,
  ): Promise<T> {
    const fault = this.#fault({ index: this.#calls, operation, path })
    this.#calls += 1
    if (fault === undefined) return act(true, undefined)
    const dropsPages = operation === "sync" || operation === "syncDirectory"
    if (fault.done !== undefined || dropsPages) act(false, fault.done)
    throw new SimDiskError(fault.code, operation, path)
  }

  #node(path: string, operation: string): SimNode {
    let node: SimNode = this.#root
    for (const name of partsOf(path)) {
      if (!(node instanceof SimDirectory)) throw new SimDiskError("ENOTDIR", operation, path)
      const next: SimNode | undefined = node.entries.get(name)
      if (next === undefined) throw new SimDiskError("ENOENT", operation, path)
      node = next
    }
    return node
  }

  #directory(path: string, operation: string): SimDirectory {
    const node = this.#node(path, operation)
    if (!(node instanceof SimDirectory)) throw new SimDiskError("ENOTDIR", operation, path)
    return node
  }

  #file(path: string, operation: string): SimFile {
    const node = this.#node(path, operation)
    if (!(node instanceof SimFile)) throw new SimDiskError("EISDIR", operation, path)
    return node
  }

  #parent(path: string, operation: string): Place {
    const parts = partsOf(path)
    const name = parts.pop()
    if (name === undefined) throw new SimDiskError("EBUSY", operation, path)
    return { directory: this.#directory(parts.join("/"), operation), name }
  }
}

/** What a real disk call rejects with. */
class SimDiskError extends Error {
  override readonly name = "SimDiskError"
  readonly code: string
  readonly path: string

  constructor(code: string, operation: string, path: string) {
    super(`${code}: simulated, ${operation} '${path}'`)
    this.code = code
    this.path = path
  }
}

type SimNode = SimFile | SimDirectory

interface Place {
  readonly directory: SimDirectory
  readonly name: string
}

class SimFile {
  /** What programs see. */
  bytes = new Uint8Array()
  durable = new Uint8Array()

  revert(): void {
    this.bytes = this.durable.slice()
  }
}

class SimDirectory {
  /** What programs see. */
  entries = new Map<string, SimNode>()
  durable = new Map<string, SimNode>()

  revert(): void {
    this.entries = new Map(this.durable)
    for (const node of this.entries.values()) node.revert()
  }
}

/** One unsynced change: `apply` does it for programs, `persist` for the durable layer. */
interface Effect extends Omit<UnsyncedEffect, "bytes"> {
  readonly bytes: Uint8Array
  apply(): void
  persist(bytes: number): void
  ofBytesIn(file: SimFile): boolean
  ofNamesIn(directory: SimDirectory): boolean
  clone(nodes: Map<SimNode, SimNode>): Effect
}

class WriteEffect implements Effect {
  readonly kind = "write"
  readonly path: string
  readonly #file: SimFile
  readonly #offset: number
  readonly bytes: Uint8Array

  constructor(path: string, file: SimFile, offset: number, bytes: Uint8Array) {
    this.path = path
    this.#file = file
    this.#offset = offset
    this.bytes = bytes
  }

  apply(): void {
    this.#file.bytes = put(this.#file.bytes, this.#offset, this.bytes)
  }

  persist(bytes: number): void {
    this.#file.durable = put(this.#file.durable, this.#offset, this.bytes.subarray(0, bytes))
  }

  ofBytesIn(file: SimFile): boolean {
    return file === this.#file
  }

  ofNamesIn(): boolean {
    return false
  }

  clone(nodes: Map<SimNode, SimNode>): Effect {
    return new WriteEffect(this.path, cloneNode(this.#file, nodes) as SimFile, this.#offset, this.bytes)
  }
}

const NO_BYTES = new Uint8Array()

abstract class NameEffect {
  readonly path: string
  readonly bytes = NO_BYTES

  constructor(path: string) {
    this.path = path
  }

  apply(): void {
    this.change((directory) => directory.entries)
  }

  persist(): void {
    this.change((directory) => directory.durable)
  }

  ofBytesIn(): boolean {
    return false
  }

  protected abstract change(namesOf: (directory: SimDirectory) => Map<string, SimNode>): void
}

class LinkEffect extends NameEffect implements Effect {
  readonly kind = "link"
  readonly #directory: SimDirectory
  readonly #name: string
  readonly #node: SimNode

  constructor(path: string, directory: SimDirectory, name: string, node: SimNode) {
    super(path)
    this.#directory = directory
    this.#name = name
    this.#node = node
  }

  protected change(namesOf: (directory: SimDirectory) => Map<string, SimNode>): void {
    namesOf(this.#directory).set(this.#name, this.#node)
  }

  ofNamesIn(directory: SimDirectory): boolean {
    return directory === this.#directory
  }

  clone(nodes: Map<SimNode, SimNode>): Effect {
    const directory = cloneNode(this.#directory, nodes) as SimDirectory
    return new LinkEffect(this.path, directory, this.#name, cloneNode(this.#node, nodes))
  }
}

class UnlinkEffect extends NameEffect implements Effect {
  readonly kind = "unlink"
  readonly #directory: SimDirectory
  readonly #name: string
  readonly #node: SimNode

  constructor(path: string, directory: SimDirectory, name: string, node: SimNode) {
    super(path)
    this.#directory = directory
    this.#name = name
    this.#node = node
  }

  protected change(namesOf: (directory: SimDirectory) => Map<string, SimNode>): void {
    const names = namesOf(this.#directory)
    // Another file may have the name by now, when the effects before this one were lost.
    if (names.get(this.#name) === this.#node) names.delete(this.#name)
  }

  ofNamesIn(directory: SimDirectory): boolean {
    return directory === this.#directory
  }

  clone(nodes: Map<SimNode, SimNode>): Effect {
    const directory = cloneNode(this.#directory, nodes) as SimDirectory
    return new UnlinkEffect(this.path, directory, this.#name, cloneNode(this.#node, nodes))
  }
}

class RenameEffect extends NameEffect implements Effect {
  readonly kind = "rename"
  readonly #from: Place
  readonly #to: Place
  readonly #node: SimNode

  constructor(path: string, from: Place, to: Place, node: SimNode) {
    super(path)
    this.#from = from
    this.#to = to
    this.#node = node
  }

  protected change(namesOf: (directory: SimDirectory) => Map<string, SimNode>): void {
    const names = namesOf(this.#from.directory)
    if (names.get(this.#from.name) === this.#node) names.delete(this.#from.name)
    namesOf(this.#to.directory).set(this.#to.name, this.#node)
  }

  ofNamesIn(directory: SimDirectory): boolean {
    return directory === this.#from.directory || directory === this.#to.directory
  }

  clone(nodes: Map<SimNode, SimNode>): Effect {
    const place = ({ directory, name }: Place): Place => ({
      directory: cloneNode(directory, nodes) as SimDirectory,
      name,
    })
    return new RenameEffect(this.path, place(this.#from), place(this.#to), cloneNode(this.#node, nodes))
  }
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".")
}

/** `bytes` with `more` at `offset`; what lies between reads as zeros. */
function put(bytes: Uint8Array<ArrayBuffer>, offset: number, more: Uint8Array): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(Math.max(bytes.length, offset + more.length))
  result.set(bytes)
  result.set(more, offset)
  return result
}

function cloneNode(node: SimNode, nodes: Map<SimNode, SimNode>): SimNode {
  const known = nodes.get(node)
  if (known !== undefined) return known
  if (node instanceof SimFile) {
    const file = new SimFile()
    nodes.set(node, file)
    file.bytes = node.bytes.slice()
    file.durable = node.durable.slice()
    return file
  }
  const directory = new SimDirectory()
  nodes.set(node, directory)
  for (const [name, child] of node.entries) directory.entries.set(name, cloneNode(child, nodes))
  for (const [name, child] of node.durable) directory.durable.set(name, cloneNode(child, nodes))
  return directory
}

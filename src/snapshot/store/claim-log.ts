import { EngineError, invariant } from "../../errors/index.ts"
import { removeIfThere } from "./_directory-lock.ts"
import { type Json, jsonText } from "./_json-text.ts"
import { hex32 } from "./_names.ts"
import { readWhole } from "./_read-file.ts"
import { errnoOf, readFailed, writeFailed } from "./_store-errors.ts"
import { decodeUtf8, encodeUtf8 } from "./_utf8.ts"
import { crc32 } from "./crc32.ts"
import type { Disk, DiskFile } from "./disk.ts"

/** A split, and how far its records are claimed: emitted already, or about to be, and never to be emitted again. */
export interface ClaimedSplit {
  readonly operatorId: string
  readonly id: string
  readonly data: Json
  /** Where reading goes on; undefined: nothing is claimed. */
  readonly next: Json | undefined
  /** Newest event time among the records claimed, epoch ms; -Infinity: none known. */
  readonly newestMs: number
  /** Every record of it is claimed. */
  readonly done: boolean
}

/** One more piece of a split is claimed. */
export interface Claim {
  readonly operatorId: string
  readonly id: string
  readonly next: Json | undefined
  readonly newestMs: number
  readonly done: boolean
}

export interface ClaimLogOptions {
  readonly disk: Disk
  /** The job's own folder, locked by its store. */
  readonly folder: string
  readonly jobName: string
  /** Bytes after which the log is written anew. Default: 1 MiB more than its head. */
  readonly rollBytes?: number
}

const DIRECTORY = "claims"
const SUFFIX = ".log"
const TEMPORARY = ".log.tmp"
const FORMAT_VERSION = 1
const ROLL_BYTES = 1 << 20
const MAX_BYTES = 1 << 30

/**
 * The positions that sources have claimed: what at-most-once delivery goes on from. docs/design/007-delivery-modes.md.
 *
 * - A claim whose promise has resolved survives any crash. One that has not may or may not.
 * - Claims that come while a write is under way go with the next one, together: one fsync for all of them.
 * - After a failed write nothing more is accepted: the tail of the file is not known.
 *
 * Lines of `crc32 json`. The first and those of the head name the run and the splits; each further one is what one write
 * claimed. Only the last line of a file may be incomplete: it is of a write that nobody was told of. (So a bit that flips in
 * the last line, of all lines, is not told from a crash.)
 */
export class ClaimLog {
  readonly #options: ClaimLogOptions
  #runId: string | undefined
  #splits = new Map<string, ClaimedSplit>()
  #number = 0
  #file: DiskFile | undefined
  #bytes = 0
  #headBytes = 0
  #waiting: { readonly claim: Claim; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []
  #writing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  private constructor(options: ClaimLogOptions) {
    this.#options = options
  }

  /**
   * Reads what an earlier process has left.
   *
   * @throws {EngineError} CLAIMS_DAMAGED, CHECKPOINT_READ_FAILED
   */
  static async open(options: ClaimLogOptions): Promise<ClaimLog> {
    const log = new ClaimLog(options)
    await log.#load()
    return log
  }

  /** Whether a job left claims in this folder. */
  static async exists({ disk, folder }: Pick<ClaimLogOptions, "disk" | "folder">): Promise<boolean> {
    return (await listLogs(disk, `${folder}/${DIRECTORY}`)).some(({ temporary }) => !temporary)
  }

  /** Of the run whose claims were found, or that has begun; undefined: neither. */
  get runId(): string | undefined {
    return this.#runId
  }

  /** All splits of all sources, in the order in which they were given. */
  get splits(): readonly ClaimedSplit[] {
    return [...this.#splits.values()]
  }

  /**
   * Begins an attempt, or the run itself: a new file with these splits, which replaces the one before.
   *
   * @throws {EngineError} CHECKPOINT_WRITE_FAILED
   */
  async begin(runId: string, splits: readonly ClaimedSplit[]): Promise<void> {
    await this.#writing
    this.#runId = runId
    this.#splits = new Map(splits.map((split) => [keyOf(split), split]))
    await this.#roll()
    this.#failure = undefined
  }

  /** Resolves when the claim is durable. @throws {EngineError} CHECKPOINT_WRITE_FAILED */
  append(claim: Claim): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error)
    const known = this.#splits.get(keyOf(claim))
    invariant(known !== undefined, `a claim of split ${claim.id} of ${claim.operatorId}, which is not in the log`)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ claim, resolve, reject })
      this.#writing ??= this.#writeOn()
    })
  }

  /** The job has ended: the next start begins anew. @throws {EngineError} CHECKPOINT_WRITE_FAILED */
  async remove(): Promise<void> {
    await this.close()
    const { disk } = this.#options
    try {
      for (const { name } of await listLogs(disk, this.#directory))
        await removeIfThere(disk, `${this.#directory}/${name}`)
      await disk.syncDirectory(this.#directory)
    } catch (error) {
      throw writeFailed("remove the claims in", this.#directory, error)
    }
  }

  /** Waits for the write under way and closes the file. */
  async close(): Promise<void> {
    await this.#writing
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  get #directory(): string {
    return `${this.#options.folder}/${DIRECTORY}`
  }

  async #writeOn(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      try {
        if (this.#failure !== undefined) throw this.#failure.error
        await this.#write(group.map(({ claim }) => claim))
        for (const { resolve } of group) resolve()
      } catch (error) {
        this.#failure ??= { error: writeFailed("write to", `${this.#directory}/${this.#number}${SUFFIX}`, error) }
        for (const { reject } of group) reject(this.#failure.error)
      }
    }
    // In the same turn as the last look: a claim that comes later begins a write of its own.
    this.#writing = undefined
  }

  async #write(claims: readonly Claim[]): Promise<void> {
    const file = this.#file
    invariant(file !== undefined, "a claim came before the log was begun")
    const line = lineOf(claims.map(({ operatorId, id, ...rest }) => ({ operatorId, id, ...plain(rest) })))
    await file.write(line)
    await file.sync()
    this.#bytes += line.length
    for (const claim of claims) this.#note(claim)
    if (this.#bytes > this.#headBytes + (this.#options.rollBytes ?? ROLL_BYTES)) await this.#roll()
  }

  #note(claim: Claim): void {
    const known = this.#splits.get(keyOf(claim))!
    this.#splits.set(keyOf(claim), { ...known, ...claim })
  }

  /** Writes all that is known into a new file, and removes the old ones once it is there for good. */
  async #roll(): Promise<void> {
    const { disk, jobName } = this.#options
    const directory = this.#directory
    const number = this.#number + 1
    const path = `${directory}/${number}${SUFFIX}`
    try {
      await disk.mkdir(directory)
      await removeIfThere(disk, `${directory}/${number}${TEMPORARY}`)
      const lines = [lineOf({ formatVersion: FORMAT_VERSION, jobName, runId: this.#runId!, splits: this.#splits.size })]
      for (const { operatorId, id, data, ...rest } of this.#splits.values()) {
        lines.push(lineOf({ operatorId, id, data, ...plain(rest) }))
      }
      const file = await disk.open(`${directory}/${number}${TEMPORARY}`, "create")
      let bytes = 0
      try {
        for (const line of lines) {
          await file.write(line)
          bytes += line.length
        }
        await file.sync()
        await disk.rename(`${directory}/${number}${TEMPORARY}`, path)
        await disk.syncDirectory(directory)
      } catch (error) {
        await file.close()
        throw error
      }
      const before = this.#file
      this.#file = file
      this.#number = number
      this.#headBytes = bytes
      this.#bytes = bytes
      await before?.close()
      for (const { name, number: found } of await listLogs(disk, directory)) {
        if (found < number) await removeIfThere(disk, `${directory}/${name}`)
      }
    } catch (error) {
      throw writeFailed("write", path, error)
    }
  }

  async #load(): Promise<void> {
    const { disk, jobName } = this.#options
    const logs = await listLogs(disk, this.#directory)
    this.#number = logs.reduce((highest, { number }) => Math.max(highest, number), 0)
    const newest = logs.filter(({ temporary }) => !temporary).sort((a, b) => b.number - a.number)[0]
    if (newest === undefined) return
    const path = `${this.#directory}/${newest.name}`
    const lines = splitLines(await readWhole(disk, path, "CLAIMS", MAX_BYTES), path)
    const head = lines[0] as
      | { formatVersion?: unknown; jobName?: unknown; runId?: unknown; splits?: unknown }
      | undefined
    if (
      head?.formatVersion !== FORMAT_VERSION ||
      head.jobName !== jobName ||
      typeof head.runId !== "string" ||
      typeof head.splits !== "number" ||
      lines.length < 1 + head.splits
    ) {
      throw damaged(path, "its head is incomplete, of another job, or of another release")
    }
    this.#runId = head.runId
    for (const line of lines.slice(1, 1 + head.splits)) {
      const split = read(line) as ClaimedSplit
      this.#splits.set(keyOf(split), split)
    }
    for (const line of lines.slice(1 + head.splits)) {
      for (const each of line as readonly unknown[]) {
        const claim = read(each) as Claim
        if (!this.#splits.has(keyOf(claim))) throw damaged(path, `it claims ${claim.id}, which its head does not name`)
        this.#note(claim)
      }
    }
  }
}

function keyOf({ operatorId, id }: { readonly operatorId: string; readonly id: string }): string {
  return `${operatorId}\n${id}`
}

/** JSON has neither -Infinity nor undefined: the fields are left out. */
function plain({ next, newestMs, done }: Pick<Claim, "next" | "newestMs" | "done">): {
  readonly [field: string]: Json
} {
  return {
    ...(next === undefined ? {} : { next }),
    ...(newestMs === Number.NEGATIVE_INFINITY ? {} : { newestMs }),
    done,
  }
}

function read(line: unknown): unknown {
  const fields = line as Partial<ClaimedSplit>
  return { ...fields, next: fields.next, newestMs: fields.newestMs ?? Number.NEGATIVE_INFINITY }
}

function lineOf(value: unknown): Uint8Array {
  const text = jsonText(value)
  return encodeUtf8(`${hex32(crc32(encodeUtf8(text)))} ${text}\n`)
}

const LINE_FEED = 10
/** Checksum and a space. */
const SUM_CHARS = 9

function splitLines(bytes: Uint8Array, path: string): unknown[] {
  const values: unknown[] = []
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, start)
    const end = found === -1 ? bytes.length : found
    const line = bytes.subarray(start, end)
    const value = checked(line)
    if (value === undefined) {
      // A last write that a crash cut short is of claims that nobody was told of: they are left out. Two lines that have
      // become one are something else: a line feed of an acknowledged one is gone.
      const cutShort = end >= bytes.length - 1 && !beginsWithWholeLine(line)
      if (!cutShort) throw damaged(path, `the line at byte ${start} does not match its checksum`)
      break
    }
    values.push(value)
    start = end + 1
  }
  return values
}

function checked(line: Uint8Array): unknown {
  const body = line.subarray(SUM_CHARS)
  if (sumOf(line) !== crc32(body)) return undefined
  const text = decodeUtf8(body)
  return text === undefined ? undefined : JSON.parse(text)
}

function beginsWithWholeLine(line: Uint8Array): boolean {
  const sum = sumOf(line)
  let crc = 0
  for (let at = SUM_CHARS; at < line.length; at++) {
    if (crc === sum && at > SUM_CHARS) return true
    crc = crc32(line.subarray(at, at + 1), crc)
  }
  return false
}

/** What a line says its checksum is. */
function sumOf(line: Uint8Array): number | undefined {
  const match = /^([0-9a-f]{8}) $/.exec(decodeUtf8(line.subarray(0, SUM_CHARS)) ?? "")
  return match === null ? undefined : Number.parseInt(match[1]!, 16)
}

async function listLogs(
  disk: Disk,
  directory: string,
): Promise<readonly { readonly name: string; readonly number: number; readonly temporary: boolean }[]> {
  let names: readonly string[]
  try {
    names = await disk.list(directory)
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return []
    throw readFailed("FOLDER", directory, error)
  }
  return names.flatMap((name) => {
    const match = /^([1-9]\d{0,14})\.log(\.tmp)?$/.exec(name)
    return match === null ? [] : [{ name, number: Number(match[1]), temporary: match[2] !== undefined }]
  })
}

function damaged(file: string, found: string): EngineError {
  return new EngineError(
    "CLAIMS_DAMAGED",
    `Cannot read ${file}: ${found}; to go on might repeat output: restore the file from a copy, or remove it to begin anew`,
    { details: { file } },
  )
}

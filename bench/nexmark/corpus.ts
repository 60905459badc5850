import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, statSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { BEAM_RATE, delayUs, type EventRate, emittedAt } from "./event-numbers.ts"
import { NexmarkGenerator } from "./generator.ts"
import { BLOCK_EVENTS, FILE, MAGIC, MAX_RECORD_BYTES } from "./layout.ts"
import { RecordWriter } from "./record-writer.ts"

export interface CorpusOptions {
  /** A multiple of the group size. */
  readonly events: number
  /** Events come out of order within groups of so many: a divisor of a block's events. Default 1: in order. */
  readonly groupSize?: number
  readonly rate?: EventRate
}

/** Makes a corpus in memory that threads share. */
export function makeCorpus({ events, groupSize = 1, rate = BEAM_RATE }: CorpusOptions): SharedArrayBuffer {
  if (BLOCK_EVENTS % groupSize !== 0 || events % groupSize !== 0) {
    throw new RangeError(`groups of ${groupSize} fit neither blocks of ${BLOCK_EVENTS} nor ${events} events`)
  }
  const blocks = Math.ceil(events / BLOCK_EVENTS)
  const recordsAt = FILE.offsets + 8 * (blocks + 1)
  // Events take 133 bytes on average.
  const buffer = new SharedArrayBuffer(recordsAt + events * 140 + 64 * MAX_RECORD_BYTES)
  const view = new DataView(buffer)
  view.setUint32(FILE.magic, MAGIC, true)
  view.setUint32(FILE.events, events, true)
  view.setUint32(FILE.blockEvents, BLOCK_EVENTS, true)
  view.setUint32(FILE.blocks, blocks, true)
  view.setFloat64(FILE.disorderMs, groupSize === 1 ? 0 : Math.ceil((groupSize * delayUs(rate)) / 1_000), true)
  const writer = new RecordWriter(buffer, recordsAt)
  const generator = new NexmarkGenerator(rate, writer)
  for (let n = 0; n < events; n++) {
    if (n % BLOCK_EVENTS === 0) view.setFloat64(FILE.offsets + (8 * n) / BLOCK_EVENTS, writer.offset, true)
    if (writer.offset + MAX_RECORD_BYTES > buffer.byteLength) throw new RangeError(`no room for event ${n}`)
    generator.write(emittedAt(n, groupSize))
  }
  view.setFloat64(FILE.offsets + 8 * blocks, writer.offset, true)
  return buffer
}

/** The corpus from its file in the system's temporary folder, where it is put when it is made for the first time. */
export function cachedCorpus(options: CorpusOptions): SharedArrayBuffer {
  const { events, groupSize = 1, rate = BEAM_RATE } = options
  const folder = join(tmpdir(), "millrace-nexmark")
  const file = join(folder, `v1-${events}-g${groupSize}-${rate.perSecond}-${rate.baseMs}.bin`)
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true })
    const corpus = makeCorpus(options)
    const partial = `${file}.${process.pid}`
    writeFile(partial, new Uint8Array(corpus, 0, new Corpus(corpus).end))
    // Another process may have been quicker; both have made the same bytes.
    renameSync(partial, file)
  }
  return readFile(file)
}

/** What is in a corpus, and where. */
export class Corpus {
  readonly buffer: SharedArrayBuffer
  readonly events: number
  readonly blocks: number
  /** No event is more than this behind the newest one before it. */
  readonly disorderMs: number
  readonly #view: DataView

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.#view = new DataView(buffer)
    if (this.#view.getUint32(FILE.magic, true) !== MAGIC) throw new TypeError("these bytes are no Nexmark corpus")
    this.events = this.#view.getUint32(FILE.events, true)
    this.blocks = this.#view.getUint32(FILE.blocks, true)
    this.disorderMs = this.#view.getFloat64(FILE.disorderMs, true)
  }

  /** Where block `block` begins; the number of blocks answers where the last one ends. */
  offsetOf(block: number): number {
    return this.#view.getFloat64(FILE.offsets + 8 * block, true)
  }

  get end(): number {
    return this.offsetOf(this.blocks)
  }
}

/** Files of more than 2 GiB, and shared memory, are read and written piece by piece. */
const PIECE_BYTES = 2 ** 26

function writeFile(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, "w")
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, Math.min(PIECE_BYTES, bytes.length - at))
  closeSync(fd)
}

function readFile(path: string): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(statSync(path).size)
  const bytes = new Uint8Array(buffer)
  const fd = openSync(path, "r")
  for (let at = 0; at < bytes.length; ) {
    const read = readSync(fd, bytes, at, Math.min(PIECE_BYTES, bytes.length - at), at)
    if (read === 0) throw new RangeError(`${path} is shorter than it was`)
    at += read
  }
  closeSync(fd)
  return buffer
}

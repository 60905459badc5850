/**
 * Lines of text, in blocks: a time, then eight words of 5,000, the first ones the most frequent. 10,000 lines a second of event
 * time, up to 100 ms out of order. The same bytes for all programs.
 */
export interface Lines {
  readonly bytes: SharedArrayBuffer
  /** Where each block begins; the last is the end. */
  readonly starts: readonly number[]
  readonly count: number
}

export interface TimedWord {
  readonly timeMs: number
  readonly word: string
}

export type Task = "word count" | "windows"

/** What every program is run with. */
export interface PeerParams extends Readonly<Record<string, unknown>> {
  readonly task: Task
  readonly lines: Lines
  readonly passes: number
  readonly notes: SharedArrayBuffer
}

export const OUT_OF_ORDER_MS = 100
export const WINDOW_MS = 1_000
export const WORDS_PER_LINE = 8
const PER_MS = 10
const PER_BLOCK = 128
const WORDS = 5_000

export function makeLines(count: number): Lines {
  const starts: number[] = []
  const blocks: string[] = []
  let offset = 0
  let state = 7
  const draw = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return Math.floor((state / 0x8000_0000) * below)
  }
  for (let index = 0; index < count; index += PER_BLOCK) {
    let text = ""
    for (let line = index; line < Math.min(count, index + PER_BLOCK); line++) {
      text += 1e12 + Math.floor(line / PER_MS) + draw(OUT_OF_ORDER_MS)
      for (let word = 0; word < WORDS_PER_LINE; word++) text += ` word${draw(draw(WORDS) + 1)}`
      text += "\n"
    }
    starts.push(offset)
    blocks.push(text)
    offset += text.length
  }
  starts.push(offset)
  const bytes = new SharedArrayBuffer(offset)
  Buffer.from(bytes).write(blocks.join(""), "latin1")
  return { bytes, starts, count }
}

/** The lines of the k-th of `of` readers, a block at a time. */
export function* readLines({ lines, passes }: PeerParams, k = 0, of = 1): Generator<ShiftedLines> {
  const blocks = lines.starts.length - 1
  for (let block = k; block < blocks * passes; block += of) yield readBlock(lines, block)
}

/** Lines whose times are to be shifted: the whole is read again and again, each time one span later. */
export interface ShiftedLines {
  readonly texts: readonly string[]
  readonly shiftMs: number
}

export function readBlock({ bytes, starts, count }: Lines, block: number): ShiftedLines {
  const blocks = starts.length - 1
  const at = block % blocks
  const text = Buffer.from(bytes).toString("latin1", starts[at]!, starts[at + 1]! - 1)
  return { texts: text.split("\n"), shiftMs: Math.floor(block / blocks) * (count / PER_MS) }
}

export function wordsOf(line: string, shiftMs: number): TimedWord[] {
  const [time, ...words] = line.split(" ")
  const timeMs = Number(time) + shiftMs
  return words.map((word) => ({ timeMs, word }))
}

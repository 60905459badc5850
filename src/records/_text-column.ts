import { type ByteCursor, damaged } from "./byte-cursor.ts"

/**
 * Strings one behind the other, in the narrowest code that keeps every UTF-16 unit as it is.
 *
 * ```
 *  u32                        u32 units      u8 or u16 x count        units of 1 byte (Latin-1) or 2 (UTF-16)
 *  +------------------------+--------------+------------------------+----------+
 *  | unit | width of length | of all       | lengths                | text     |
 *  +------------------------+--------------+------------------------+----------+
 * ```
 *
 * Written at once: calls into the platform cost more than the copy, and one that writes a text that was put together of a
 * thousand strings is some four times as fast as a thousand calls or as a loop over the characters.
 */
const LATIN1 = 0
const UTF16 = 1

/**
 * Strings are read out of pieces of so many units, and share the memory of their piece when they are long enough: so whoever
 * keeps one string keeps no more than this beside it. (Of one piece per column they would be a third faster to read.)
 */
const PIECE_UNITS = 512

const BEYOND_LATIN1 = /[^\0-\xff]/

/** Longer strings are no cells of a text: they gain nothing by it. */
export const MAX_TEXT_CELL_UNITS = 0xffff

/** How many bytes `writeText` writes at most. */
export function textBound(count: number, units: number): number {
  return 16 + 2 * count + 2 * units
}

/** @param units all lengths together */
export function writeText(sink: ByteCursor, strings: readonly string[], count: number, units: number): void {
  let text = ""
  let longest = 0
  for (let row = 0; row < count; row++) {
    const string = strings[row]!
    text += string
    if (string.length > longest) longest = string.length
  }
  const shift = longest < 0x100 ? 0 : 1
  const head = sink.take(2, 2)
  const lengthsAt = sink.take(count, shift)
  const lengths = shift === 0 ? sink.u8 : sink.u16
  for (let row = 0; row < count; row++) lengths[lengthsAt + row] = strings[row]!.length
  const unit = writeUnits(sink, text)
  sink.u32[head] = unit | (shift << 8)
  sink.u32[head + 1] = units
}

function writeUnits(sink: ByteCursor, text: string): number {
  const units = text.length
  // With four bytes to spare a text that is not all ASCII shows: it fills more than one byte per unit, cut short or not.
  if (sink.text.utf8Write(text, sink.at, units + 4) === units) {
    sink.at += units
    return LATIN1
  }
  if (!BEYOND_LATIN1.test(text)) {
    sink.at += sink.text.latin1Write(text, sink.at, units)
    return LATIN1
  }
  sink.at = (sink.at + 1) & ~1
  sink.at += sink.text.ucs2Write(text, sink.at, 2 * units)
  return UTF16
}

export function readText(source: ByteCursor, count: number): string[] {
  const head = source.take(2, 2)
  const unit = source.u32[head]! & 0xff
  const shift = source.u32[head]! >>> 8
  const units = source.u32[head + 1]!
  if (unit > UTF16 || shift > 1) throw damaged(`a text has units ${unit} and lengths ${shift}`)
  const lengthsAt = source.take(count, shift)
  const lengths = shift === 0 ? source.u8 : source.u16
  const start = source.take(units, unit) << unit
  const strings: string[] = []
  let at = 0
  let pieceFrom = 0
  let pieceTo = 0
  let piece = ""
  for (let row = 0; row < count; row++) {
    const length = lengths[lengthsAt + row]!
    const to = at + length
    if (to > pieceTo) {
      if (to > units) throw damaged(`strings of more than the ${units} units of their text`)
      pieceFrom = at
      pieceTo = Math.min(units, at + Math.max(length, PIECE_UNITS))
      piece = readUnits(source, unit, start + (pieceFrom << unit), start + (pieceTo << unit))
    }
    strings.push(piece.substring(at - pieceFrom, to - pieceFrom))
    at = to
  }
  if (at !== units) throw damaged(`strings of ${at} units out of a text of ${units}`)
  return strings
}

function readUnits(source: ByteCursor, unit: number, from: number, to: number): string {
  return unit === LATIN1 ? source.text.latin1Slice(from, to) : source.text.ucs2Slice(from, to)
}

import { describe } from "../../errors/index.ts"

/** What the cells of a column are turned into. */
export type CsvType = "string" | "number" | "boolean" | "date"

export const CSV_TYPES: readonly CsvType[] = ["string", "number", "boolean", "date"]

/** Answered by a converter for a cell that is not of its type. */
export const NOT_OF_TYPE: unique symbol = Symbol("not of type")

export type Convert = (cell: string) => unknown

/** Strings stay as they are; in every other column an empty cell is null. */
export function converter(type: CsvType): Convert {
  switch (type) {
    case "string":
      return detach
    case "number":
      return toNumber
    case "boolean":
      return toBoolean
    case "date":
      return toDate
  }
}

export function notOfType(column: string, type: CsvType, cell: string): string {
  return `column ${describe(column, 60)} holds ${describe(cell, 60)}, which is no ${type}`
}

/** The narrowest type that all of the cells fit; string when all are empty. Columns of "007" or of 20-digit ids stay strings. */
export function inferType(cells: readonly string[]): CsvType {
  const filled = cells.filter((cell) => cell !== "")
  if (filled.length === 0) return "string"
  if (filled.every((cell) => !NUMBER_LIKE_TEXT.test(cell) && toNumber(cell) !== NOT_OF_TYPE)) return "number"
  if (filled.every((cell) => BOOLEAN_WORD.test(cell))) return "boolean"
  if (filled.every((cell) => toDate(cell) !== NOT_OF_TYPE)) return "date"
  return "string"
}

/** Digits that are a name rather than an amount: a leading zero, or more of them than a number can tell apart. */
const NUMBER_LIKE_TEXT = /^\s*[-+]?(?:0\d|\d{16,})/
const BOOLEAN_WORD = /^(?:true|false)$/i
// The shortest string that V8 cuts out of another by reference.
const SHARED_FROM_LENGTH = 13

/** A cell that keeps nothing alive but itself: long ones are copied out of the block's text they were cut from. */
function detach(cell: string): string {
  return cell.length < SHARED_FROM_LENGTH ? cell : ` ${cell}`.slice(1)
}

function toNumber(cell: string): number | null | typeof NOT_OF_TYPE {
  if (cell === "") return null
  const value = Number(cell)
  if (!Number.isFinite(value)) return NOT_OF_TYPE
  // Number() also reads blanks as 0 and knows 0x10, 0b1 and 0o7.
  if (value === 0 && cell.trim() === "") return NOT_OF_TYPE
  return cell.length > 2 && HEX_LIKE.test(cell) ? NOT_OF_TYPE : value
}

const HEX_LIKE = /^\s*0[xbo]/i

function toBoolean(cell: string): boolean | null | typeof NOT_OF_TYPE {
  switch (cell) {
    case "":
      return null
    case "true":
    case "1":
      return true
    case "false":
    case "0":
      return false
    default:
      return BOOLEAN_WORD.test(cell) ? cell.toLowerCase() === "true" : NOT_OF_TYPE
  }
}

const DATE =
  /^(\d{4})[-/](\d{2})[-/](\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:\s?(Z|[-+]\d{2}:?\d{2}))?)?$/i

/** ISO 8601 with its usual liberties: a blank for T, `/` for `-`. Without a zone the time is UTC, on every machine. */
function toDate(cell: string): Date | null | typeof NOT_OF_TYPE {
  if (cell === "") return null
  const match = DATE.exec(cell)
  if (match === null) return NOT_OF_TYPE
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0))
  const date = new Date(0)
  date.setUTCFullYear(year!, month! - 1, day!)
  if (date.getUTCMonth() !== month! - 1 || date.getUTCDate() !== day!) return NOT_OF_TYPE
  if (hour! > 23 || minute! > 59 || second! > 59) return NOT_OF_TYPE
  date.setUTCHours(hour!, minute!, second!, Number((match[7] ?? "0").padEnd(3, "0").slice(0, 3)))
  const offsetMinutes = zoneMinutes(match[8])
  if (offsetMinutes === undefined) return NOT_OF_TYPE
  return new Date(date.getTime() - offsetMinutes * 60_000)
}

function zoneMinutes(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === "Z" || zone === "z") return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(-2))
  if (hours > 23 || minutes > 59) return undefined
  return (zone[0] === "-" ? -1 : 1) * (hours * 60 + minutes)
}

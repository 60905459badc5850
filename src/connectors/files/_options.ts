import type { BadRecordPolicy } from "../../contracts/index.ts"
import { closest, describe, EngineError } from "../../errors/index.ts"
import type { ReadOptions, WriteOptions } from "./file-format.ts"

/** The options of `ReadOptions`, with their defaults filled in. */
export interface ReadSettings {
  readonly badRecords: BadRecordPolicy
  readonly inOrder: boolean | undefined
  readonly splitBytes: number | undefined
  readonly maxRecordBytes: number
  readonly chunkBytes: number
}

/** The options of `WriteOptions`, with their defaults filled in. */
export interface WriteSettings {
  readonly existing: "replace" | "append" | "fail"
  readonly rollBytes: number
}

const MIB = 1024 * 1024
// V8 refuses strings of 512 Mi characters: a record beyond that could not be decoded.
const MAX_RECORD_BYTES = 511 * MIB

const READ_NAMES = ["badRecords", "inOrder", "splitBytes", "maxRecordBytes", "chunkBytes", "schema"]
const WRITE_NAMES = ["existing", "rollBytes"]

/** @throws {EngineError} OPTION_INVALID for a name or a value that means nothing here */
export function readSettings<T>(caller: string, options: ReadOptions<T>): ReadSettings {
  const badRecords = options.badRecords ?? "fail"
  const deadLetter = typeof badRecords === "object" ? badRecords?.deadLetter : undefined
  if (badRecords !== "fail" && badRecords !== "skip" && (typeof deadLetter !== "string" || deadLetter === "")) {
    throw invalidOption(caller, "badRecords", badRecords, `pass "fail", "skip" or { deadLetter: "out/bad.ndjson" }`)
  }
  if (options.schema !== undefined && typeof options.schema?.["~standard"]?.validate !== "function") {
    throw invalidOption(
      caller,
      "schema",
      options.schema,
      "pass a Standard Schema v1 validator (zod, valibot, arktype ...)",
    )
  }
  return {
    badRecords,
    inOrder: options.inOrder,
    splitBytes: options.splitBytes === undefined ? undefined : byteCount(caller, "splitBytes", options.splitBytes),
    maxRecordBytes: byteCount(caller, "maxRecordBytes", options.maxRecordBytes ?? 256 * MIB, MAX_RECORD_BYTES),
    chunkBytes: byteCount(caller, "chunkBytes", options.chunkBytes ?? 256 * 1024, MAX_RECORD_BYTES),
  }
}

/** @throws {EngineError} OPTION_INVALID for a name or a value that means nothing here */
export function writeSettings(caller: string, options: WriteOptions): WriteSettings {
  const existing = options.existing ?? "replace"
  if (existing !== "replace" && existing !== "append" && existing !== "fail") {
    throw invalidOption(caller, "existing", existing, `pass "replace", "append" or "fail"`)
  }
  return { existing, rollBytes: byteCount(caller, "rollBytes", options.rollBytes ?? 128 * MIB) }
}

/** Refuses option names that neither reading nor writing nor the format itself knows: most often a typing mistake. */
export function checkOptionNames(caller: string, options: object, formatNames: readonly string[]): void {
  const known = [...formatNames, ...READ_NAMES, ...WRITE_NAMES]
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const near = closest(name, known)
    throw new EngineError(
      "OPTION_INVALID",
      `Cannot use ${caller}(): it has no option ${name}; ${near === undefined ? `it knows ${known.join(", ")}` : `did you mean ${near}?`}`,
      { details: { option: name } },
    )
  }
}

export function invalidOption(caller: string, option: string, value: unknown, remedy: string): EngineError {
  return new EngineError(
    "OPTION_INVALID",
    `Cannot use ${caller}(): option ${option} is ${describe(value)}; ${remedy}`,
    {
      details: { option },
    },
  )
}

function byteCount(caller: string, option: string, value: number, max = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value
  throw invalidOption(
    caller,
    option,
    value,
    `pass a whole number of bytes from 1${max < Number.MAX_SAFE_INTEGER ? ` to ${max}` : ""}`,
  )
}

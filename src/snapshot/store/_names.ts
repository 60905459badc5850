import { encodeUtf8 } from "./_utf8.ts"
import { crc32 } from "./crc32.ts"

/** What a part is called after. */
export interface PartName {
  readonly checkpointId: number
  readonly attempt: number
  readonly vertexId: string
  readonly subtask: number
}

export interface CheckpointName {
  readonly checkpointId: number
  readonly attempt: number
}

const SAFE_NAME_LENGTH = 80

/**
 * Any text as a part of a file name. Names of lower-case letters, digits, `_`, `-` and inner dots stay as they are;
 * others keep what they can and get the checksum of the text, so that two texts are told apart also where file names
 * ignore case.
 */
export function safeName(text: string): string {
  if (/^[a-z0-9_-]([a-z0-9_.-]*[a-z0-9_-])?$/.test(text) && text.length <= SAFE_NAME_LENGTH) return text
  const readable = text.slice(0, SAFE_NAME_LENGTH).replaceAll(/[^A-Za-z0-9_-]/g, "_")
  return `${readable}~${hex32(crc32(encodeUtf8(text)))}`
}

/** Unique per attempt: what a dead attempt still writes is never taken for a part of a new one. */
export function partFileName({ checkpointId, attempt, vertexId, subtask }: PartName): string {
  return `parts/${checkpointId}-${attempt}-${safeName(vertexId)}-${subtask}.part`
}

/** Reads a file name in the parts directory. Exact: checkpoint 1 is never taken for a part of 11. */
export function parsePartName(name: string): CheckpointName | undefined {
  const match = /^(0|[1-9]\d{0,15})-(0|[1-9]\d{0,15})-[A-Za-z0-9_.~-]+-(?:0|[1-9]\d{0,9})\.part$/.exec(name)
  return match === null ? undefined : numbersOf(match[1], match[2])
}

export const MANIFEST_SUFFIX = ".json"

export function checkpointName({ checkpointId, attempt }: CheckpointName): string {
  return `${checkpointId}-${attempt}`
}

/** Reads `<id>-<attempt><suffix>`; undefined for every other name. */
export function parseCheckpointName(name: string, suffix: string): CheckpointName | undefined {
  if (!name.endsWith(suffix)) return undefined
  const match = /^(0|[1-9]\d{0,15})-(0|[1-9]\d{0,15})$/.exec(name.slice(0, name.length - suffix.length))
  return match === null ? undefined : numbersOf(match[1], match[2])
}

export function hex32(value: number): string {
  return value.toString(16).padStart(8, "0")
}

function numbersOf(id: string | undefined, attempt: string | undefined): CheckpointName | undefined {
  const [checkpointId, attemptNumber] = [Number(id), Number(attempt)]
  return Number.isSafeInteger(checkpointId) && Number.isSafeInteger(attemptNumber)
    ? { checkpointId, attempt: attemptNumber }
    : undefined
}

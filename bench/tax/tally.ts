import type { Sink } from "millrace"

/** Both sides count their rows and fold every field of each, in any order. */
export class Tally {
  rows = 0
  digest = 0

  add(key: string | number, first: number, second: number): void {
    const keyed =
      typeof key === "number"
        ? key
        : Math.imul(key.length, 31) +
          Math.imul(key.charCodeAt(key.length - 1), 10_007) +
          Math.imul(key.charCodeAt(key.length - 2), 1_009) +
          key.charCodeAt(key.length - 3)
    const mixed = Math.imul(Math.imul(keyed ^ 0x9e3779b1, 0x85ebca6b) ^ first, 0xc2b2ae35)
    this.rows += 1
    this.digest = (this.digest + Math.imul((mixed >>> 15) ^ mixed ^ second, 0x27d4eb2f)) | 0
  }
}

const FIELDS = 2

/** Where so many subtasks write their tallies. */
export const tallyMemory = (subtasks: number): SharedArrayBuffer => new SharedArrayBuffer(8 * FIELDS * subtasks)

export function writeTally(memory: SharedArrayBuffer, subtask: number, { rows, digest }: Tally): void {
  new Float64Array(memory).set([rows, digest], FIELDS * subtask)
}

/** Of all subtasks. */
export function readTally(memory: SharedArrayBuffer): { readonly rows: number; readonly digest: number } {
  const notes = new Float64Array(memory)
  const all = { rows: 0, digest: 0 }
  for (let at = 0; at < notes.length; at += FIELDS) {
    all.rows += notes[at]!
    all.digest = (all.digest + notes[at + 1]!) | 0
  }
  return all
}

/** Counts and folds the rows, and throws them away. */
export function tallySink<T>(memory: SharedArrayBuffer, add: (tally: Tally, row: T) => void): Sink<T> {
  return {
    label: "tally",
    writer({ subtask }) {
      const tally = new Tally()
      return {
        write(rows) {
          for (const row of rows) add(tally, row)
          writeTally(memory, subtask, tally)
        },
      }
    },
  }
}

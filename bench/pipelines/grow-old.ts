import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void

/** What lives on this thread's heap leaves the young generation, as after two of its collections, and has been through a whole one. */
export function growOld(): void {
  collect({ type: "minor" })
  collect({ type: "minor" })
  collect()
}

/** Bytes on this thread's heap after a whole collection. */
export function heapBytes(): number {
  collect()
  return process.memoryUsage().heapUsed
}

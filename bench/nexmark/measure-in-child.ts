import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Measured, MeasureOptions } from "./measure.ts"

const CHILD = fileURLToPath(new URL("./child.mjs", import.meta.url))
const MEASURE = fileURLToPath(new URL("./measure.ts", import.meta.url))

/** One run in a process of its own: no code compiled before, no heap but its own, and its most memory is known. */
export async function measureInChild(options: MeasureOptions): Promise<Measured> {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, MEASURE, JSON.stringify(options)])
  return JSON.parse(stdout) as Measured
}

import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const CHILD = fileURLToPath(new URL("./child.mjs", import.meta.url))

/**
 * Runs the default export of a module in a process of its own: no code compiled before, no heap but its own, and its most memory
 * is known.
 * @param options JSON, as is what it answers
 */
export async function inChild<R>(module: URL, options: unknown): Promise<R> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    CHILD,
    fileURLToPath(module),
    JSON.stringify(options),
  ])
  return JSON.parse(stdout) as R
}

import { lstatSync, mkdirSync } from "node:fs"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { EngineError } from "../errors/index.ts"

/**
 * Where running jobs are found: the first one that can be used is written to, all are looked through, since a job started
 * by cron sees another environment than a terminal. MILLRACE_RUNTIME_DIR, when set, is the only one.
 */
export function runtimeDirectories(env: Readonly<Record<string, string | undefined>> = process.env): readonly string[] {
  const own = env.MILLRACE_RUNTIME_DIR
  if (own !== undefined && own !== "") return [own]
  const shared = env.XDG_RUNTIME_DIR
  const uid = process.getuid?.()
  return [
    ...(shared === undefined || shared === "" ? [] : [join(shared, "millrace")]),
    ...(uid === undefined ? [] : [`/run/user/${uid}/millrace`]),
    join(tmpdir(), `millrace-${uid ?? userInfo().username.replaceAll(/[^\w-]/g, "_")}`),
  ].filter((directory, index, all) => all.indexOf(directory) === index)
}

/**
 * Makes the directory, for the user alone.
 *
 * @throws {EngineError} CONTROL_ENDPOINT_FAILED when none can be made, or somebody else could get in
 */
export function makeRuntimeDirectory(candidates: readonly string[]): string {
  const refusals: string[] = []
  for (const directory of candidates) {
    const refusal = tryToMake(directory)
    if (refusal === undefined) return directory
    refusals.push(`${directory}: ${refusal}`)
  }
  throw new EngineError(
    "CONTROL_ENDPOINT_FAILED",
    `Cannot make a directory for the job's control socket: ${refusals.join("; ")}; set MILLRACE_RUNTIME_DIR to a short path that is yours alone. The job goes on, other terminals cannot reach it`,
  )
}

function tryToMake(directory: string): string | undefined {
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") return (error as Error).message
  }
  try {
    // Of a link, not of what it leads to: in a shared temporary directory anybody can plant one.
    const { mode, uid } = lstatSync(directory)
    if ((mode & 0o170000) !== 0o040000) return "it is no directory"
    if (process.getuid === undefined) return undefined
    if (uid !== process.getuid()) return "it belongs to another user"
    if ((mode & 0o077) !== 0) return "others may look into it (chmod 700 it)"
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

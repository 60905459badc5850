import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"

/** A running job, as its file in a runtime directory has it. */
export interface JobEntry {
  readonly v: number
  readonly jobName: string
  readonly runId: string
  readonly pid: number
  /** Path of the unix domain socket, or name of the pipe. */
  readonly socket: string
  readonly startedAtMs: number
  /** The pipeline's module. */
  readonly module: string
}

const ENTRY = ".job.json"
const CONNECT_TIMEOUT_MS = 2_000

/** Makes the job known. The file is there whole or not at all. @returns the file */
export function writeEntry(directory: string, name: string, entry: JobEntry): string {
  const file = join(directory, `${name}${ENTRY}`)
  const temporary = `${file}.tmp`
  writeFileSync(temporary, `${JSON.stringify(entry)}\n`, { mode: 0o600 })
  renameSync(temporary, file)
  return file
}

/**
 * Jobs that run now, oldest first: those whose socket lets itself be connected to. The files of others are left by a crash
 * and removed here. A pid proves nothing, it may be somebody else's by now or of another container.
 */
export async function listJobs(directories: readonly string[]): Promise<readonly JobEntry[]> {
  const found = directories.flatMap((directory) =>
    namesIn(directory)
      .filter((name) => name.endsWith(ENTRY))
      .map((name) => join(directory, name)),
  )
  const entries = await Promise.all(found.map(checkEntry))
  return entries.filter((entry) => entry !== undefined).sort((a, b) => a.startedAtMs - b.startedAtMs || a.pid - b.pid)
}

async function checkEntry(file: string): Promise<JobEntry | undefined> {
  const entry = readEntry(file)
  if (entry === undefined) return undefined
  const state = await probe(entry.socket)
  if (state === "stale") {
    rmSync(file, { force: true })
    if (process.platform !== "win32") rmSync(entry.socket, { force: true })
  }
  return state === "live" ? entry : undefined
}

/** Only what says for sure that nobody listens makes an entry stale. */
function probe(socket: string): Promise<"live" | "stale" | "unknown"> {
  return new Promise((resolve) => {
    const connection = connect(socket)
    const end = (state: "live" | "stale" | "unknown"): void => {
      clearTimeout(timer)
      connection.destroy()
      resolve(state)
    }
    const timer = setTimeout(() => end("unknown"), CONNECT_TIMEOUT_MS)
    connection.on("connect", () => end("live"))
    connection.on("error", ({ code }: NodeJS.ErrnoException) =>
      end(code === "ECONNREFUSED" || code === "ENOENT" || code === "ENOTSOCK" ? "stale" : "unknown"),
    )
  })
}

/** Undefined for what is no entry, or has just gone. */
function readEntry(file: string): JobEntry | undefined {
  try {
    const entry = JSON.parse(readFileSync(file, "utf8")) as JobEntry
    const sound =
      typeof entry.jobName === "string" &&
      typeof entry.runId === "string" &&
      typeof entry.pid === "number" &&
      typeof entry.socket === "string" &&
      typeof entry.startedAtMs === "number"
    return sound ? entry : undefined
  } catch {
    return undefined
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    // Never made, or somebody else's: no job of ours is in it.
    return []
  }
}

import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import type { JobEvent, JobHandle, JobResult, JobStatus, RunOptions } from "../actors/index.ts"
import type { JobMetrics } from "../observe/index.ts"
import { painter } from "./_terminal.ts"
import type { Io } from "./io.ts"
import { jobOptions } from "./job-options.ts"
import { OpeningEndpoint } from "./opening-endpoint.ts"
import type { OptionValues } from "./parse-command-line.ts"
import { printError } from "./print-error.ts"
import { ProgressDisplay } from "./progress-display.ts"
import { ShareMeans } from "./share-means.ts"
import { summaryText } from "./summary-text.ts"
import { joinSupervisor } from "./supervised.ts"

export interface RunCommand {
  readonly io: Io
  readonly run: (target: URL, options: RunOptions) => Promise<JobHandle>
  /** Path of the pipeline file. */
  readonly file: string
  readonly values: OptionValues
  readonly verbose: boolean
}

export const EXIT = { finished: 0, failed: 1, usage: 2, cancelled: 130, stdoutClosed: 141 } as const

const TERMINAL_EVERY_MS = 500
const LOG_EVERY_MS = 5_000

/** Runs a pipeline to its end, showing how it goes. Answers the exit code; throws nothing that the job throws. */
export async function runCommand({ io, run, file, values, verbose }: RunCommand): Promise<number> {
  const quiet = values.quiet === true
  const everyMs =
    typeof values["metrics-every"] === "number"
      ? values["metrics-every"]
      : io.stderr.isTTY
        ? TERMINAL_EVERY_MS
        : LOG_EVERY_MS
  const display = new ProgressDisplay(io, { quiet })
  const means = new ShareMeans()
  const aborter = new AbortController()
  const supervision = joinSupervisor(io.env)
  const opening = new OpeningEndpoint(async () => {
    if (handle === undefined) return undefined
    const { ControlEndpoint, runtimeDirectories } = await import("../control/index.ts")
    const note = (line: string): void => display.note(line)
    return ControlEndpoint.open({ job: handle, module: resolve(file), directories: runtimeDirectories(io.env), note })
  })
  opening.onWarning = (error) => display.note(`warning: ${error.message}`)
  const onEvent = (event: JobEvent): void => {
    if (event.type === "running") opening.soon()
    // The one that this process was started for is the supervisor's own.
    if (event.type === "restart" && event.error !== undefined && codeOf(event.error) !== "PROCESS_DIED")
      supervision?.tell({ type: "failure" })
    if (event.type === "checkpoint") supervision?.tell({ type: "stable" })
    const text = eventText(event)
    if (text !== undefined) display.note(text)
  }
  let handle: JobHandle | undefined
  let signals = 0
  let stdoutClosed = false

  const removeSignals = io.onSignal(() => {
    signals++
    if (signals === 1 && handle !== undefined) {
      display.note("stopping: sources end and everything in flight is processed; press ctrl-c again to cancel")
      // How it ends is told by `done`, which is awaited below.
      handle.stop().catch(() => undefined)
    } else if (signals <= 2) {
      display.note("cancelling: what is not committed is removed; press ctrl-c again to end at once")
      aborter.abort()
    } else {
      io.exit(EXIT.cancelled)
    }
  })
  io.onStdoutClosed(() => {
    stdoutClosed = true
    aborter.abort()
  })

  try {
    const options = {
      ...jobOptions(values),
      ...(supervision === undefined ? {} : { command: supervision.command }),
      ...(supervision?.resumed === undefined ? {} : { resumed: supervision.resumed }),
      signal: aborter.signal,
      print: (line: string) => display.print(line),
      onEvent,
    }
    handle = await run(pathToFileURL(resolve(file)), options)
  } catch (thrown) {
    removeSignals()
    display.close()
    if (aborter.signal.aborted) return stdoutClosed ? EXIT.stdoutClosed : EXIT.cancelled
    printError(io, thrown, verbose)
    return isOurFailure(thrown) ? EXIT.failed : EXIT.usage
  }

  const stopWatching = watch(handle, everyMs, (metrics) => {
    means.add(metrics)
    display.show(metrics)
  })
  const outcome = await settle(handle)
  await opening.close()
  stopWatching()
  removeSignals()
  display.close()
  if (stdoutClosed) return EXIT.stdoutClosed
  if (!quiet) {
    const { metrics, durationMs } = outcome
    const style = { columns: io.stderr.columns ?? Number.POSITIVE_INFINITY, paint: painter(io.stderr, io.env) }
    means.add(metrics)
    io.stderr.write(
      summaryText({ jobName: handle.jobName, status: outcome.status, durationMs, metrics: means.over(metrics) }, style),
    )
  }
  if (outcome.status === "cancelled") return EXIT.cancelled
  if (outcome.status !== "failed") return EXIT.finished
  if (!quiet) io.stderr.write("\n")
  printError(io, outcome.error, verbose)
  return EXIT.failed
}

/** What is said of an event while the job runs; checkpoints that complete are no news. */
export function eventText(event: JobEvent): string | undefined {
  switch (event.type) {
    case "running":
    case "checkpoint":
      return undefined
    case "warning":
      return `warning: ${event.error.message}`
    case "had-ended":
      return `the job had ended and everything is committed: its process was ended by ${event.cause} before it could say so`
    case "savepoint":
      return `savepoint ${event.checkpointId} in ${event.directory}`
    case "rescale":
      return `rescaling from checkpoint ${event.checkpointId}: ${Object.entries(event.parallelism)
        .map(([operatorId, parallelism]) => `${operatorId}=${parallelism}`)
        .join(" ")}`
    case "restart": {
      const from =
        event.from === "checkpoint"
          ? `checkpoint ${event.checkpointId}`
          : event.from === "claims"
            ? "behind what was emitted, without state,"
            : "the beginning"
      const reason = event.error instanceof Error ? event.error.message : String(event.error)
      return `restart ${event.attempt} from ${from} in ${(event.delayMs / 1000).toFixed(1)}s, after: ${reason}`
    }
  }
}

interface Outcome {
  readonly status: JobStatus
  readonly durationMs: number
  readonly metrics: JobMetrics
  readonly error?: unknown
}

async function settle(handle: JobHandle): Promise<Outcome> {
  try {
    const { status, durationMs, metrics }: JobResult = await handle.done
    return { status, durationMs, metrics }
  } catch (error) {
    const metrics = handle.readMetrics()
    return {
      status: codeOf(error) === "JOB_CANCELLED" ? "cancelled" : "failed",
      durationMs: metrics.elapsedMs,
      metrics,
      error,
    }
  }
}

const ENDED: ReadonlySet<JobStatus> = new Set(["finished", "stopped", "cancelled", "failed"])

/** Hands readings of the running job on until the returned function is called. The one that `done` gives is the last, not ours. */
function watch(handle: JobHandle, everyMs: number, seen: (metrics: JobMetrics) => void): () => void {
  const readings = handle.metrics({ everyMs })
  let watching = true
  const loop = async (): Promise<void> => {
    for await (const metrics of readings) {
      if (!watching || ENDED.has(handle.status)) return
      seen(metrics)
    }
  }
  // Readings end with the job, also when it fails: `done` says why.
  loop().catch(() => undefined)
  return () => {
    watching = false
  }
}

/** True when the job could not be brought up though nothing is wrong with what the user wrote. */
function isOurFailure(thrown: unknown): boolean {
  return /^(WORKER|JOB|INVARIANT)_/.test(codeOf(thrown) ?? "")
}

function codeOf(thrown: unknown): string | undefined {
  const code = (thrown as { readonly code?: unknown } | null | undefined)?.code
  return typeof code === "string" ? code : undefined
}

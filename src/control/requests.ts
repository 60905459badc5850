import { isAbsolute } from "node:path"
import type { JobHandle, Savepoint } from "../actors/index.ts"
import { closest, EngineError } from "../errors/index.ts"
import type { WhyReport } from "../observe/index.ts"
import { type EndReport, endReport, type StatusReport, statusReport } from "./status-report.ts"

/** What can be asked of a running job: by kind, the params and the result. Both plain JSON. A new kind: a row here and one below. */
export interface Requests {
  /** How it goes. */
  status: { readonly params: object; readonly result: StatusReport }
  /** Why there is no output: of the job, or of one operator. */
  why: { readonly params: { readonly operator?: string }; readonly result: WhyReport }
  /**
   * Drains; answers when the job has ended. With `savepoint`, an absolute path or true for one among the job's checkpoints,
   * stops with a savepoint instead.
   */
  stop: { readonly params: { readonly savepoint?: string | true }; readonly result: EndReport }
  /** Takes a savepoint. `directory`: an absolute path; without, among the job's checkpoints. */
  savepoint: { readonly params: { readonly directory?: string }; readonly result: Savepoint }
  /** Goes on at another parallelism, by operator; answers when the job runs again. */
  rescale: { readonly params: { readonly parallelism: Readonly<Record<string, number>> }; readonly result: object }
  /** Ends at once; answers when the job has ended. */
  cancel: { readonly params: object; readonly result: EndReport }
}

export type RequestKind = keyof Requests

/** What a request is answered from. */
export interface RequestContext {
  readonly job: JobHandle
  readonly pid: number
  /** Wall clock, epoch ms. */
  now(): number
  /** Tells whoever watches the job's own terminal. */
  note(line: string): void
}

type Answers = {
  readonly [K in RequestKind]: (
    context: RequestContext,
    params: Readonly<Record<string, unknown>>,
  ) => Requests[K]["result"] | Promise<Requests[K]["result"]>
}

/** Params come from outside: whoever reads one checks it, and refuses it by `invalidParam`. */
const ANSWERS: Answers = {
  status: ({ job, pid, now }) => statusReport(job, pid, now()),
  why({ job }, { operator }) {
    if (operator !== undefined && typeof operator !== "string") {
      throw invalidParam("operator", operator, "an operator's id, or leave it out")
    }
    return job.why(operator)
  },
  async stop({ job, note }, { savepoint }) {
    if (savepoint === undefined) {
      note("stopping, as another process asked: sources end and everything in flight is processed")
      return endReport(await job.stop())
    }
    if (savepoint !== true) checkPath("savepoint", savepoint)
    note("stopping with a savepoint, as another process asked")
    return endReport(await job.stop({ savepoint: savepoint as string | true }))
  },
  async savepoint({ job }, { directory }) {
    if (directory === undefined) return job.savepoint()
    checkPath("directory", directory)
    return job.savepoint({ directory: directory as string })
  },
  async rescale({ job }, { parallelism }) {
    const isRecord = typeof parallelism === "object" && parallelism !== null && !Array.isArray(parallelism)
    if (!isRecord || !Object.values(parallelism).every((each) => typeof each === "number"))
      throw invalidParam("parallelism", parallelism, "an object of numbers by operator id")
    await job.rescale(parallelism as Readonly<Record<string, number>>)
    return {}
  },
  async cancel({ job, note }) {
    note("cancelling, as another process asked: what is not committed is removed")
    await job.cancel()
    const { elapsedMs, recordsIn, recordsOut } = job.readMetrics()
    return { status: "cancelled", durationMs: elapsedMs, recordsIn, recordsOut }
  },
}

/**
 * Answers one request.
 *
 * @throws {EngineError} CONTROL_REQUEST_UNKNOWN, CONTROL_REQUEST_INVALID, and whatever the job says
 */
export async function answer(
  context: RequestContext,
  kind: string,
  params: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  if (Object.hasOwn(ANSWERS, kind)) return ANSWERS[kind as RequestKind](context, params)
  const near = closest(kind, Object.keys(ANSWERS))
  throw new EngineError(
    "CONTROL_REQUEST_UNKNOWN",
    `Cannot answer the request ${JSON.stringify(kind)}: this millrace knows ${Object.keys(ANSWERS).join(", ")}; ${near === undefined ? "use the millrace that runs the job" : `did you mean ${near}?`}`,
  )
}

/** The asker's working directory is not the job's. */
function checkPath(name: string, found: unknown): void {
  if (typeof found !== "string" || !isAbsolute(found)) throw invalidParam(name, found, "an absolute path")
}

/** For params that are not what they should be. */
export function invalidParam(name: string, found: unknown, expected: string): EngineError {
  return new EngineError(
    "CONTROL_REQUEST_INVALID",
    `Cannot answer the request: its param ${name} is ${JSON.stringify(found) ?? "missing"}; give ${expected}`,
  )
}

import { describe, expect, it } from "vitest"
import type { RunOptions } from "../actors/index.ts"
import { EngineError } from "../errors/index.ts"
import { FakeIo, FakeJob, jobMetrics } from "./_fixtures.ts"
import type { OptionValues } from "./parse-command-line.ts"
import { runCommand } from "./run-command.ts"

interface Started {
  readonly io: FakeIo
  readonly job: FakeJob
  readonly ended: Promise<number>
  readonly given: { target?: URL; options?: RunOptions }
}

function start(values: OptionValues = {}, io = new FakeIo(), job = new FakeJob([jobMetrics()])): Started {
  const given: Started["given"] = {}
  const run = async (target: URL, options: RunOptions): Promise<FakeJob> => {
    given.target = target
    given.options = options
    options.signal?.addEventListener("abort", () => void job.cancel())
    return job
  }
  return { io, job, given, ended: runCommand({ io, run, file: "jobs/delays.ts", values, verbose: false }) }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe("runCommand()", () => {
  it("hands the file and the options to run, shows progress and the summary on stderr, and exits with 0", async () => {
    const { io, job, given, ended } = start({ workers: 2, param: [["input", "a.csv"]] })
    await turn()
    job.end()
    expect(await ended).toBe(0)
    expect(given.target?.href).toMatch(/^file:.*\/jobs\/delays\.ts$/)
    expect(given.options).toMatchObject({ workers: 2, params: { input: "a.csv" } })
    expect(io.stdout.text).toBe("")
    expect(io.stderr.text).toMatch(
      /^12\.0s {2}1\.24 M records\/s[^\n]*\nairport-delays finished after 12\.0s\n14,500,000 records in/,
    )
    expect(io.listening).toBe(false)
  })

  it("writes what the pipeline prints to stdout, also in the last moment", async () => {
    const { io, job, given, ended } = start({ quiet: true })
    await turn()
    given.options?.print?.("one")
    await turn()
    given.options?.print?.("two")
    job.end()
    await ended
    expect(io.stdout.text).toBe("one\ntwo\n")
    expect(io.stderr.text).toBe("")
  })

  it("drains after one signal and exits with 0", async () => {
    const { io, job, ended } = start()
    await turn()
    io.signal()
    expect(job.calls).toEqual(["stop"])
    expect(io.stderr.text).toContain(
      "stopping: sources end and everything in flight is processed; press ctrl-c again to cancel\n",
    )
    job.end("stopped")
    expect(await ended).toBe(0)
    expect(io.stderr.text).toContain("airport-delays stopped after")
  })

  it("cancels at the second signal and exits with 130, without an error", async () => {
    const { io, job, ended } = start()
    await turn()
    io.signal()
    io.signal()
    expect(await ended).toBe(130)
    expect(job.calls).toEqual(["stop", "cancel"])
    expect(io.stderr.text).toContain("airport-delays cancelled after")
    expect(io.stderr.text).not.toContain("error")
  })

  it("ends the process at the third signal", async () => {
    const { io, job, ended } = start()
    await turn()
    job.cancel = async () => undefined
    for (let signal = 0; signal < 3; signal++) io.signal()
    expect(io.exits).toEqual([130])
    job.end("stopped")
    await ended
  })

  it("cancels at a signal that comes before the job is up", async () => {
    const io = new FakeIo()
    const run = (_target: URL, { signal }: RunOptions): Promise<FakeJob> =>
      new Promise((_, reject) =>
        signal?.addEventListener("abort", () => reject(new EngineError("JOB_CANCELLED", "The job was cancelled"))),
      )
    const ended = runCommand({ io, run, file: "a.ts", values: {}, verbose: false })
    io.signal()
    expect(await ended).toBe(130)
    expect(io.listening).toBe(false)
  })

  it("prints a failure below the summary and exits with 1", async () => {
    const { io, job, ended } = start()
    await turn()
    job.fail(new EngineError("OPERATOR_FAILED", "Cannot map"))
    expect(await ended).toBe(1)
    expect(io.stderr.text).toMatch(/airport-delays failed after[\s\S]*\n\nerror OPERATOR_FAILED\nCannot map\n/)
  })

  it("prints a failure, and nothing else, when quiet", async () => {
    const { io, job, ended } = start({ quiet: true })
    await turn()
    job.fail(new EngineError("OPERATOR_FAILED", "Cannot map"))
    expect(await ended).toBe(1)
    expect(io.stderr.text).toMatch(/^error OPERATOR_FAILED\nCannot map\n/)
  })

  it.each([
    ["PIPELINE_FILE_MISSING", 2],
    ["PLAN_NO_SINK", 2],
    ["WORKER_LOST", 1],
    ["INVARIANT_BROKEN", 1],
  ])("exits, when run refuses with %s, with %d", async (code, exitCode) => {
    const io = new FakeIo()
    const run = async (): Promise<never> => {
      throw new EngineError(code, "Cannot run")
    }
    expect(await runCommand({ io, run, file: "a.ts", values: {}, verbose: false })).toBe(exitCode)
    expect(io.stderr.text).toContain(`error ${code}\nCannot run\n`)
  })

  it("cancels and exits with 141 when nobody reads stdout any more", async () => {
    const { io, job, ended } = start()
    await turn()
    io.closeStdout()
    expect(await ended).toBe(141)
    expect(job.calls).toEqual(["cancel"])
  })

  it("rewrites a block on a terminal and takes it away before the summary", async () => {
    const io = new FakeIo({ isTTY: true, columns: 100, env: { NO_COLOR: "1" } })
    const { job, ended } = start({}, io)
    await turn()
    job.end()
    await ended
    expect(io.stderr.text).toContain("\r\u001b[2A\u001b[Jairport-delays finished")
  })

  it("shows shares of the whole run in the summary", async () => {
    const readings = [jobMetrics({ elapsedMs: 11_000 }).vertices.map((vertex) => ({ ...vertex, busyShare: 0.1 }))]
    const { io, job, ended } = start(
      {},
      new FakeIo(),
      new FakeJob([jobMetrics({ elapsedMs: 11_000, vertices: readings[0]! })]),
    )
    await turn()
    job.end()
    await ended
    // 11 s at 10 % and 1 s at 62 %.
    expect(io.stderr.text).toMatch(/\nflights -> filter-1 x2 .* 14% /)
  })
})

import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { JobHandle, JobResult } from "../actors/index.ts"
import { ControlClient } from "./client.ts"
import { ControlEndpoint } from "./endpoint.ts"
import { findJob } from "./find-job.ts"
import { type JobEntry, listJobs, writeEntry } from "./registry.ts"

let dir: string
const open: { close(): Promise<void> | void }[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "mr-"))
})
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
  rmSync(dir, { recursive: true, force: true })
})

function fakeJob(jobName = "hours"): { job: JobHandle; end: (result: Partial<JobResult>) => void; calls: string[] } {
  const calls: string[] = []
  let end!: (result: Partial<JobResult>) => void
  const done = new Promise<unknown>((resolve) => {
    end = resolve
  })
  const metrics = { elapsedMs: 1000, recordsIn: 7, recordsOut: 3, recordsPerSecond: Number.NaN, vertices: [] }
  const job = {
    jobName,
    runId: `run-of-${jobName}`,
    status: "running",
    restarts: 2,
    readMetrics: () => metrics,
    readCheckpoints: () => ({ completed: 0, failed: 0, last: undefined }),
    stop: () => {
      calls.push("stop")
      return done
    },
    cancel: async () => {
      calls.push("cancel")
      await done
    },
  }
  return { job: job as unknown as JobHandle, end, calls }
}

async function serve(job: JobHandle): Promise<ControlEndpoint> {
  const endpoint = await ControlEndpoint.open({ job, module: "job.ts", directories: [dir], note: () => undefined })
  open.push(endpoint)
  return endpoint
}

async function clientOf(entry: JobEntry): Promise<ControlClient> {
  const client = await ControlClient.connect(entry)
  open.push(client)
  return client
}

describe("ControlEndpoint", () => {
  it("is found by its file, answers, and leaves nothing behind when it is closed", async () => {
    const endpoint = await serve(fakeJob().job)
    const [entry] = await listJobs([dir])
    expect(entry).toMatchObject({ jobName: "hours", runId: "run-of-hours", pid: process.pid, module: "job.ts" })
    const client = await clientOf(entry!)
    expect(await client.ask("status", {})).toMatchObject({ recordsIn: 7, recordsPerSecond: 0, restarts: 2 })
    await endpoint.close()
    expect(readdirSync(dir)).toEqual([])
  })

  it.skipIf(process.platform === "win32")("lets nobody but the user in", async () => {
    await serve(fakeJob().job)
    for (const name of readdirSync(dir)) expect(statSync(join(dir, name)).mode & 0o077).toBe(0)
  })

  it.skipIf(process.platform === "win32")("refuses a directory that others may look into", async () => {
    const { chmodSync } = await import("node:fs")
    chmodSync(dir, 0o755)
    await expect(serve(fakeJob().job)).rejects.toMatchObject({ code: "CONTROL_ENDPOINT_FAILED" })
  })

  it("fails with a reason when the socket cannot be made", async () => {
    const long = join(dir, "x".repeat(120))
    await expect(
      ControlEndpoint.open({ job: fakeJob().job, module: "", directories: [long], note: () => undefined }),
    ).rejects.toMatchObject({ code: "CONTROL_ENDPOINT_FAILED" })
  })

  it("answers a stop when the job has ended, also while it is being closed", async () => {
    const { job, end, calls } = fakeJob()
    const endpoint = await serve(job)
    const client = await clientOf((await listJobs([dir]))[0]!)
    const answer = client.ask("stop", {})
    while (calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    end({ status: "stopped", durationMs: 5, metrics: job.readMetrics() })
    await endpoint.close()
    expect(await answer).toEqual({ status: "stopped", durationMs: 5, recordsIn: 7, recordsOut: 3 })
  })

  it("answers others while one waits", async () => {
    await serve(fakeJob().job)
    const client = await clientOf((await listJobs([dir]))[0]!)
    const waiting = client.ask("stop", {}).catch(() => "gone")
    expect(await client.ask("status", {})).toMatchObject({ jobName: "hours" })
    client.close()
    expect(await waiting).toBe("gone")
  })

  it("refuses what it does not know, other versions and rubbish, and goes on", async () => {
    await serve(fakeJob().job)
    const entry = (await listJobs([dir]))[0]!
    const client = await clientOf(entry)
    await expect(client.ask("statsu" as "status", {})).rejects.toMatchObject({
      code: "CONTROL_REQUEST_UNKNOWN",
      message: expect.stringContaining("did you mean status?"),
    })
    expect(await raw(entry, '{"v":99,"id":3,"request":"status"}\n')).toMatchObject({
      ok: false,
      error: { code: "CONTROL_VERSION" },
    })
    expect(await raw(entry, "hello\n")).toMatchObject({ ok: false, error: { code: "CONTROL_REQUEST_INVALID" } })
    expect(await client.ask("status", {})).toMatchObject({ jobName: "hours" })
  })
})

describe("listJobs()", () => {
  it("removes what crashes have left, and keeps its hands off the rest", async () => {
    await serve(fakeJob().job)
    const entry = { v: 1, jobName: "dead", runId: "r", pid: process.pid, startedAtMs: 0, module: "" }
    writeEntry(dir, "1-aa", { ...entry, socket: join(dir, "1-aa.sock") })
    writeFileSync(join(dir, "2-bb.job.json"), "{")
    expect((await listJobs([dir, join(dir, "nowhere")])).map(({ jobName }) => jobName)).toEqual(["hours"])
    expect(existsSync(join(dir, "1-aa.job.json"))).toBe(false)
    expect(existsSync(join(dir, "2-bb.job.json"))).toBe(true)
  })
})

describe("findJob()", () => {
  const entry = (jobName: string, pid: number, runId: string): JobEntry => ({
    v: 1,
    jobName,
    pid,
    runId,
    socket: "",
    startedAtMs: 0,
    module: "",
  })
  const running = [entry("hours", 11, "aa"), entry("days", 12, "bb"), entry("days", 13, "cc")]

  it("takes a name, a run id or a process id", () => {
    expect(findJob("hours", running).pid).toBe(11)
    expect(findJob("cc", running).pid).toBe(13)
    expect(findJob("12", running).pid).toBe(12)
  })

  it("lists those of one name, and what runs when nothing fits", () => {
    expect(() => findJob("days", running)).toThrow(/2 that run now.*days \(pid 12, run bb\), days \(pid 13, run cc\)/)
    expect(() => findJob("huors", running)).toThrow(/did you mean hours\?.*pid 11/)
    expect(() => findJob("hours", [])).toThrow(/no job runs now/)
  })
})

/** The first line that comes back for a text. */
function raw(entry: JobEntry, text: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(entry.socket, () => socket.write(text))
    socket.setEncoding("utf8")
    socket.once("data", (line) => {
      socket.destroy()
      resolve(JSON.parse(String(line)))
    })
    socket.once("error", reject)
  })
}

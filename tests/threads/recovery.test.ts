import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { type JobEvent, type JobResult, type RunOptions, run } from "../../dist/index.js"

const MODULE = fileURLToPath(new URL("../fixtures/recovering.ts", import.meta.url))
const COUNT = 6000

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "millrace-recovery-"))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

async function runJob(mode: string, more: RunOptions = {}): Promise<{ result: JobResult; events: JobEvent[] }> {
  const events: JobEvent[] = []
  const job = await run(MODULE, {
    workers: 2,
    params: { mode, marker: join(dir, "marker"), out: join(dir, "out"), count: COUNT },
    checkpoint: { directory: join(dir, "checkpoints"), every: 100 },
    restart: { kind: "fixed-delay", delayMs: 50, maxRestarts: 3 },
    onEvent: (event) => events.push(event),
    ...more,
  })
  return { result: await job.done, events }
}

/** Ten records per key and second of event time, one hundredth of a second apart. */
function expected(): string[] {
  const rows: string[] = []
  for (let start = 0; start < COUNT * 10; start += 1000) {
    for (let key = 0; key < 10; key++) rows.push(JSON.stringify({ key, start, records: 10 }))
  }
  return rows.sort()
}

function written(): string[] {
  return readdirSync(join(dir, "out"))
    .filter((file) => file.startsWith("part-"))
    .flatMap((file) =>
      readFileSync(join(dir, "out", file), "utf8")
        .trim()
        .split("\n"),
    )
    .filter((line) => line !== "")
    .sort()
}

function atMostOnce(): NonNullable<RunOptions["checkpoint"]> {
  return { directory: join(dir, "checkpoints"), every: 100, delivery: "at-most-once" }
}

/** No window has more than its ten records, in all of its rows; some are lost, and not all. */
function expectNothingTwice(): void {
  const perWindow = new Map<string, number>()
  for (const line of written()) {
    const { key, start, records } = JSON.parse(line) as { key: number; start: number; records: number }
    perWindow.set(`${key}/${start}`, (perWindow.get(`${key}/${start}`) ?? 0) + records)
  }
  expect(Math.max(...perWindow.values())).toBe(10)
  const total = [...perWindow.values()].reduce((sum, records) => sum + records, 0)
  expect(total).toBeLessThan(COUNT)
  expect(total).toBeGreaterThan(COUNT / 2)
}

describe("a job with checkpoints", () => {
  test.each([
    ["throw", "OPERATOR_FAILED"],
    ["exit", "WORKER_EXITED"],
    ["hang", "WORKER_HUNG"],
  ])("goes on from a checkpoint after a worker's %s, and commits every result once", async (mode, code) => {
    const { result, events } = await runJob(mode, { heartbeatTimeoutMs: 2000 })
    expect(result).toMatchObject({ status: "finished", restarts: 1 })
    const restart = events.find((event) => event.type === "restart")
    expect(restart).toMatchObject({ attempt: 1, error: { code }, checkpointId: expect.any(Number) })
    expect(written()).toEqual(expected())
  })

  test("fails, and does not hang, when the thread that is to replace a dead one cannot start", async () => {
    const preload = join(dir, "preload.cjs")
    writeFileSync(
      preload,
      `if (require("node:fs").existsSync(${JSON.stringify(join(dir, "marker"))})) throw new Error("no room")`,
    )
    const before = process.env.NODE_OPTIONS
    process.env.NODE_OPTIONS = `${before ?? ""} --require ${preload}`
    try {
      await expect(runJob("exit")).rejects.toMatchObject({ code: "WORKER_FAILED" })
    } finally {
      if (before === undefined) delete process.env.NODE_OPTIONS
      else process.env.NODE_OPTIONS = before
    }
  })

  test("runs on the calling thread too", async () => {
    const { result } = await runJob("throw", { workers: 0, parallelism: 2 })
    expect(result).toMatchObject({ status: "finished", restarts: 1 })
    expect(written()).toEqual(expected())
  })

  test("fails when the policy has had enough, and goes on when it is started again", async () => {
    await expect(runJob("throw", { restart: { kind: "none" } })).rejects.toMatchObject({ code: "OPERATOR_FAILED" })
    const committedBefore = written().length
    expect(committedBefore).toBeGreaterThan(0)
    const { result } = await runJob("throw")
    expect(result.status).toBe("finished")
    // It did not begin anew: less was read than there is.
    expect(result.metrics.recordsIn).toBeLessThan(COUNT)
    expect(written()).toEqual(expected())
  })

  test("begins anew once it has finished, and replaces its output", async () => {
    await runJob("none")
    const { result } = await runJob("none")
    expect(result.metrics.recordsIn).toBe(COUNT)
    expect(written()).toEqual(expected())
  })

  test("refuses a directory that another run of the job is using", async () => {
    const running = runJob("none")
    await new Promise((resolve) => setTimeout(resolve, 500))
    await expect(runJob("none")).rejects.toMatchObject({ code: "CHECKPOINT_DIR_LOCKED" })
    await running
    expect(written()).toEqual(expected())
  })

  test("fails, and does not hang, when a sink cannot commit the last checkpoint", async () => {
    const events: JobEvent[] = []
    const job = await run(fileURLToPath(new URL("../fixtures/commit-fails.ts", import.meta.url)), {
      workers: 1,
      checkpoint: { directory: join(dir, "checkpoints"), every: 60_000 },
      restart: { kind: "fixed-delay", delayMs: 10, maxRestarts: 1 },
      onEvent: (event) => events.push(event),
    })
    await expect(job.done).rejects.toThrow(/the outside system refused/)
    expect(job.status).toBe("failed")
  })

  test("at most once: nothing twice after a failure, no checkpoints, state begins empty", async () => {
    const { result, events } = await runJob("throw", { checkpoint: atMostOnce() })
    expect(result).toMatchObject({ status: "finished", restarts: 1 })
    const told = events.filter(({ type }) => type !== "running")
    expect(told).toMatchObject([{ type: "restart", from: "claims", checkpointId: undefined }])
    expectNothingTwice()
  })

  test("at most once: goes on behind what it emitted when it is started again, and never as another delivery", async () => {
    const options = { checkpoint: atMostOnce(), restart: { kind: "none" } } as const
    await expect(runJob("throw", options)).rejects.toMatchObject({ code: "OPERATOR_FAILED" })
    await expect(runJob("throw")).rejects.toMatchObject({ code: "DELIVERY_CHANGED" })
    const { result } = await runJob("throw", options)
    expect(result.metrics.recordsIn).toBeLessThan(COUNT - 2000)
    expectNothingTwice()
    const again = await runJob("none")
    expect(again.result.metrics.recordsIn).toBe(COUNT)
  })

  test("stop() commits what was read; the next start begins anew", async () => {
    const job = await run(MODULE, {
      workers: 2,
      params: { marker: join(dir, "marker"), out: join(dir, "out"), count: COUNT },
      checkpoint: { directory: join(dir, "checkpoints"), every: 100 },
    })
    while (job.readMetrics().recordsIn < 1000) await new Promise((resolve) => setTimeout(resolve, 20))
    const { status, metrics } = await job.stop()
    expect(status).toBe("stopped")
    const rows = written().map((line) => JSON.parse(line) as { records: number })
    expect(rows.reduce((sum, row) => sum + row.records, 0)).toBe(metrics.recordsIn)
  })
})

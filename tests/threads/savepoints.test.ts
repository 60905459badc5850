/** Savepoints of running jobs, starting from them, stopping with them, and other parallelism while a job runs. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { type JobEvent, type JobHandle, type RunOptions, run } from "../../dist/index.js"

const MODULE = fileURLToPath(new URL("../fixtures/recovering.ts", import.meta.url))
const COUNT = 6000

let dir: string
let events: JobEvent[]
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "millrace-savepoints-"))
  events = []
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function startJob(more: RunOptions = {}): Promise<JobHandle> {
  return run(MODULE, {
    workers: 2,
    params: { mode: "none", marker: join(dir, "marker"), out: join(dir, "out"), count: COUNT },
    onEvent: (event) => events.push(event),
    ...more,
  })
}

const checkpoint = (name = "checkpoints") => ({ directory: join(dir, name), every: 150 })

async function until(job: JobHandle, recordsIn: number): Promise<void> {
  while (job.readMetrics().recordsIn < recordsIn || job.status !== "running") {
    if (["finished", "failed", "stopped", "cancelled"].includes(job.status))
      throw new Error(`${(await job.done).status}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The last of them began after now: whatever was read before is in it. */
async function untilTwoCheckpoints(job: JobHandle): Promise<void> {
  const count = (): number => events.filter(({ type }) => type === "checkpoint").length
  const before = count()
  while (count() < before + 2) await until(job, 0).then(() => new Promise((resolve) => setTimeout(resolve, 10)))
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

describe("a savepoint", () => {
  test("of a job without checkpoints is what another one goes on from, moved and at another parallelism", async () => {
    const first = await startJob({
      params: { marker: join(dir, "marker"), out: join(dir, "out"), count: COUNT, rate: 800 },
    })
    await until(first, 800)
    const { directory, sizeBytes } = await first.savepoint({ directory: join(dir, "saved") })
    expect(sizeBytes).toBeGreaterThan(0)
    await first.cancel()
    renameSync(directory, join(dir, "moved"))
    const second = await startJob({ from: join(dir, "moved"), parallelism: 3 })
    const { metrics } = await second.done
    expect(metrics.recordsIn).toBeLessThanOrEqual(COUNT - 800)
    expect(written()).toEqual(expected())
  })

  test("of a job with checkpoints changes nothing, and each that is asked for is one of its own", async () => {
    const job = await startJob({ checkpoint: checkpoint() })
    await until(job, 1000)
    const [own, elsewhere] = await Promise.all([job.savepoint(), job.savepoint({ directory: join(dir, "saved") })])
    expect(own.checkpointId).not.toBe(elsewhere.checkpointId)
    await job.done
    expect(existsSync(join(own.directory, "manifest.json"))).toBe(true)
    expect(existsSync(join(elsewhere.directory, "manifest.json"))).toBe(true)
    expect(written()).toEqual(expected())
  })

  test("that cannot be taken is an error to its asker, and the job goes on", async () => {
    const job = await startJob()
    await until(job, 500)
    await expect(job.savepoint()).rejects.toMatchObject({ code: "SAVEPOINT_DIRECTORY_MISSING" })
    await expect(job.savepoint({ directory: dir })).rejects.toMatchObject({
      code: "SAVEPOINT_DIRECTORY_TAKEN",
    })
    // A file where a directory should be made.
    await expect(job.savepoint({ directory: join(MODULE, "saved") })).rejects.toMatchObject({
      code: expect.stringMatching(/^SAVEPOINT_/),
    })
    await job.done
    expect(written()).toEqual(expected())
    await expect(job.savepoint()).rejects.toMatchObject({ code: "SAVEPOINT_DIRECTORY_MISSING" })
    await expect(job.savepoint({ directory: join(dir, "late") })).rejects.toMatchObject({
      code: "SAVEPOINT_NOT_RUNNING",
    })
  })

  test("is gone on from after a crash, also when it stands elsewhere", async () => {
    const job = await startJob({
      checkpoint: { ...checkpoint(), every: "1m" },
      params: { mode: "throw", marker: join(dir, "marker"), out: join(dir, "out"), count: COUNT, rate: 1500 },
      restart: { kind: "fixed-delay", delayMs: 10, maxRestarts: 3 },
    })
    await until(job, 400)
    // The job fails once output was committed twice.
    await job.savepoint({ directory: join(dir, "earlier") })
    await until(job, 1000)
    const { checkpointId } = await job.savepoint({ directory: join(dir, "saved") })
    const { restarts } = await job.done
    expect(restarts).toBe(1)
    expect(events.find((event) => event.type === "restart")).toMatchObject({ checkpointId })
    expect(written()).toEqual(expected())
  })
})

describe("stopping with a savepoint", () => {
  test.each([
    ["without checkpoints", undefined],
    ["with checkpoints", "checkpoints"],
  ])("commits what is in it and fires no window; going on neither loses nor repeats, %s", async (_name, own) => {
    const more = own === undefined ? {} : { checkpoint: checkpoint(own) }
    const first = await startJob(more)
    await until(first, 2500)
    const result = await first.stop({ savepoint: join(dir, "saved") })
    expect(result).toMatchObject({ status: "stopped", savepoint: { directory: join(dir, "saved") } })
    const lines = written()
    // Every window that was written is whole: none fired before its time.
    expect(lines.every((line) => (JSON.parse(line) as { records: number }).records === 10)).toBe(true)
    expect(lines.length).toBeGreaterThan(0)
    const second = await startJob({ ...more, from: join(dir, "saved"), parallelism: 1 })
    await second.done
    expect(written()).toEqual(expected())
  })

  test("among its own checkpoints: the same command goes on", async () => {
    const first = await startJob({ checkpoint: checkpoint() })
    await until(first, 2000)
    const { savepoint } = await first.stop({ savepoint: true })
    expect(existsSync(join(savepoint!.directory, "manifest.json"))).toBe(true)
    const { metrics } = await (await startJob({ checkpoint: checkpoint() })).done
    expect(metrics.recordsIn).toBeLessThan(COUNT - 700)
    expect(written()).toEqual(expected())
  })

  test("elsewhere: the same command finds it, and says so when it is gone", async () => {
    const first = await startJob({ checkpoint: checkpoint() })
    await until(first, 2000)
    await first.stop({ savepoint: join(dir, "saved") })
    renameSync(join(dir, "saved"), join(dir, "moved"))
    const refused = await startJob({ checkpoint: checkpoint() })
    await expect(refused.done).rejects.toMatchObject({ code: "CHECKPOINT_SAVEPOINT_GONE" })
    renameSync(join(dir, "moved"), join(dir, "saved"))
    await (await startJob({ checkpoint: checkpoint() })).done
    expect(written()).toEqual(expected())
  })
})

describe("run from", () => {
  test("goes on from the newer checkpoints of the run that began there, and refuses those of others", async () => {
    const first = await startJob({ checkpoint: checkpoint() })
    await until(first, 1000)
    const { directory } = await first.savepoint({ directory: join(dir, "saved") })
    await untilTwoCheckpoints(first)
    await first.cancel()
    // Going back: the run there is further on.
    const refused = await startJob({ checkpoint: checkpoint(), from: directory })
    await expect(refused.done).rejects.toMatchObject({ code: "RESTORE_POINT_BEHIND" })
    // Twice the same command, with checkpoints of its own: the second time it goes on where the first one was.
    const earlier = written()
    rmSync(join(dir, "out"), { recursive: true })
    const second = await startJob({
      checkpoint: checkpoint("others"),
      from: directory,
      params: { mode: "none", marker: join(dir, "marker"), out: join(dir, "out"), count: COUNT, rate: 2000 },
    })
    await until(second, 1000)
    await untilTwoCheckpoints(second)
    await second.cancel()
    const third = await startJob({ checkpoint: checkpoint("others"), from: directory })
    const { metrics } = await third.done
    expect(metrics.recordsIn).toBeLessThanOrEqual(COUNT - 2000)
    // What the first run committed before the savepoint is where it was moved to; all behind it is here, once.
    const lines = written()
    expect(new Set(lines).size).toBe(lines.length)
    expect([...new Set([...lines, ...earlier])].sort()).toEqual(expected())
  })

  test("takes a checkpoint directory of an unfinished job, and refuses what is nothing", async () => {
    const first = await startJob({ checkpoint: checkpoint() })
    await until(first, 2000)
    const busy = await startJob({ from: join(dir, "checkpoints") })
    await expect(busy.done).rejects.toMatchObject({ code: "CHECKPOINT_DIR_LOCKED" })
    await first.cancel()
    const nothing = await startJob({ from: join(dir, "nowhere") })
    await expect(nothing.done).rejects.toMatchObject({ code: "RESTORE_POINT_MISSING" })
    await (await startJob({ from: join(dir, "checkpoints") })).done
    expect(written()).toEqual(expected())
  })
})

describe("rescale()", () => {
  test("of a live job, 1 -> 4 -> 3 -> 1, changes nothing in its output", async () => {
    const job = await startJob({ checkpoint: checkpoint(), parallelism: 1 })
    for (const [recordsIn, parallelism] of [
      [1000, 4],
      [800, 3],
      [800, 1],
    ] as const) {
      await until(job, recordsIn)
      await job.rescale({ "window-1": parallelism, "map-2": parallelism })
      const vertex = job.readMetrics().vertices.find(({ id }) => id === "window-1")
      expect(vertex!.parallelism).toBe(parallelism)
    }
    const { restarts } = await job.done
    expect(restarts).toBe(0)
    expect(events.filter(({ type }) => type === "rescale")).toHaveLength(3)
    expect(written()).toEqual(expected())
  })

  test("of a source without end deals its splits out anew: each is read on, nothing twice", async () => {
    const module = fileURLToPath(new URL("../fixtures/endless-splits.ts", import.meta.url))
    const job = await run(module, {
      workers: 2,
      parallelism: 2,
      params: { out: join(dir, "out") },
      checkpoint: checkpoint(),
      onEvent: (event) => events.push(event),
    })
    for (const parallelism of [1, 3]) {
      await until(job, 1000)
      await job.rescale({ "source-1": parallelism, "sink-1": parallelism })
    }
    await until(job, 1000)
    expect((await job.stop({ savepoint: join(dir, "saved") })).status).toBe("stopped")
    const numbers = written().map((line) => (JSON.parse(line) as { n: number }).n)
    for (let split = 0; split < 5; split++) {
      const read = numbers.filter((n) => n % 5 === split).sort((a, b) => a - b)
      expect(read.length).toBeGreaterThan(200)
      expect(read).toEqual(read.map((_, index) => 5 * index + split))
    }
  })

  test("without checkpoints; and is refused, with the job going on, when it cannot be", async () => {
    const job = await startJob()
    await until(job, 800)
    await expect(job.rescale({ "windw-1": 3 })).rejects.toMatchObject({
      code: "PLAN_UNKNOWN_OPERATOR",
      message: expect.stringContaining("window-1"),
    })
    await expect(job.rescale({ "window-1": 1000 })).rejects.toMatchObject({
      code: "PLAN_PARALLELISM_ABOVE_KEY_GROUPS",
    })
    expect(job.status).toBe("running")
    await job.rescale({ "window-1": 3 })
    await job.done
    expect(written()).toEqual(expected())
  })

  test("stays through a failure, and through a new start by the same command", async () => {
    const options: RunOptions = {
      checkpoint: checkpoint(),
      params: { mode: "throw", marker: join(dir, "marker"), out: join(dir, "out"), count: COUNT, rate: 1500 },
    }
    const parallelismOf = (job: JobHandle) =>
      job.readMetrics().vertices.find(({ id }) => id === "window-1")?.parallelism
    const first = await startJob(options)
    await until(first, 300)
    await first.rescale({ "window-1": 3 })
    while (first.restarts === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    await until(first, 100)
    expect(parallelismOf(first)).toBe(3)
    await first.cancel()
    const second = await startJob(options)
    await until(second, 1)
    expect(parallelismOf(second)).toBe(3)
    await second.cancel()
    const third = await startJob({ ...options, parallelism: 1 })
    await until(third, 1)
    expect(parallelismOf(third)).toBe(1)
    await third.done
    expect(written()).toEqual(expected())
  })
})

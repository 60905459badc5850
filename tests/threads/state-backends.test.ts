import { createHash } from "node:crypto"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type JobEvent, type RunOptions, run, type StateOption } from "../../dist/index.js"

const MODULE = fileURLToPath(new URL("../fixtures/keyed-sums.ts", import.meta.url))

let dir: string
let expected: string
let runs = 0
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "millrace-backends-"))
  expected = await (await start({ workers: 0 }, { rate: 1e9 })).output()
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

interface Started {
  readonly events: JobEvent[]
  readonly job: Awaited<ReturnType<typeof run>>
  output(): Promise<string>
}

async function start(
  options: RunOptions,
  params: Readonly<Record<string, unknown>> = {},
  out?: string,
): Promise<Started> {
  runs += 1
  const folder = out ?? join(dir, `out-${runs}`)
  const armed = join(dir, `armed-${runs}`)
  const events: JobEvent[] = []
  const job = await run(MODULE, {
    workers: 2,
    params: { out: folder, armed, marker: join(dir, `marker-${runs}`), ...params },
    onEvent(event) {
      events.push(event)
      if (event.type === "checkpoint") writeFileSync(armed, "")
    },
    ...options,
  })
  return { events, job, output: () => job.done.then(() => linesOf(folder)) }
}

/** How many lines were written, and a hash of them in order. */
function linesOf(folder: string): string {
  const lines = ["sums", "timers"].flatMap((name) =>
    readdirSync(join(folder, name))
      .filter((file) => file.startsWith("part-"))
      .flatMap((file) => readFileSync(join(folder, name, file), "utf8").split("\n"))
      .filter((line) => line !== ""),
  )
  return `${lines.length} ${createHash("sha256").update(lines.sort().join("\n")).digest("hex")}`
}

const onDisk = (): StateOption => ({ kind: "lmdb", directory: join(dir, "state") })

describe("state on the heap and on disk", () => {
  test("give the same results without checkpoints, and leave nothing behind", async () => {
    expect(expected).toMatch(/^3\d{4} /)
    const { output } = await start({ state: onDisk() }, { rate: 1e9 })
    expect(await output()).toBe(expected)
    expect(readdirSync(join(dir, "state"))).toEqual([])
  })

  test.each(["heap", "lmdb"])("survive a failure with incremental checkpoints: %s", async (kind) => {
    const { output, events } = await start(
      {
        state: kind === "heap" ? "heap" : onDisk(),
        checkpoint: { directory: join(dir, kind), every: 60 },
        restart: { kind: "fixed-delay", delayMs: 10, maxRestarts: 2 },
      },
      { failFrom: 6_000, rate: 10_000 },
    )
    expect(await output()).toBe(expected)
    const restart = events.find((event) => event.type === "restart")
    expect(restart).toMatchObject({ error: { code: "OPERATOR_FAILED" }, checkpointId: expect.any(Number) })
  })

  test("go on from each other's checkpoints, at another parallelism", async () => {
    const out = join(dir, "moved")
    const checkpoint = { directory: join(dir, "moving"), every: 50 }
    const plans: RunOptions[] = [
      { state: "heap", workers: 1, parallelism: 1 },
      { state: onDisk(), workers: 2, parallelism: 3 },
      { state: "heap", workers: 2, parallelism: 2 },
    ]
    let chained = 0
    for (const [index, plan] of plans.entries()) {
      const { job, events } = await start(
        { ...plan, checkpoint },
        { rate: index < plans.length - 1 ? 3_000 : 1e9 },
        out,
      )
      if (index === plans.length - 1) {
        await job.done
        continue
      }
      const completed = (): number => events.filter((event) => event.type === "checkpoint").length
      while (completed() < 4 && ["deploying", "running"].includes(job.status))
        await new Promise((resolve) => setTimeout(resolve, 10))
      await job.cancel()
      const manifests = join(dir, "moving", "keyed-sums", "checkpoints")
      const newest = readdirSync(manifests).sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))[0]!
      const [json] = readFileSync(join(manifests, newest), "utf8").split("\n")
      for (const { parts } of (JSON.parse(json!) as { subtasks: { parts: unknown[] }[] }).subtasks) {
        if (parts.length > 1) chained += 1
      }
    }
    expect(linesOf(out)).toBe(expected)
    expect(chained).toBeGreaterThan(0)
  })
})

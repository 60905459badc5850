import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { run } from "../../dist/index.js"

const MODULE = fileURLToPath(new URL("../fixtures/slow-keys.ts", import.meta.url))
// More than channels hold at any parallelism here: the source must not have ended.
const COUNT = 50_000

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "millrace-unaligned-"))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** Runs until a checkpoint holds many records in flight, or to the end. */
async function runOn(until: "full" | "end", parallelism: number): Promise<void> {
  const delay = new SharedArrayBuffer(8)
  Atomics.store(new Int32Array(delay), 0, until === "full" ? 2 : 0)
  const job = await run(MODULE, {
    workers: 2,
    parallelism,
    params: { count: COUNT, out: join(dir, "out"), delay },
    checkpoint: { directory: join(dir, "checkpoints"), every: until === "full" ? 150 : 1000, alignment: "unaligned" },
    restart: { kind: "none" },
    onEvent: (event) => {
      if (until === "full" && event.type === "checkpoint" && newestSaved() > 500) void job.cancel()
    },
  })
  if (until === "end") await job.done
  else await expect(job.done).rejects.toMatchObject({ code: "JOB_CANCELLED" })
}

function newestSaved(): number {
  const folder = join(dir, "checkpoints", "slow-keys", "checkpoints")
  const newest = readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .at(-1)!
  const manifest = JSON.parse(readFileSync(join(folder, newest), "utf8").split("\n")[0]!)
  return (manifest.audit as { saved: number }[]).reduce((sum, { saved }) => sum + saved, 0)
}

interface Row {
  readonly n: number
  readonly key: number
  readonly number: number
  readonly inOrder: boolean
}

function written(): Row[] {
  return readdirSync(join(dir, "out"))
    .filter((file) => file.startsWith("part-"))
    .flatMap((file) => readFileSync(join(dir, "out", file), "utf8").split("\n"))
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row)
    .sort((a, b) => a.n - b.n)
}

describe("unaligned checkpoints", () => {
  test("UC-4 RSC-2 records in flight go on at parallelism 1 -> 4 -> 3 -> 1, each once and in the order of its key", async () => {
    for (const parallelism of [1, 4, 3]) await runOn("full", parallelism)
    await runOn("end", 1)
    // What a plain loop would number: two records of each, in the order made.
    const numbers = new Map<number, number>()
    const expected = Array.from({ length: 2 * COUNT }, (_, half): Row => {
      const n = half / 2
      const key = Math.floor(n) % 37
      const number = (numbers.get(key) ?? 0) + 1
      numbers.set(key, number)
      return { n, key, number, inOrder: true }
    })
    expect(written()).toEqual(expected)
  }, 60_000)
})

/** Whole jobs whose checkpoint directory is damaged, or refuses writes for a while. */
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { type JobEvent, type JobHandle, run } from "../../dist/index.js"

const MODULE = fileURLToPath(new URL("../fixtures/recovering.ts", import.meta.url))
const COUNT = 6000

let dir: string
let folder: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "millrace-checkpoint-disk-"))
  folder = join(dir, "checkpoints", "recovering")
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function start(mode: string, onEvent: (event: JobEvent) => void, minPause = 0): Promise<JobHandle> {
  return run(MODULE, {
    workers: 2,
    params: { mode, marker: join(dir, "marker"), out: join(dir, "out"), count: COUNT },
    checkpoint: { directory: join(dir, "checkpoints"), every: 50, minPause, incremental: false },
    restart: { kind: "none" },
    onEvent,
  })
}

/** Every window once, with its ten records. */
function expectOracle(): void {
  const rows = readdirSync(join(dir, "out"))
    .filter((file) => file.startsWith("part-"))
    .flatMap((file) =>
      readFileSync(join(dir, "out", file), "utf8")
        .trim()
        .split("\n"),
    )
    .map((line) => JSON.parse(line) as { key: number; start: number; records: number })
  expect(new Set(rows.map(({ key, start }) => `${key}/${start}`)).size).toBe(COUNT / 10)
  expect(rows.length).toBe(COUNT / 10)
  expect(rows.every(({ records }) => records === 10)).toBe(true)
}

/** Files of a folder, those of the newest checkpoint last. */
function filesOf(name: string): string[] {
  return readdirSync(join(folder, name)).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
}

describe("a job whose checkpoint directory", () => {
  test("is damaged where its output is committed stops and says so; made whole again, it goes on", async () => {
    const failed = await start("throw", () => undefined)
    await expect(failed.done).rejects.toMatchObject({ code: "OPERATOR_FAILED" })
    // Everything that a restore may use: the checkpoint up to which output is committed, and what is newer.
    const { committed } = JSON.parse(readFileSync(join(folder, "marker.json"), "utf8").split("\n")[0]!) as {
      committed: number
    }
    const isUsable = (name: string): boolean => Number.parseInt(name, 10) >= committed
    for (const kind of ["checkpoints", "parts"]) {
      const files = filesOf(kind).filter(isUsable)
      const whole = files.map((name) => readFileSync(join(folder, kind, name)))
      for (const [index, name] of files.entries()) {
        const flipped = Buffer.from(whole[index]!)
        flipped[Math.floor(flipped.length / 2)]! ^= 4
        writeFileSync(join(folder, kind, name), flipped)
      }
      const job = await start("throw", () => undefined)
      await expect(job.done).rejects.toMatchObject({ code: "CHECKPOINT_COMMITTED_DAMAGED" })
      for (const [index, name] of files.entries()) writeFileSync(join(folder, kind, name), whole[index]!)
    }
    // What is older is of no consequence.
    for (const older of filesOf("checkpoints").filter((name) => !isUsable(name))) {
      writeFileSync(join(folder, "checkpoints", older), "no manifest")
    }
    const job = await start("throw", () => undefined)
    await job.done
    expectOracle()
  })

  test.each([
    // Parts must not go while a checkpoint has some: the pause is long enough to be between two.
    { name: "parts", minPause: 400, failures: 2 },
    { name: "checkpoints", minPause: 0, failures: 6 },
  ])(
    "takes no writes for a while ($name) goes on, says so, leaves no heap of files, and takes the next one",
    async ({ name, minPause, failures }) => {
      const log: string[] = []
      let hidden = false
      let heap = 0
      const job = await start(
        "none",
        (event) => {
          log.push(event.type === "warning" ? (event.error as { code?: string }).code! : event.type)
          const count = (type: string): number => log.filter((each) => each === type).length
          if (!hidden && count("checkpoint") === 1) {
            hidden = true
            renameSync(join(folder, name), join(folder, "away"))
          } else if (
            hidden &&
            event.type === "warning" &&
            log.filter((each) => each.startsWith("CHECKPOINT_")).length === failures
          ) {
            // Of the one that is complete, of the last one that failed, and at most of the one before it.
            const parts = readdirSync(join(folder, name === "parts" ? "away" : "parts"))
            const perCheckpoint = parts.filter((part) => part.startsWith("1-")).length
            expect(perCheckpoint).toBeGreaterThan(0)
            heap = parts.length / perCheckpoint
            renameSync(join(folder, "away"), join(folder, name))
            log.push("room again")
          }
        },
        minPause,
      )
      await job.done
      expect(log.slice(log.indexOf("room again"))).toContain("checkpoint")
      expect(log.filter((each) => each.startsWith("CHECKPOINT_")).length).toBeGreaterThanOrEqual(failures)
      expect(log).not.toContain("restart")
      expect(heap).toBeGreaterThan(0)
      expect(heap).toBeLessThanOrEqual(3)
      expectOracle()
    },
  )
})

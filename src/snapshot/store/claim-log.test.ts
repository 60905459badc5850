import { describe, expect, test } from "vitest"
import { codeOf } from "./_fixtures.ts"
import { type ClaimedSplit, ClaimLog } from "./claim-log.ts"
import { SimDisk } from "./sim-disk.ts"

const FOLDER = "data/job"
const open = (disk: SimDisk, rollBytes?: number): Promise<ClaimLog> =>
  ClaimLog.open({ disk, folder: FOLDER, jobName: "job", ...(rollBytes === undefined ? {} : { rollBytes }) })
const split = (id: string): ClaimedSplit => ({
  operatorId: "in",
  id,
  data: { file: id },
  next: undefined,
  newestMs: Number.NEGATIVE_INFINITY,
  done: false,
})
const SPLITS = [split("a"), split("b")]
const claim = (id: string, next: number, done = false) => ({ operatorId: "in", id, next, newestMs: next * 10, done })
const nextOf = (log: ClaimLog): Record<string, unknown> =>
  Object.fromEntries(log.splits.map(({ id, next }) => [id, next ?? 0]))

describe("ClaimLog", () => {
  test("answers what was claimed, to the next process too", async () => {
    const disk = new SimDisk()
    const log = await open(disk)
    expect(await ClaimLog.exists({ disk, folder: FOLDER })).toBe(false)
    await log.begin("run-1", SPLITS)
    await Promise.all([log.append(claim("a", 1)), log.append(claim("b", 7)), log.append(claim("a", 2, true))])
    disk.crash()
    const next = await open(disk)
    expect(next.runId).toBe("run-1")
    expect(next.splits).toEqual([
      { operatorId: "in", id: "a", data: { file: "a" }, next: 2, newestMs: 20, done: true },
      { operatorId: "in", id: "b", data: { file: "b" }, next: 7, newestMs: 70, done: false },
    ])
    expect(await ClaimLog.exists({ disk, folder: FOLDER })).toBe(true)
  })

  test("after a crash at any call to the disk, whatever it kept, every acknowledged claim is there", async () => {
    const disk = new SimDisk()
    let acknowledged = { a: 0, b: 0 }
    const moments: { disk: SimDisk; acknowledged: typeof acknowledged }[] = []
    disk.setFault(() => {
      moments.push({ disk: disk.clone(), acknowledged })
      return undefined
    })
    // Rolls several times.
    const log = await open(disk, 150)
    await log.begin("run-1", SPLITS)
    for (let next = 1; next <= 12; next++) {
      const id = next % 3 === 0 ? "b" : "a"
      await log.append(claim(id, next))
      acknowledged = { ...acknowledged, [id]: next }
    }
    await log.close()
    let checked = 0
    for (const moment of moments) {
      for (const keep of [() => false, () => true, () => 5, (_: unknown, index: number) => index % 2 === 0]) {
        const after = moment.disk.clone()
        after.crash(keep)
        const found = nextOf(await open(after)) as typeof acknowledged
        expect(found.a ?? 0).toBeGreaterThanOrEqual(moment.acknowledged.a)
        expect(found.b ?? 0).toBeGreaterThanOrEqual(moment.acknowledged.b)
        checked += 1
      }
    }
    expect(checked).toBeGreaterThan(200)
    expect(disk.openFiles).toBe(0)
    expect(disk.files().filter((path) => path.includes("claims")).length).toBe(1)
  })

  test("a last line cut anywhere is left out; a flipped bit before it stops the job", async () => {
    const disk = new SimDisk()
    const log = await open(disk)
    await log.begin("run-1", SPLITS)
    await log.append(claim("a", 1))
    await log.append(claim("a", 2))
    await log.close()
    const path = disk.files().find((file) => file.endsWith(".log"))!
    const whole = disk.peek(path)
    const lastLine = whole.lastIndexOf(10, whole.length - 2) + 1
    for (let bytes = lastLine; bytes < whole.length; bytes++) {
      disk.poke(path, whole.slice(0, bytes))
      // Of a whole line only its line feed is missing: then it counts, since too much claimed repeats nothing.
      expect(nextOf(await open(disk))).toEqual({ a: bytes === whole.length - 1 ? 2 : 1, b: 0 })
    }
    for (let at = 0; at < lastLine; at++) {
      const flipped = whole.slice()
      flipped[at]! ^= 1 << (at % 8)
      disk.poke(path, flipped)
      expect(await codeOf(open(disk))).toBe("CLAIMS_DAMAGED")
    }
  })

  test("after a failed write no claim is acknowledged any more, until an attempt begins anew", async () => {
    const disk = new SimDisk()
    const log = await open(disk)
    await log.begin("run-1", SPLITS)
    await log.append(claim("a", 1))
    disk.setFault(({ operation }) => (operation === "sync" ? { code: "EIO" } : undefined))
    expect(await codeOf(log.append(claim("a", 2)))).toBe("CHECKPOINT_WRITE_FAILED")
    disk.setFault(undefined)
    expect(await codeOf(log.append(claim("a", 3)))).toBe("CHECKPOINT_WRITE_FAILED")
    await log.begin("run-1", log.splits)
    await log.append(claim("a", 4))
    expect(nextOf(await open(disk))).toEqual({ a: 4, b: 0 })
  })

  test("remove() leaves nothing to go on from", async () => {
    const disk = new SimDisk()
    const log = await open(disk)
    await log.begin("run-1", SPLITS)
    await log.remove()
    disk.crash()
    expect((await open(disk)).runId).toBeUndefined()
  })
})

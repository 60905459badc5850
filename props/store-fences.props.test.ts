import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { codeOf, FOLDER, openStore, startStore, takeCheckpoint, writeParts } from "../src/snapshot/store/_fixtures.ts"
import { SimDisk } from "../src/snapshot/store/index.ts"

describe("the store", () => {
  it("RST-4: of any attempts, only the newest publishes", async () => {
    const tries = fc.array(fc.nat(5), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), tries, async (attempts, order) => {
        const disk = new SimDisk()
        const store = await startStore(disk)
        const numbers = Array.from({ length: attempts }, () => store.beginAttempt())
        // Parts of all of them were begun while each was the newest.
        for (const [at, pick] of order.entries()) {
          const attempt = numbers[pick % attempts]!
          if (attempt === numbers.at(-1)) await takeCheckpoint(disk, store, at + 1, { attempt })
          else {
            const written = await codeOf(writeParts(disk, store, at + 1, { attempt }))
            expect([attempt, written]).toEqual([attempt, "CHECKPOINT_FENCED"])
          }
        }
      }),
      { numRuns: 30 },
    )
  })

  it("OUT-5: never goes back behind what was committed, whichever manifests are lost", async () => {
    const shape = fc.record({
      taken: fc.integer({ min: 1, max: 3 }),
      committed: fc.integer({ min: 0, max: 3 }),
      lost: fc.uniqueArray(fc.integer({ min: 1, max: 3 })),
    })
    await fc.assert(
      fc.asyncProperty(shape, async ({ taken, committed, lost }) => {
        const disk = new SimDisk()
        const store = await startStore(disk)
        for (let id = 1; id <= taken; id++) {
          await takeCheckpoint(disk, store, id)
          if (id <= committed) await store.markCommitted(id)
        }
        for (const id of lost) if (id <= taken) disk.lose(`${FOLDER}/checkpoints/${id}-1.json`)
        const left = [1, 2, 3].filter((id) => id <= taken && !lost.includes(id))
        const newest = left.at(-1) ?? 0
        const behind = newest < Math.min(committed, taken)
        const again = await openStore(disk)
        if (behind) expect(await codeOf(again.newestSound())).toBe("CHECKPOINT_COMMITTED_DAMAGED")
        else expect((await again.newestSound()).point?.manifest.checkpointId ?? 0).toBe(newest)
      }),
      { numRuns: 30 },
    )
  })
})

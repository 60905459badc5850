import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { EngineError } from "../src/errors/index.ts"
import { codeOf, FOLDER, openStore, startStore, takeCheckpoint, writeParts } from "../src/snapshot/store/_fixtures.ts"
import { SimDisk } from "../src/snapshot/store/index.ts"

describe("the store", () => {
  it("RST-4: of any attempts, only the newest publishes", async () => {
    const tries = fc.array(fc.nat(5), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), tries, async (attempts, order) => {
        const disk = new SimDisk()
        const store = await startStore(disk)
        const numbers = await Promise.all(Array.from({ length: attempts }, () => store.beginAttempt()))
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

  it("RST-4: a number of an attempt is given out once, whatever fails, crashes, ends or comes from elsewhere", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant("attempt" as const), above: fc.constantFrom(0, 0, 3, 9) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("failing" as const), call: fc.nat(8) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("crash" as const), keep: fc.infiniteStream(fc.boolean()) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("checkpoint" as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("end" as const) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 12 }), async (steps) => {
        const disk = new SimDisk()
        let store = await startStore(disk)
        const given = [0]
        for (const action of steps) {
          switch (action.do) {
            case "attempt":
              given.push(await store.beginAttempt(action.above))
              expect(given.at(-1)).toBeGreaterThan(action.above)
              break
            case "failing": {
              const before = disk.calls
              disk.setFault(({ index }) => (index === before + action.call ? { code: "EIO" } : undefined))
              const [attempt] = await Promise.allSettled([store.beginAttempt()])
              disk.setFault(undefined)
              if (attempt.status === "fulfilled") given.push(attempt.value)
              else expect((attempt.reason as EngineError).code).toBe("CHECKPOINT_WRITE_FAILED")
              break
            }
            case "crash":
              disk.crash(() => action.keep.next().value)
              store = await startStore(disk)
              break
            case "checkpoint":
              given.push(await store.beginAttempt())
              await takeCheckpoint(disk, store, store.highestId + 1, { attempt: given.at(-1)! })
              break
            case "end":
              await store.markFinished()
              break
          }
          expect(given.at(-1)).toBe(Math.max(...given))
          expect(new Set(given).size).toBe(given.length)
        }
        const last = await store.beginAttempt()
        expect(disk.files().filter((file) => file.startsWith(`${FOLDER}/attempt.`))).toEqual([
          `${FOLDER}/attempt.${last}`,
        ])
      }),
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

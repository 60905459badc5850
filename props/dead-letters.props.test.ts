/** Records that are none: each is written down, whatever dies. On the real disk, which the simulated crash does not touch. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { pipeline, type Stream } from "../src/api/index.ts"
import { EXACTLY_ONCE } from "../src/proving/worlds.ts"
import { memorySource } from "../src/sim/index.ts"
import { anyFault, runWorld, Tally, worlds } from "./_worlds.ts"

const tally = new Tally()
afterAll(() => console.log(String(tally)))

const isMalformed = (n: unknown): boolean => Number(n) % 3 === 0
const COUNT = 36
const NUMBERS = Array.from({ length: COUNT }, (_, n) => n)

describe("bad records", () => {
  it("OUT-9, RST-1: in = out + dead letters: a record that is none is written down, also when it is behind the checkpoint that a restart goes on from", async () => {
    const { numRuns } = fc.readConfigureGlobal() as { readonly numRuns: number }
    await fc.assert(
      fc.asyncProperty(worlds(anyFault, 3), fc.constantFrom(...EXACTLY_ONCE), async (world, mode) => {
        const directory = mkdtempSync(join(tmpdir(), "millrace-letters-"))
        try {
          const source = memorySource({
            splits: [NUMBERS.slice(0, COUNT / 2), NUMBERS.slice(COUNT / 2)],
            splitsInOrder: true,
            batches: [2, 1],
            everyMs: 7,
            isMalformed,
            badRecords: { deadLetter: join(directory, "bad.ndjson") },
          })
          const { outside } = await runWorld(
            (to) =>
              pipeline("letters", ({ source: read }) => {
                const stream = read(source) as Stream<number>
                stream.to(to.sink()).name("out")
              }).build(),
            world,
            mode,
            tally,
          )
          const out = outside.rows("out").map(({ value }) => Number(value))
          expect(out.sort((a, b) => a - b)).toEqual(NUMBERS.filter((n) => !isMalformed(n)))
          const letters = readdirSync(directory)
            .flatMap((file) => readFileSync(join(directory, file), "utf8").trim().split("\n"))
            .map((line) => Number(JSON.parse(line).raw))
          // A letter may come twice: a position is read again after a failure.
          expect([...new Set(letters)].sort((a, b) => a - b)).toEqual(NUMBERS.filter(isMalformed))
        } finally {
          rmSync(directory, { recursive: true, force: true })
        }
      }),
      { numRuns: Math.ceil(0.2 * numRuns) },
    )
  })
})

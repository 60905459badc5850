import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { pipeline } from "../src/api/index.ts"
import { memorySource } from "../src/sim/index.ts"
import type { BarrierMode } from "../src/snapshot/index.ts"
import { buildGraph, evaluate, type Item, type Program, programs, sortedTexts } from "./_pipelines.ts"
import { anyFault, crashes, kills, type Ran, runWorld, schedules, Tally, type WorldSpec, worlds } from "./_worlds.ts"

const ALIGNED: BarrierMode = { kind: "aligned" }
const AT_LEAST_ONCE: BarrierMode = { kind: "at-least-once" }
/** All that promise each record's effect once. */
const EXACTLY_ONCE: readonly BarrierMode[] = [ALIGNED]

const tally = new Tally()
afterAll(() => console.log(String(tally)))

/** So many times the usual number of cases. */
const runs = (times: number) => ({ numRuns: Math.ceil(times * fc.readConfigureGlobal().numRuns!) })

const small = programs({ maxItems: 24, maxStages: 4, stateful: true })
const stateless = programs({ maxItems: 24, maxStages: 4, stateful: false })
const anyWorld = worlds(anyFault, 3)

function committedOf({ outside }: Ran, sinks: number): string[][] {
  return Array.from({ length: sinks }, (_, index) =>
    sortedTexts(outside.rows(`out-${index}`).map(({ value }) => value)),
  )
}

async function expectPlainOutput(program: Program, world: WorldSpec, mode: BarrierMode | undefined): Promise<Ran> {
  const wanted = evaluate(program).map(sortedTexts)
  const ran = await runWorld((outside) => buildGraph(program, outside), world, mode, tally)
  expect(committedOf(ran, wanted.length)).toEqual(wanted)
  return ran
}

describe("a whole pipeline", () => {
  it("RST-2, LIV-1: without faults and checkpoints, any schedule, parallelism and size of channels gives the plain program's output", async () => {
    await fc.assert(
      fc.asyncProperty(small, worlds(anyFault, 0), async (program, world) => {
        await expectPlainOutput(program, world, undefined)
      }),
      runs(0.5),
    )
  })

  it.each(EXACTLY_ONCE)(
    "OUT-1, RST-1, CUT-1, LIV-2: whatever dies and whenever, each record's effect is committed once: $kind",
    async (mode) => {
      await fc.assert(
        fc.asyncProperty(small, anyWorld, async (program, world) => {
          await expectPlainOutput(program, world, mode)
        }),
        runs(2),
      )
    },
  )
})

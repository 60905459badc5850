/** What is asked of a running job: savepoints, stops, other parallelism, cancels; and whatever dies meanwhile. */
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { EXACTLY_ONCE, requests, settingsOf } from "../src/proving/worlds.ts"
import { FAIR, Outside, type Request, type Simulation, type SimulationOptions, simulate } from "../src/sim/index.ts"
import { buildGraph, evaluate, type Program, programs, received, sortedTexts } from "./_pipelines.ts"
import { anyFault, runWorld, Tally, type WorldSpec, worlds } from "./_worlds.ts"

const tally = new Tally()
afterAll(() => console.log(String(tally)))

const { numRuns, seed } = fc.readConfigureGlobal() as { readonly numRuns: number; readonly seed: number }
const anyMode = fc.constantFrom(...EXACTLY_ONCE)

/** Running counts and, at the end, sums by key: state, timers, two sinks. */
const COUNTS: Program = {
  sources: [
    {
      items: Array.from({ length: 50 }, (_, n) => ({ k: n % 5, v: 1, t: n })),
      cuts: [0.5],
      inOrder: false,
      batches: [1],
      everyMs: 30,
      parallelism: undefined,
    },
  ],
  stages: [
    { op: "count", input: 0, parallelism: undefined },
    { op: "total", input: 0, parallelism: undefined },
  ],
}
const WANTED = evaluate(COUNTS).map(sortedTexts)

const WORLD: WorldSpec = {
  parallelism: 2,
  workers: 2,
  schedule: { ...FAIR, budgets: [2] },
  faults: [],
  requests: [],
  stateOnDisk: false,
  // Long enough for nothing else to be under way when something is asked.
  everyMs: 300,
  timeoutMs: 5000,
  minPauseMs: 0,
  retain: 2,
  incremental: true,
  writeMs: 0,
  capacityRecords: 4,
}
const at = { after: "complete", nth: 1, steps: 3 } as const
const shape = { parallelism: 3, workers: 2 }

/** Runs COUNTS in a world with these faults and requests: its output is committed once, whatever happens. */
async function commitsOnce(
  step: number,
  given: Pick<SimulationOptions, "faults" | "requests" | "stateOnDisk">,
): Promise<Simulation> {
  const outside = new Outside()
  const simulation = await simulate({
    graph: () => buildGraph(COUNTS, outside),
    outside,
    parallelism: WORLD.parallelism,
    workers: WORLD.workers,
    checkpoints: settingsOf(WORLD, EXACTLY_ONCE[step % 3]!),
    channelSize: { capacityRecords: 4, capacityBytes: 1024 },
    schedule: WORLD.schedule,
    ...given,
  })
  tally.add(simulation, outside)
  const committed = WANTED.map((_, sink) => sortedTexts(outside.rows(`out-${sink}`).map(({ value }) => value)))
  expect({ step, error: simulation.error, complaints: simulation.complaints, committed }).toEqual({
    step,
    error: undefined,
    complaints: [],
    committed: WANTED,
  })
  return simulation
}

describe("what is asked of a running job", () => {
  const asked: Record<string, Request> = {
    "a savepoint elsewhere": { kind: "savepoint", at, elsewhere: true },
    "a stop with a savepoint": { kind: "stop", at, elsewhere: false, shape },
    "a stop with a savepoint elsewhere": { kind: "stop", at, elsewhere: true, shape },
    "a rescale": { kind: "rescale", at, operator: 1, parallelism: 3 },
    "a cancel": { kind: "cancel", at, shape },
  }

  it.each(Object.entries(asked))(
    "OUT-1, OUT-3, OUT-5, RSC-4: a crash at any step behind %s",
    async (_what, request) => {
      const steps = 520
      const stride = Math.max(1, Math.round(23 / (numRuns / 200)))
      for (let step = seed % stride; step < steps + stride; step += stride) {
        const crashes = step < steps
        const simulation = await commitsOnce(step, {
          faults: crashes ? [{ kind: "crash", at: { after: "ask", nth: 1, steps: step }, keep: step }] : [],
          requests: [request],
          stateOnDisk: step % 2 === 1,
        })
        if (!crashes) expect(simulation.requests[request.kind]).toBe(1)
      }
    },
  )

  // A savepoint is published while its attempt ends: what follows must wait until it is committed too.
  it.each(Object.entries(asked).filter(([, { kind }]) => kind !== "cancel"))(
    "OUT-1, OUT-3, RST-4: a worker that dies while the outcome of %s is published or committed",
    async (_what, request) => {
      for (let step = 0; step < 30; step++) {
        await commitsOnce(step, {
          faults: [{ kind: "kill", at: { after: "publish", nth: 2, steps: step }, worker: step % 2 }],
          requests: [request],
        })
      }
    },
  )

  it("RST-1, RSC-4, OUT-1, OUT-5: changes no output, whatever pipeline and whatever dies", async () => {
    const program = programs({ maxItems: 24, maxStages: 4, stateful: true })
    const some = fc.array(requests(fc), { minLength: 1, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(program, worlds(anyFault, 2), some, anyMode, async (program, world, requests, mode) => {
        const wanted = evaluate(program).map(sortedTexts)
        // Slow enough for requests to find it running.
        const slow = { ...program, sources: program.sources.map((each) => ({ ...each, everyMs: each.everyMs ?? 4 })) }
        const { outside } = await runWorld((to) => buildGraph(slow, to), { ...world, requests }, mode, tally)
        expect(received(slow, outside)).toEqual(wanted)
      }),
      { numRuns: Math.ceil(0.5 * numRuns) },
    )
  })
})

/** Bugs of other engines' recovery and sinks, by their names there: one job, and what died when. */
import { afterAll, describe, expect, it } from "vitest"
import { EXACTLY_ONCE } from "../../src/proving/worlds.ts"
import { FAIR, type Fault, type Mark } from "../../src/sim/index.ts"
import { buildGraph, evaluate, type Program, received, sortedTexts } from "../_pipelines.ts"
import { runWorld, Tally, type WorldSpec } from "../_worlds.ts"

const tally = new Tally()
afterAll(() => console.log(String(tally)))

const PROGRAM: Program = {
  sources: [
    {
      items: Array.from({ length: 40 }, (_, n) => ({ k: n % 5, v: 1, t: n })),
      cuts: [0.5],
      inOrder: false,
      batches: [2],
      everyMs: 9,
      parallelism: undefined,
    },
  ],
  stages: [
    { op: "rebalance", input: 0, parallelism: undefined },
    { op: "count", input: 1, parallelism: undefined },
    { op: "window", input: 1, sizeMs: 7, parallelism: undefined },
  ],
}
const WORLD: WorldSpec = {
  parallelism: 3,
  workers: 2,
  schedule: { ...FAIR, budgets: [1] },
  faults: [],
  requests: [],
  stateOnDisk: false,
  everyMs: 60,
  timeoutMs: 5000,
  minPauseMs: 0,
  retain: 2,
  incremental: true,
  writeMs: 0,
  capacityRecords: 2,
}
const FEWER = { parallelism: 1, workers: 1 }
const OTHERS = { parallelism: 4, workers: 2 }

const crash = (after: Mark, nth: number, steps: number, shape?: typeof FEWER): Fault => ({
  kind: "crash",
  at: { after, nth, steps },
  keep: steps,
  ...(shape === undefined ? {} : { shape }),
})
const kill = (after: Mark, nth: number, steps: number): Fault => ({
  kind: "kill",
  at: { after, nth, steps },
  worker: 1,
})

/** Each with several moments: what other engines lost hung on one of them. */
const BUGS: readonly (readonly [bug: string, faults: (steps: number) => Fault[]])[] = [
  [
    "laminardb/laminardb #250, #446, #447: a crash between manifest and commit neither loses nor doubles",
    (steps) => [crash("publish", 1, steps)],
  ],
  [
    "risingwave #25690, #26498: what was committed and not noted is not committed again",
    (steps) => [crash("commit", 1, steps)],
  ],
  [
    "FLINK-20654: a checkpoint, and a crash, before restored records in flight are used up",
    (steps) => [crash("complete", 1, 3), crash("restart", 1, 10 + 9 * steps)],
  ],
  [
    "bytewax #181: a crash before every subtask has written its share goes on from the checkpoint before",
    (steps) => [crash("ack", 8 + steps, 1)],
  ],
  [
    "KAFKA-16017: a checkpoint soon after a restore holds what was restored",
    (steps) => [crash("complete", 1, 5), crash("complete", 2, steps)],
  ],
  [
    "hazelcast-jet #2503, #2824: answers of an attempt that has failed have no effect on the next",
    (steps) => [kill("ack", 3 + steps, 0), kill("restart", 1, 20)],
  ],
  [
    "FLINK-8086, FLINK-23854, FLINK-29512: transactions of subtasks that no longer exist are ended",
    (steps) => [crash("ack", 6 + steps, 2, FEWER)],
  ],
  [
    "FLINK-31963, FLINK-35351, FLINK-38544, FLINK-38267: another parallelism loses no record in flight",
    (steps) => [crash("complete", 1, steps, OTHERS), crash("complete", 2, steps, FEWER)],
  ],
  [
    "FLINK-38614, FLINK-26403, FLINK-24131, FLINK-25920: the tail is committed, and once, whatever dies at the end",
    (steps) => [crash("publish", 2 + (steps % 4), steps)],
  ],
  [
    "KAFKA-7192, KAFKA-10362, KAFKA-20685: what a running task held on disk is not adopted after a crash",
    (steps) => [crash("complete", 2, 12 * steps)],
  ],
]

describe("recovery", () => {
  it.each(BUGS)("%s", async (_bug, faultsOf) => {
    const wanted = evaluate(PROGRAM).map(sortedTexts)
    let happened = 0
    for (const steps of [0, 1, 5]) {
      const mode = EXACTLY_ONCE[steps % EXACTLY_ONCE.length]!
      const program = { ...PROGRAM, transactional: steps % 2 === 1 }
      const world = { ...WORLD, faults: faultsOf(steps), stateOnDisk: steps > 2 }
      const { simulation, outside } = await runWorld((to) => buildGraph(program, to), world, mode, tally)
      expect({ steps, output: received(program, outside) }).toEqual({ steps, output: wanted })
      happened += simulation.faults.crashes + simulation.faults.kills
    }
    expect(happened).toBeGreaterThan(0)
  })
})

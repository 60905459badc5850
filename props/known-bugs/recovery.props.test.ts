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
    "apache/paimon #9236, arroyo #894, FLINK-29627, FLINK-29509: of several transactions of one checkpoint some are committed when it crashes, and all are in the end",
    (steps) => [crash("commit", 2 + (steps % 3), 0), crash("commit", 5, steps)],
  ],
  [
    "KAFKA-17754: a commit of an attempt that has failed ends no transaction of the next one",
    (steps) => [kill("commit", 1, steps), crash("commit", 2, 1)],
  ],
  [
    "KAFKA-15690, KAFKA-16077: nothing is lost or moved when a task fails while it restores, and the next has another parallelism",
    (steps) => [crash("complete", 1, 0), crash("restart", 1, 2 + 3 * steps, OTHERS), kill("restart", 2, 3 * steps)],
  ],
  [
    "FLINK-23233: a split handed out while a checkpoint is taken is in it, or in the next",
    (steps) => [kill("trigger", 1, steps), crash("trigger", 2, 4 * steps), crash("complete", 1, steps)],
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

/** Calls to the outside that fail, by their number: before or after they have done their work. */
const REFUSALS: readonly (readonly [bug: string, refusals: Readonly<Record<number, "before" | "after">>[]])[] = [
  [
    "FLINK-7637, apache/seatunnel #10574: a checkpoint whose sink could not prepare is not acknowledged, and nothing is lost",
    [{ 1: "before" }, { 2: "after" }, { 3: "before", 4: "before" }],
  ],
  [
    "apache/seatunnel #11569: a commit that fails is tried again",
    [{ 4: "before", 5: "before" }, { 6: "before" }, { 5: "after", 7: "after" }],
  ],
]

describe("recovery", () => {
  it.each(REFUSALS)("%s", async (_bug, refusals) => {
    const wanted = evaluate(PROGRAM).map(sortedTexts)
    for (const [index, refusal] of refusals.entries()) {
      let refused = 0
      const mode = EXACTLY_ONCE[index % EXACTLY_ONCE.length]!
      const refuse = (call: number): "before" | "after" | undefined => {
        if (refusal[call] !== undefined) refused += 1
        return refusal[call]
      }
      const { outside } = await runWorld((to) => buildGraph(PROGRAM, to), WORLD, mode, tally, refuse)
      expect({ refusal, output: received(PROGRAM, outside) }).toEqual({ refusal, output: wanted })
      expect(refused).toBe(Object.keys(refusal).length)
    }
  })

  it("FLINK-22815: receivers of a broadcast go on from records in flight that are the same", async () => {
    const program: Program = {
      ...PROGRAM,
      stages: [
        { op: "broadcast", input: 0, n: 3, parallelism: undefined },
        { op: "count", input: 1, parallelism: undefined },
      ],
    }
    const wanted = evaluate(program).map(sortedTexts)
    for (const steps of [0, 4, 30]) {
      const world = { ...WORLD, capacityRecords: 4, faults: [crash("complete", 1, steps), kill("complete", 2, steps)] }
      const { simulation, outside } = await runWorld((to) => buildGraph(program, to), world, EXACTLY_ONCE[1]!, tally)
      expect({ steps, output: received(program, outside) }).toEqual({ steps, output: wanted })
      expect(simulation.restarts).toBeGreaterThan(0)
    }
  })

  it("FLINK-16641, risingwave #24693, STORM-3637: with channels of one record nobody waits for somebody who waits", async () => {
    const wanted = evaluate(PROGRAM).map(sortedTexts)
    for (const mode of EXACTLY_ONCE) {
      const world = { ...WORLD, capacityRecords: 1, everyMs: 10, schedule: { ...FAIR, order: 7, budgets: [1] } }
      const { simulation, outside } = await runWorld((to) => buildGraph(PROGRAM, to), world, mode, tally)
      expect(received(PROGRAM, outside)).toEqual(wanted)
      expect(simulation.checkpoints).toBeGreaterThan(0)
    }
  })

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

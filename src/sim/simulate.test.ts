import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { pipeline } from "../api/index.ts"
import type { LogicalGraph } from "../plan/index.ts"
import { FAIR, type Fault, memorySource, Outside, type Schedule, type Simulation, simulate } from "./index.ts"

interface Item {
  readonly key: string
  readonly n: number
}

const ITEMS: readonly Item[] = Array.from({ length: 60 }, (_, n) => ({ key: "abc"[n % 3]!, n }))

function sums(outside: Outside): LogicalGraph {
  const items = memorySource({ splits: [ITEMS.slice(0, 30), ITEMS.slice(30)], splitsInOrder: true, batches: [3, 1] })
  return pipeline("sums", ({ source }) => {
    source(items)
      .map((item) => item as Item)
      .keyBy((item) => item.key)
      .reduce((sum, item) => ({ key: item.key, n: sum.n + item.n }))
      .to(outside.sink())
  }).build()
}

async function runSums(
  schedule: Schedule,
  faults: readonly Fault[],
  keepsLog = false,
): Promise<{ simulation: Simulation; last: Record<string, number>; rows: number }> {
  const outside = new Outside()
  const simulation = await simulate({
    graph: () => sums(outside),
    outside,
    parallelism: 2,
    workers: 2,
    checkpoints: {
      everyMs: 40,
      timeoutMs: 1000,
      minPauseMs: 0,
      retain: 2,
      incremental: true,
      delivery: "exactly-once",
      barrierMode: { kind: "aligned" },
    },
    channelSize: { capacityRecords: 4, capacityBytes: 1024 },
    schedule,
    faults,
    keepsLog,
  })
  const last: Record<string, number> = {}
  const rows = outside.rows("sink-1").map(({ value }) => value as Item)
  for (const { key, n } of rows) last[key] = Math.max(last[key] ?? 0, n)
  return { simulation, last, rows: rows.length }
}

/** What another Node's run of this test wrote, when it was told where: scripts/check-nodes.mjs. */
function asUnderOtherNodes(logHash: number): number {
  const file = process.env.SIM_LOG_HASH_FILE
  if (file === undefined) return logHash
  if (!existsSync(file)) writeFileSync(file, String(logHash))
  return Number(readFileSync(file, "utf8"))
}

const SLOW: Schedule = { ...FAIR, budgets: [2, 1] }
const TOTAL = { a: 570, b: 590, c: 610 }

describe("simulate()", () => {
  it("runs a job to its end with checkpoints on the way", async () => {
    const { simulation, last, rows } = await runSums(SLOW, [])
    expect(simulation.error).toBeUndefined()
    expect(simulation.complaints).toEqual([])
    expect(simulation.checkpoints).toBeGreaterThan(2)
    expect(rows).toBe(60)
    expect(last).toEqual(TOTAL)
  })

  it("gives the same log for the same schedule and faults, another one for another schedule", async () => {
    const faults: Fault[] = [
      { kind: "kill", at: { after: "ack", nth: 2, steps: 3 }, worker: 1 },
      { kind: "crash", at: { after: "publish", nth: 2, steps: 2 }, keep: 7, shape: { parallelism: 3, workers: 2 } },
    ]
    const schedule: Schedule = { order: 99, budgets: [1, 3], preemptions: [{ at: 30, pick: 2, hold: 9 }] }
    const first = await runSums(schedule, faults, true)
    const second = await runSums(schedule, faults, true)
    expect(second.simulation.log).toEqual(first.simulation.log)
    expect(second.simulation.logHash).toBe(first.simulation.logHash)
    expect(first.simulation.logHash).toBe(asUnderOtherNodes(first.simulation.logHash))
    const other = await runSums({ ...schedule, order: 100 }, faults)
    expect(other.simulation.logHash).not.toBe(first.simulation.logHash)
    expect(first.simulation.faults).toMatchObject({ kills: 1, crashes: 1 })
    expect(first.last).toEqual(TOTAL)
    expect(other.last).toEqual(TOTAL)
    expect(first.rows).toBe(60)
  })

  it("does not begin anew, and leaves no transaction open, wherever the process crashes around its first checkpoint and its end", async () => {
    const { simulation } = await runSums(SLOW, [])
    const moments = Array.from({ length: simulation.steps }, (_, step) => step)
    const wanted = [...moments.filter((step) => step % 8 === 0 && step < 160), ...moments.slice(-24)]
    for (const step of wanted) {
      const {
        simulation: crashed,
        last,
        rows,
      } = await runSums(SLOW, [{ kind: "crash", at: { after: "start", nth: 1, steps: step }, keep: step }])
      expect({ step, error: crashed.error, complaints: crashed.complaints, last, rows }).toEqual({
        step,
        error: undefined,
        complaints: [],
        last: TOTAL,
        rows: 60,
      })
      expect(crashed.faults.crashes).toBe(1)
    }
  })
})

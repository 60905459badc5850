/** Everything about a simulation but the pipeline, as data: how it is drawn, and how a simulation is run and counted. */
import fc from "fast-check"
import type { LogicalGraph } from "../src/plan/index.ts"
import { type Fault, MARKS, Outside, type Schedule, type Simulation, simulate } from "../src/sim/index.ts"
import type { BarrierMode } from "../src/snapshot/index.ts"

export interface WorldSpec {
  readonly parallelism: number
  readonly workers: number
  readonly schedule: Schedule
  readonly faults: readonly Fault[]
  readonly everyMs: number
  readonly timeoutMs: number
  readonly minPauseMs: number
  readonly retain: number
  readonly incremental: boolean
  readonly capacityRecords: number
}

export const schedules: fc.Arbitrary<Schedule> = fc.record({
  order: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.nat(1_000_000) }),
  budgets: fc.array(fc.constantFrom(1, 2, 3, 7, 1024), { minLength: 1, maxLength: 4 }),
  preemptions: fc.array(fc.record({ at: fc.nat(600), pick: fc.nat(12), hold: fc.constantFrom(0, 3, 20, 100) }), {
    maxLength: 6,
  }),
})

const moment = fc.record({
  after: fc.constantFrom(...MARKS),
  nth: fc.oneof({ weight: 2, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.integer({ min: 2, max: 5 }) }),
  steps: fc.oneof(fc.nat(8), fc.nat(200)),
})
const shape = fc.record({ parallelism: fc.integer({ min: 1, max: 4 }), workers: fc.integer({ min: 1, max: 3 }) })

export const kills: fc.Arbitrary<Fault> = fc.record({ kind: fc.constant("kill"), at: moment, worker: fc.nat(2) })
export const crashes: fc.Arbitrary<Fault> = fc.record(
  { kind: fc.constant("crash"), at: moment, keep: fc.oneof(fc.constant(0), fc.nat(1_000_000)), shape },
  { requiredKeys: ["kind", "at", "keep"] },
)
export const diskFaults: fc.Arbitrary<Fault> = fc.record(
  {
    kind: fc.constant("disk"),
    call: fc.nat(120),
    code: fc.constantFrom("ENOSPC", "EIO"),
    done: fc.oneof(fc.constant("all" as const), fc.nat(300)),
  },
  { requiredKeys: ["kind", "call", "code"] },
)

/** @param faults at most so many */
export function worlds(fault: fc.Arbitrary<Fault>, faults: number): fc.Arbitrary<WorldSpec> {
  return fc.record({
    parallelism: fc.integer({ min: 1, max: 3 }),
    workers: fc.integer({ min: 1, max: 3 }),
    schedule: schedules,
    faults: fc.array(fault, { maxLength: faults }),
    everyMs: fc.constantFrom(10, 30, 60, 150),
    // Short ones fail while actors are held; a checkpoint takes some 150 steps.
    timeoutMs: fc.constantFrom(100, 400, 5_000, 5_000),
    minPauseMs: fc.constantFrom(0, 0, 20),
    retain: fc.constantFrom(1, 2, 3),
    incremental: fc.boolean(),
    capacityRecords: fc.constantFrom(1, 2, 5, 16),
  })
}

export const anyFault = fc.oneof(
  { weight: 3, arbitrary: crashes },
  { weight: 3, arbitrary: kills },
  { weight: 1, arbitrary: diskFaults },
)

/** What all simulations of a file did, for the line it prints. */
export class Tally {
  #simulations = 0
  #records = 0
  #sum = { checkpoints: 0, failed: 0, kills: 0, crashes: 0, disk: 0, restarts: 0, steps: 0 }
  readonly #logs = new Set<number>()
  readonly #startedMs = performance.now()
  readonly #cpu = process.cpuUsage()

  add(simulation: Simulation, outside: Outside): void {
    this.#simulations += 1
    for (const rows of outside.committed.values()) this.#records += rows.length
    this.#sum.checkpoints += simulation.checkpoints
    this.#sum.failed += simulation.failedCheckpoints
    this.#sum.kills += simulation.faults.kills
    this.#sum.crashes += simulation.faults.crashes
    this.#sum.disk += simulation.faults.disk
    this.#sum.restarts += simulation.restarts
    this.#sum.steps += simulation.steps
    this.#logs.add(simulation.logHash)
  }

  toString(): string {
    const { checkpoints, failed, kills, crashes, disk, restarts, steps } = this.#sum
    const seconds = (performance.now() - this.#startedMs) / 1000
    const { user, system } = process.cpuUsage(this.#cpu)
    const cpuSeconds = (user + system) / 1e6
    return (
      `${this.#simulations} simulations (${this.#logs.size} different): ${steps} steps, ${this.#records} records committed, ` +
      `${checkpoints} checkpoints, ${failed} that failed, ${kills} workers killed, ${crashes} crashes, ${disk} disk faults, ` +
      `${restarts} restarts; ${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of CPU: ` +
      `${Math.round((this.#simulations / cpuSeconds) * 60)} a minute and core`
    )
  }
}

export interface Ran {
  readonly simulation: Simulation
  readonly outside: Outside
}

/** Runs a graph in a world. @throws the error of a job that did not end well, or of a broken promise */
export async function runWorld(
  graph: (outside: Outside) => LogicalGraph,
  world: WorldSpec,
  mode: BarrierMode | undefined,
  tally: Tally,
): Promise<Ran> {
  const outside = new Outside()
  const { parallelism, workers, schedule, faults, capacityRecords, ...settings } = world
  const simulation = await simulate({
    graph: () => graph(outside),
    outside,
    parallelism,
    workers,
    checkpoints: mode === undefined ? undefined : { ...settings, barrierMode: mode },
    channelSize: { capacityRecords, capacityBytes: 1024 },
    schedule,
    faults,
  })
  tally.add(simulation, outside)
  if (simulation.error !== undefined) throw simulation.error
  if (simulation.complaints.length > 0) throw new Error(simulation.complaints.join("\n"))
  return { simulation, outside }
}

/** Worlds for properties, and how a simulation is run and counted. */
import fc from "fast-check"
import type { LogicalGraph } from "../src/plan/index.ts"
import * as arbitrary from "../src/proving/worlds.ts"
import { type Fault, Outside, type Simulation, simulate } from "../src/sim/index.ts"
import type { BarrierMode } from "../src/snapshot/index.ts"
import { leftOpen } from "./_transactions.ts"

export type WorldSpec = arbitrary.WorldSpec
export const anyFault = arbitrary.anyFault(fc)
export const diskFaults = arbitrary.faults(fc).disk

/** Worlds with at most `faults` faults. */
export function worlds(fault: fc.Arbitrary<Fault>, faults: number): fc.Arbitrary<WorldSpec> {
  return arbitrary.worlds(fc, fault, faults)
}

/** What all simulations of a file did, for the line it prints. */
export class Tally {
  #simulations = 0
  #records = 0
  #sum = {
    checkpoints: 0,
    failed: 0,
    kills: 0,
    crashes: 0,
    disk: 0,
    restarts: 0,
    steps: 0,
    savepoints: 0,
    stops: 0,
    rescales: 0,
    cancels: 0,
  }
  readonly #logs = new Set<number>()
  readonly #startedMs = performance.now()
  readonly #cpu = process.cpuUsage()
  readonly #wantedPerMinute: number | undefined

  /** @param wantedPerMinute simulations a minute and core that are promised: whether they were reached is printed, and fails nothing */
  constructor(wantedPerMinute?: number) {
    this.#wantedPerMinute = wantedPerMinute
  }

  add(simulation: Simulation, outside: Outside): void {
    this.#simulations += 1
    for (const rows of outside.committed.values()) this.#records += rows.length
    this.#sum.checkpoints += simulation.checkpoints
    this.#sum.failed += simulation.failedCheckpoints
    this.#sum.kills += simulation.faults.kills
    this.#sum.crashes += simulation.faults.crashes
    this.#sum.disk += simulation.faults.disk
    this.#sum.restarts += simulation.restarts
    const { savepoint, stop, rescale, cancel } = simulation.requests
    this.#sum.savepoints += savepoint
    this.#sum.stops += stop
    this.#sum.rescales += rescale
    this.#sum.cancels += cancel
    this.#sum.steps += simulation.steps
    this.#logs.add(simulation.logHash)
  }

  toString(): string {
    const { checkpoints, failed, kills, crashes, disk, restarts, steps, savepoints, stops, rescales, cancels } =
      this.#sum
    const seconds = (performance.now() - this.#startedMs) / 1000
    const { user, system } = process.cpuUsage(this.#cpu)
    const cpuSeconds = (user + system) / 1e6
    const perMinute = Math.round((this.#simulations / cpuSeconds) * 60)
    const wanted = this.#wantedPerMinute
    const verdict = wanted === undefined ? "" : `, ${perMinute >= wanted ? "at least" : "NOT"} the ${wanted} wanted`
    return (
      `${this.#simulations} simulations (${this.#logs.size} different): ${steps} steps, ${this.#records} records committed, ` +
      `${checkpoints} checkpoints, ${failed} that failed, ${kills} workers killed, ${crashes} crashes, ${disk} disk faults, ` +
      `${restarts} restarts, ${savepoints} savepoints, ${stops} stops with one, ${rescales} rescales, ${cancels} cancels; ${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of CPU: ` +
      `${perMinute} a minute and core${verdict}`
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
  mode: BarrierMode | "at-most-once" | undefined,
  tally: Tally,
  refuse: Outside["refuse"] = () => undefined,
): Promise<Ran> {
  const outside = new Outside({ writeMs: world.writeMs })
  outside.refuse = refuse
  const { parallelism, workers, schedule, faults, requests, stateOnDisk, capacityRecords } = world
  const simulation = await simulate({
    graph: () => graph(outside),
    outside,
    parallelism,
    workers,
    checkpoints: mode === undefined ? undefined : arbitrary.settingsOf(world, mode),
    channelSize: { capacityRecords, capacityBytes: 1024 },
    schedule,
    faults,
    requests,
    stateOnDisk,
  })
  tally.add(simulation, outside)
  if (simulation.error !== undefined) throw simulation.error
  const left = leftOpen(outside)
  if (left.length > 0) throw new Error(`OUT-5: the job has ended, and transactions are left: ${left.join(", ")}`)
  if (simulation.complaints.length > 0) throw new Error(simulation.complaints.join("\n"))
  return { simulation, outside }
}

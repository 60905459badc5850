import type * as FastCheck from "fast-check"
import type { Arbitrary } from "fast-check"
import {
  type Fault,
  MARKS,
  type Moment,
  type Request,
  type Schedule,
  type Shape,
  type SimulationOptions,
} from "../sim/index.ts"
import type { BarrierMode } from "../snapshot/index.ts"

/** fast-check, handed in: it is an optional peer. */
export type FC = Omit<typeof FastCheck, "default">

/** Everything about a simulation but the pipeline and its data. */
export interface WorldSpec extends Pick<SimulationOptions, "parallelism" | "workers" | "schedule" | "faults"> {
  readonly requests: readonly Request[]
  readonly stateOnDisk: boolean
  readonly everyMs: number
  readonly timeoutMs: number
  readonly minPauseMs: number
  readonly retain: number
  readonly incremental: boolean
  /** How long a write to the outside takes, in steps. */
  readonly writeMs: number
  /** Records a channel holds. */
  readonly capacityRecords: number
}

/** How a simulation in this world takes checkpoints. */
export function settingsOf(
  world: WorldSpec,
  mode: BarrierMode | "at-most-once",
): NonNullable<SimulationOptions["checkpoints"]> {
  const { everyMs, timeoutMs, minPauseMs, retain, incremental } = world
  const barrierMode: BarrierMode = mode === "at-most-once" ? { kind: "aligned" } : mode
  const delivery =
    mode === "at-most-once" ? mode : barrierMode.kind === "at-least-once" ? "at-least-once" : "exactly-once"
  return { everyMs, timeoutMs, minPauseMs, retain, incremental, barrierMode, delivery }
}

/** All barrier modes that promise each record's effect once. Times in steps. */
export const EXACTLY_ONCE: readonly BarrierMode[] = [
  { kind: "aligned" },
  { kind: "unaligned", timeoutMs: 0 },
  { kind: "unaligned", timeoutMs: 20 },
]

export function schedules(fc: FC): Arbitrary<Schedule> {
  return fc.record({
    order: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.nat(1_000_000) }),
    budgets: fc.array(fc.constantFrom(1, 2, 3, 7, 1024), { minLength: 1, maxLength: 4 }),
    preemptions: fc.array(fc.record({ at: fc.nat(600), pick: fc.nat(12), hold: fc.constantFrom(0, 3, 20, 100) }), {
      maxLength: 6,
    }),
  })
}

function moments(fc: FC): Arbitrary<Moment> {
  return fc.record({
    after: fc.constantFrom(...MARKS),
    nth: fc.oneof({ weight: 2, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.integer({ min: 2, max: 5 }) }),
    steps: fc.oneof(fc.nat(8), fc.nat(200)),
  })
}

function shapes(fc: FC): Arbitrary<Shape> {
  return fc.record({ parallelism: fc.integer({ min: 1, max: 4 }), workers: fc.integer({ min: 1, max: 3 }) })
}

export function requests(fc: FC): Arbitrary<Request> {
  const at = fc.record({
    after: fc.constantFrom(...(["start", "trigger", "ack", "publish", "commit", "complete", "restart"] as const)),
    nth: fc.integer({ min: 1, max: 2 }),
    steps: fc.oneof(fc.nat(8), fc.nat(200)),
  })
  const shape = shapes(fc)
  const elsewhere = fc.boolean()
  const required = { requiredKeys: ["kind", "at"] as ("kind" | "at")[] }
  return fc.oneof(
    fc.record({ kind: fc.constant("savepoint" as const), at, elsewhere }),
    fc.record(
      { kind: fc.constant("stop" as const), at, elsewhere, shape },
      { requiredKeys: ["kind", "at", "elsewhere"] },
    ),
    fc.record({
      kind: fc.constant("rescale" as const),
      at,
      operator: fc.nat(7),
      parallelism: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({ kind: fc.constant("cancel" as const), at, shape }, required),
  )
}

export function faults(fc: FC): { readonly [Kind in Fault["kind"]]: Arbitrary<Fault> } {
  const moment = moments(fc)
  const shape = shapes(fc)
  return {
    kill: fc.record({ kind: fc.constant("kill"), at: moment, worker: fc.nat(2) }),
    crash: fc.record(
      { kind: fc.constant("crash"), at: moment, keep: fc.oneof(fc.constant(0), fc.nat(1_000_000)), shape },
      { requiredKeys: ["kind", "at", "keep"] },
    ),
    disk: fc.record(
      {
        kind: fc.constant("disk"),
        call: fc.nat(120),
        code: fc.constantFrom("ENOSPC", "EIO"),
        done: fc.oneof(fc.constant("all" as const), fc.nat(300)),
      },
      { requiredKeys: ["kind", "call", "code"] },
    ),
  }
}

/** Crashes and dead workers three times as often as a disk that fails. */
export function anyFault(fc: FC): Arbitrary<Fault> {
  const { crash, kill, disk } = faults(fc)
  return fc.oneof({ weight: 3, arbitrary: crash }, { weight: 3, arbitrary: kill }, { weight: 1, arbitrary: disk })
}

/** Worlds with at most `maxFaults` faults. */
export function worlds(fc: FC, fault: Arbitrary<Fault>, maxFaults: number): Arbitrary<WorldSpec> {
  return fc.record({
    parallelism: fc.integer({ min: 1, max: 3 }),
    workers: fc.integer({ min: 1, max: 3 }),
    schedule: schedules(fc),
    faults: fc.array(fault, { maxLength: maxFaults }),
    // Of those that are spared faults nothing is asked either.
    requests:
      maxFaults === 0
        ? fc.constant([])
        : fc.oneof(
            { weight: 3, arbitrary: fc.constant([]) },
            { weight: 2, arbitrary: fc.array(requests(fc), { minLength: 1, maxLength: 2 }) },
          ),
    stateOnDisk: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    everyMs: fc.constantFrom(10, 30, 60, 150),
    // A checkpoint takes some 150 steps: the short times fail now and then, or always.
    timeoutMs: fc.constantFrom(100, 400, 5_000, 5_000),
    minPauseMs: fc.constantFrom(0, 0, 20),
    retain: fc.constantFrom(1, 2, 3),
    incremental: fc.boolean(),
    writeMs: fc.constantFrom(0, 0, 3, 12),
    capacityRecords: fc.constantFrom(1, 2, 5, 16),
  })
}

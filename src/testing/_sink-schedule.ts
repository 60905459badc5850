import type { Arbitrary } from "fast-check"

/** Where a checkpoint goes wrong. */
export type CheckpointEnd =
  /** Not at all. */
  | "complete"
  /** Every writer prepared, then it was given up: what they prepared goes with the next one. */
  | "given-up"
  /** A crash: after some writers prepared; after all did; when it is published; in the middle of the commit; after it. */
  | "crash-while-preparing"
  | "crash-before-publishing"
  | "crash-before-commit"
  | "crash-during-commit"
  | "crash-after-commit"

export interface Restart {
  /** Of the process: all that was in memory is gone. Of a worker: the other writers are closed as failed ones. */
  readonly crash: "process" | "worker"
  readonly parallelism: number
  /** It happens again so often before any writer opens. */
  readonly again: number
  /** The newest checkpoint turns out to be damaged; the one before is used, unless the damaged one's output is committed. */
  readonly damaged: boolean
}

export type SinkAction =
  | { readonly type: "write"; readonly subtask: number; readonly records: number }
  | {
      readonly type: "checkpoint"
      readonly end: CheckpointEnd
      readonly share: number
      readonly meanwhile: number
      readonly restart: Restart
    }
  | { readonly type: "crash"; readonly restart: Restart }

export interface SinkSchedule {
  readonly parallelism: number
  readonly actions: readonly SinkAction[]
  readonly end: CheckpointEnd
  readonly share: number
  readonly restart: Restart
}

const MAX_SUBTASKS = 4
const MAX_ACTIONS = 14
const MAX_RECORDS = 5

/** Schedules, shrinking to few actions, one subtask, and checkpoints without trouble. */
export function sinkSchedules(fc: typeof import("fast-check")): Arbitrary<SinkSchedule> {
  const parallelism = fc.integer({ min: 1, max: MAX_SUBTASKS })
  const meanwhile = fc.integer({ min: 0, max: 2 })
  const share = fc.integer({ min: 0, max: MAX_SUBTASKS })
  const restart: Arbitrary<Restart> = fc.record({
    crash: fc.constantFrom("process" as const, "worker" as const),
    parallelism,
    again: fc.constantFrom(0, 0, 0, 1, 2),
    damaged: fc.constantFrom(false, false, false, true),
  })
  const end: Arbitrary<CheckpointEnd> = fc.constantFrom(
    "complete",
    "complete",
    // From the plainest trouble to the strangest: shrinking goes towards the first.
    "crash-after-commit",
    "crash-before-commit",
    "given-up",
    "crash-before-publishing",
    "crash-while-preparing",
    "crash-during-commit",
  )
  const action: Arbitrary<SinkAction> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        type: fc.constant("write" as const),
        subtask: fc.integer({ min: 0, max: MAX_SUBTASKS - 1 }),
        records: fc.integer({ min: 1, max: MAX_RECORDS }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ type: fc.constant("checkpoint" as const), end, share, meanwhile, restart }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("crash" as const), restart }) },
  )
  return fc.record({
    parallelism,
    actions: fc.array(action, { maxLength: MAX_ACTIONS, size: "max" }),
    end: fc.constantFrom("complete", "crash-after-commit", "crash-before-commit", "crash-during-commit"),
    share,
    restart,
  })
}

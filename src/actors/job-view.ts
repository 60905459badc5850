import type { SubtaskReport } from "../observe/index.ts"
import type { JobView } from "../observe/why.ts"
import { listChannels, type PhysicalPlan, workerOf } from "../plan/index.ts"
import type { Attempt } from "./attempt.ts"
import type { JobStatus } from "./job-handle.ts"

/** What the subtasks said of themselves at one time. */
export interface Reports {
  readonly subtasks: readonly SubtaskReport[]
  /** Workers that did not answer. */
  readonly silent: readonly number[]
  readonly atMs: number
}

/** A job as `explainWhy` looks at it: its plan, its counters, and what its subtasks said at two times. */
export function viewOf(
  before: Reports,
  { subtasks, silent, atMs }: Reports,
  {
    plan,
    status,
    attempt,
    nowMs,
  }: {
    readonly plan: PhysicalPlan
    readonly status: JobStatus
    readonly attempt: Attempt | undefined
    /** Epoch ms. */
    readonly nowMs: number
  },
): JobView {
  const { vertices, workers } = plan
  const totals = attempt?.totals()
  return {
    jobName: plan.jobName,
    status,
    vertices: vertices.map(({ id, index, operators }) => ({
      id,
      operators: operators.map((operator) => operator.id),
      recordsIn: totals?.[index]?.recordsIn ?? 0,
      recordsOut: totals?.[index]?.recordsOut ?? 0,
      splitsWaiting: attempt?.splitsWaiting(index) ?? 0,
    })),
    channels: listChannels(plan).map(({ edge, fromSubtask, toSubtask }) => ({
      from: { vertex: edge.from, subtask: fromSubtask },
      to: { vertex: edge.to, subtask: toSubtask },
    })),
    subtasks,
    before: { subtasks: before.subtasks, agoMs: atMs - before.atMs },
    silent: silent.map((worker) => ({
      worker,
      subtasks: vertices.flatMap(({ id, parallelism }) =>
        Array.from({ length: parallelism }, (_, subtask) => subtask)
          .filter((subtask) => workerOf(subtask, workers) === worker)
          .map((subtask) => `${id}/${subtask}`),
      ),
    })),
    nowMs,
  }
}

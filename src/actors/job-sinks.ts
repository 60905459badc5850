import type { Committable } from "../contracts/index.ts"
import type { PhysicalPlan } from "../plan/index.ts"
import type { PlannedSink } from "./checkpointing.ts"
import type { SubtaskShare } from "./control.ts"

/** The sinks of a plan, as a run calls them. */
export function sinksOf(plan: PhysicalPlan, runId: string): PlannedSink[] {
  return plan.vertices.flatMap(({ operators, parallelism }) =>
    operators.flatMap(({ id, node }) =>
      node.role.type === "sink"
        ? [{ id, sink: node.role.sink, context: { jobName: plan.jobName, runId, operatorId: id, parallelism } }]
        : [],
    ),
  )
}

/** Commits what the subtasks of a job without checkpoints have prepared, at its end. */
export async function commitShares(sinks: readonly PlannedSink[], shares: readonly SubtaskShare[]): Promise<void> {
  for (const { id, sink, context } of sinks) {
    const prepared: readonly Committable[] = shares.flatMap((share) => share.prepared[id] ?? [])
    await sink.commit?.(prepared, { ...context, final: true })
  }
}

/** Removes what was not committed. What goes wrong here is said beside the failure that led here, never in its place. */
export async function abortSinks(sinks: readonly PlannedSink[]): Promise<void> {
  for (const { sink, context } of sinks) {
    try {
      await sink.abort?.(context)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      process.emitWarning(`millrace could not remove uncommitted output of ${sink.label}: ${reason}`, {
        code: "MILLRACE_ABORT",
      })
    }
  }
}

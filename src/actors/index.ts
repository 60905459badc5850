/**
 * Runs jobs: subtasks stepped on worker threads, and the supervisor that deploys, watches and ends them.
 * Leans on everything below; alone imports node:worker_threads, piscina and comlink. Read subtask.ts, then job.ts.
 */
export type {
  CheckpointCounts,
  CheckpointOptions,
  CompletedCheckpoint,
  JobEvent,
  JobHandle,
  JobResult,
  JobStatus,
  RunOptions,
  Savepoint,
  StateOption,
} from "./job-handle.ts"
export { describePlan, run, runGraph } from "./run.ts"

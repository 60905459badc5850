import { availableParallelism } from "node:os"
import { EngineError } from "../errors/index.ts"
import type { LogicalGraph, PhysicalPlan } from "../plan/index.ts"
import type { JobHandle, RunOptions } from "./job-handle.ts"
import { startPool } from "./start-pool.ts"

// Everything else is imported when it is needed: threads come up while the rest is being loaded, and a worker, whose
// pipeline imports the whole public face, loads no pool and no supervisor. Start-up is a promise of ours (bench/startup).

/**
 * Runs the pipeline that a module exports. The module is imported here and in every worker.
 *
 * @param target file URL (`new URL("./job.ts", import.meta.url)`) or path of the module
 * @returns the job's handle, as soon as its workers are starting
 * @throws {EngineError} PIPELINE_*, PARAM_*, PLAN_*, OPTION_INVALID: before anything runs. Later failures reject `handle.done`
 */
export async function run(target: URL | string, options: RunOptions = {}): Promise<JobHandle> {
  const workers = workersOf(options)
  checkYoungGeneration(options)
  const pool = workers === 0 ? undefined : await startPool(workers, options)
  try {
    const { startJob } = await import("./start-job.ts")
    return await startJob(target, options, workers, pool)
  } catch (error) {
    await pool?.destroy()
    throw error
  }
}

/** Plans the pipeline that a module exports, without running it. @throws as `run` */
export async function describePlan(target: URL | string, options: RunOptions = {}): Promise<PhysicalPlan> {
  const { planModule } = await import("./start-job.ts")
  return (await planModule(target, options, workersOf(options))).plan
}

/** Runs a graph on the calling thread: the inline form, and tests. */
export async function runGraph(
  graph: LogicalGraph,
  options: Omit<RunOptions, "workers" | "params"> = {},
): Promise<JobHandle> {
  const { startGraph } = await import("./start-job.ts")
  return startGraph(graph, options)
}

function workersOf(options: RunOptions): number {
  const workers = options.workers ?? availableParallelism()
  if (!Number.isSafeInteger(workers) || workers < 0 || workers > 1024) {
    throw new EngineError(
      "OPTION_INVALID",
      `Cannot run with ${workers} workers: give a whole number from 0 (no threads) to 1024`,
    )
  }
  return workers
}

function checkYoungGeneration({ youngGenerationMb }: RunOptions): void {
  if (youngGenerationMb === undefined || (Number.isFinite(youngGenerationMb) && youngGenerationMb >= 1)) return
  throw new EngineError(
    "OPTION_INVALID",
    `Cannot run with a young generation of ${youngGenerationMb} MiB: give a number from 1, or leave it out for Node's own`,
  )
}

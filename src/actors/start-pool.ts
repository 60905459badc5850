import type { RunOptions } from "./job-handle.ts"
import type { WorkerPool } from "./worker-pool.ts"

/** Starts the threads of one attempt. Loads the pool's code only now: jobs on the calling thread need none. */
export async function startPool(
  workers: number,
  { maxHeapMb, youngGenerationMb }: Pick<RunOptions, "maxHeapMb" | "youngGenerationMb">,
): Promise<WorkerPool> {
  const { WorkerPool } = await import("./worker-pool.ts")
  return new WorkerPool({ workers, maxHeapMb, youngGenerationMb })
}

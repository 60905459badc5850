import { availableParallelism } from "node:os"
import { EngineError } from "../errors/index.ts"
import { type LogicalGraph, type PhysicalPlan, type PlanOptions, planJob } from "../plan/index.ts"
import { Job, type JobWorker } from "./job.ts"
import type { JobHandle, RunOptions } from "./job-handle.ts"
import { loadPipeline, prepareModule } from "./load-pipeline.ts"
import { WorkerPool } from "./worker-pool.ts"
import { WorkerRuntime } from "./worker-runtime.ts"

const HEARTBEAT_TIMEOUT_MS = 60_000

/**
 * Runs the pipeline that a module exports. The module is imported here and in every worker.
 *
 * @param target file URL (`new URL("./job.ts", import.meta.url)`) or path of the module
 * @returns the job's handle, as soon as its workers are starting
 * @throws {EngineError} PIPELINE_*, PARAM_*, PLAN_*, OPTION_INVALID: before anything runs. Later failures reject `handle.done`
 */
export async function run(target: URL | string, options: RunOptions = {}): Promise<JobHandle> {
  const workers = workersOf(options)
  // The threads come up while the module is being loaded.
  const pool = workers === 0 ? undefined : new WorkerPool({ workers, maxHeapMb: options.maxHeapMb })
  try {
    const moduleUrl = await prepareModule(target)
    const pipeline = await loadPipeline(target, { prepared: moduleUrl })
    const planOptions = planOptionsOf(options, workers)
    const params = options.params ?? {}
    const plan = planJob(pipeline.build(params), planOptions)
    const job = new Job({
      ...jobOptions(plan, options),
      startWorker(worker, { runId, buffers, main }): JobWorker {
        if (pool === undefined) return localWorker(plan, { runId, buffers, main })
        const running = pool.start(
          {
            worker,
            pipelineUrl: String(target),
            moduleUrl,
            params,
            planOptions,
            signature: plan.signature,
            runId,
            buffers,
          },
          main,
        )
        return {
          tell: async (method, ...args) => {
            await running.control.call(method, ...(args as never))
          },
          ended: running.ended,
          close: () => running.close(),
        }
      },
      terminate: async () => pool?.destroy(),
    })
    await job.start()
    return job
  } catch (error) {
    await pool?.destroy()
    throw error
  }
}

/** Plans the pipeline that a module exports, without running it. @throws as `run` */
export async function describePlan(target: URL | string, options: RunOptions = {}): Promise<PhysicalPlan> {
  const pipeline = await loadPipeline(target)
  return planJob(pipeline.build(options.params ?? {}), planOptionsOf(options, workersOf(options)))
}

/** Runs a graph on the calling thread: the inline form, and tests. */
export async function runGraph(
  graph: LogicalGraph,
  options: Omit<RunOptions, "workers" | "params"> = {},
): Promise<JobHandle> {
  const plan = planJob(graph, planOptionsOf(options, 0))
  const job = new Job({
    ...jobOptions(plan, options),
    startWorker: (_worker, context) => localWorker(plan, context),
    terminate: async () => undefined,
  })
  await job.start()
  return job
}

function localWorker(
  plan: PhysicalPlan,
  { runId, buffers, main }: Parameters<ConstructorParameters<typeof Job>[0]["startWorker"]>[1],
): JobWorker {
  let fail: (error: unknown) => void = () => undefined
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  const runtime = new WorkerRuntime({
    plan,
    worker: 0,
    runId,
    buffers,
    failed: fail,
    main: {
      ...main,
      // In a later turn, as between threads: the answer to a request never arrives within it.
      requestSplit: (vertex, subtask) => setImmediate(() => main.requestSplit(vertex, subtask)),
      ready: (worker) => queueMicrotask(() => main.ready(worker)),
    },
  })
  return {
    async tell(method, ...args) {
      ;(runtime[method] as (...values: unknown[]) => void)(...args)
    },
    ended: Promise.race([failed, new Promise<void>((resolve) => setImmediate(resolve)).then(() => runtime.run())]),
    close: () => undefined,
  }
}

function jobOptions(
  plan: PhysicalPlan,
  options: RunOptions,
): { plan: PhysicalPlan; heartbeatTimeoutMs: number; print: (line: string) => void; signal: AbortSignal | undefined } {
  return {
    plan,
    heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? HEARTBEAT_TIMEOUT_MS,
    print: options.print ?? ((line) => void process.stdout.write(`${line}\n`)),
    signal: options.signal,
  }
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

function planOptionsOf(options: RunOptions, workers: number): PlanOptions {
  return {
    workers,
    parallelism: options.parallelism ?? Math.max(1, workers),
    ...(options.set === undefined ? {} : { set: options.set }),
  }
}

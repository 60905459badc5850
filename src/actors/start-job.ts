import { type LogicalGraph, type PhysicalPlan, type PlanOptions, planJob } from "../plan/index.ts"
import type { JobWorker } from "./attempt.ts"
import type { MainControl, SharedBuffers } from "./control.ts"
import { Job, type JobOptions } from "./job.ts"
import type { JobHandle, RunOptions } from "./job-handle.ts"
import { loadPipeline, prepareModule } from "./load-pipeline.ts"
import type { WorkerPool } from "./worker-pool.ts"
import { WorkerRuntime } from "./worker-runtime.ts"

const HEARTBEAT_TIMEOUT_MS = 60_000

/** Loads and plans a module, and starts its job on the threads of `pool`, or on the calling one when there is none. */
export async function startJob(
  target: URL | string,
  options: RunOptions,
  workers: number,
  pool: WorkerPool | undefined,
): Promise<JobHandle> {
  const { plan, moduleUrl } = await planModule(target, options, workers)
  const job = new Job({
    ...jobOptions(plan, options),
    workforce: (runId) => ({
      start(worker, { buffers, main }): JobWorker {
        if (pool === undefined) return localWorker(plan, { runId, buffers, main })
        const running = pool.start(
          {
            worker,
            pipelineUrl: String(target),
            moduleUrl,
            params: options.params ?? {},
            planOptions: planOptionsOf(options, workers),
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
    }),
  })
  job.start()
  return job
}

/** Loads a module and plans its pipeline. */
export async function planModule(
  target: URL | string,
  options: RunOptions,
  workers: number,
): Promise<{ readonly plan: PhysicalPlan; readonly moduleUrl: string }> {
  const moduleUrl = await prepareModule(target)
  const pipeline = await loadPipeline(target, { prepared: moduleUrl })
  return { plan: planJob(pipeline.build(options.params ?? {}), planOptionsOf(options, workers)), moduleUrl }
}

/** Starts a graph's job on the calling thread. */
export async function startGraph(
  graph: LogicalGraph,
  options: Omit<RunOptions, "workers" | "params">,
): Promise<JobHandle> {
  const plan = planJob(graph, planOptionsOf(options, 0))
  const job = new Job({
    ...jobOptions(plan, options),
    workforce: (runId) => ({
      start: (_worker, { buffers, main }) => localWorker(plan, { runId, buffers, main }),
      terminate: async () => undefined,
    }),
  })
  job.start()
  return job
}

/** The calling thread as the job's one worker: the same code without threads, ports and rings. */
function localWorker(
  plan: PhysicalPlan,
  { runId, buffers, main }: { runId: string; buffers: SharedBuffers; main: MainControl },
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
  const started = new Promise<void>((resolve) => {
    setImmediate(resolve)
  })
  return {
    async tell(method, ...args) {
      ;(runtime[method] as (...values: unknown[]) => void)(...args)
    },
    ended: Promise.race([failed, started.then(() => runtime.run())]),
    close: () => undefined,
  }
}

function jobOptions(
  plan: PhysicalPlan,
  options: RunOptions,
): Pick<JobOptions, "plan" | "heartbeatTimeoutMs" | "print" | "signal"> {
  return {
    plan,
    heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? HEARTBEAT_TIMEOUT_MS,
    print: options.print ?? ((line) => void process.stdout.write(`${line}\n`)),
    signal: options.signal,
  }
}

function planOptionsOf(options: Pick<RunOptions, "parallelism" | "set">, workers: number): PlanOptions {
  return {
    workers,
    parallelism: options.parallelism ?? Math.max(1, workers),
    ...(options.set === undefined ? {} : { set: options.set }),
  }
}

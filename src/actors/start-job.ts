import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { describe, EngineError } from "../errors/index.ts"
import { type LogicalGraph, type PhysicalPlan, type PlanOptions, planJob } from "../plan/index.ts"
import type { BarrierMode, RestartPolicySpec } from "../snapshot/index.ts"
import { durationMs } from "../time/index.ts"
import type { Workforce } from "./attempt.ts"
import type { CheckpointSettings } from "./checkpointing.ts"
import { Job, type JobOptions } from "./job.ts"
import type { CheckpointOptions, JobHandle, RunOptions, StateOption } from "./job-handle.ts"
import { JobThreads } from "./job-threads.ts"
import { loadPipeline, prepareModule } from "./load-pipeline.ts"
import { realEnvironment } from "./real-environment.ts"
import { startPool } from "./start-pool.ts"
import type { WorkerPool } from "./worker-pool.ts"

const DEFAULT_RESTART: RestartPolicySpec = {
  kind: "exponential",
  initialMs: 100,
  maxMs: 60_000,
  factor: 2,
  jitter: 0.1,
  maxRestarts: 20,
}
const HEARTBEAT_TIMEOUT_MS = 60_000
const HEARTBEAT_TIMEOUT_MIN_MS = 2_000

/** Loads and plans a module, and starts its job on the threads of `pool`, or on the calling one when there is none. */
export async function startJob(
  target: URL | string,
  options: RunOptions,
  workers: number,
  pool: WorkerPool | undefined,
): Promise<JobHandle> {
  const { graph, plan, moduleUrl } = await planModule(target, options, workers)
  const threads = new JobThreads(pool, () => startPool(workers, options))
  const job = new Job({
    ...jobOptions(graph, plan, options, workers),
    workforce: async (current, rescaled) => {
      if (workers === 0) return localWorkforce(current)
      return threads.workforce((worker, { runId, buffers, checkpoints, stateDirectory }) => ({
        worker,
        pipelineUrl: String(target),
        moduleUrl,
        params: options.params ?? {},
        planOptions: planOptionsOf(options, workers, rescaled),
        signature: current.signature,
        runId,
        buffers,
        checkpoints,
        stateDirectory,
      }))
    },
    release: () => threads.release(),
  })
  job.start()
  return job
}

/** Loads a module and plans its pipeline. */
export async function planModule(
  target: URL | string,
  options: RunOptions,
  workers: number,
): Promise<{ readonly graph: LogicalGraph; readonly plan: PhysicalPlan; readonly moduleUrl: string }> {
  const moduleUrl = await prepareModule(target)
  const pipeline = await loadPipeline(target, { prepared: moduleUrl })
  const graph = pipeline.build(options.params ?? {})
  return { graph, plan: planJob(graph, planOptionsOf(options, workers)), moduleUrl }
}

/** Starts a graph's job on the calling thread. */
export async function startGraph(
  graph: LogicalGraph,
  options: Omit<RunOptions, "workers" | "params">,
): Promise<JobHandle> {
  const plan = planJob(graph, planOptionsOf(options, 0))
  const job = new Job({
    ...jobOptions(graph, plan, options, 0),
    workforce: (current) => localWorkforce(current),
    release: async () => undefined,
  })
  job.start()
  return job
}

/** Loaded when it is used: a job on threads needs no operators in the main thread. */
async function localWorkforce(plan: PhysicalPlan): Promise<Workforce> {
  return (await import("./local-workforce.ts")).localWorkforce(plan)
}

function jobOptions(
  graph: LogicalGraph,
  plan: PhysicalPlan,
  options: RunOptions,
  workers: number,
): Omit<JobOptions, "workforce" | "release"> {
  const checkpoints = options.checkpoint === undefined ? undefined : settingsOf(options.checkpoint)
  return {
    plan,
    asked: JSON.stringify(planOptionsOf(options, workers)),
    replan: (parallelism) => planJob(graph, planOptionsOf(options, workers, parallelism)),
    from: options.from,
    resumed: options.resumed,
    command: options.command,
    environment: realEnvironment,
    heartbeatTimeoutMs: heartbeatTimeoutOf(options),
    print: options.print ?? ((line) => void process.stdout.write(`${line}\n`)),
    onEvent: options.onEvent ?? (() => undefined),
    signal: options.signal,
    checkpoints,
    stateOnDisk: stateDirectoryOf(options.state),
    restart: options.restart ?? (checkpoints === undefined ? { kind: "none" } : DEFAULT_RESTART),
  }
}

/** The directory of state that is kept on disk. @throws {EngineError} OPTION_INVALID; PEER_MISSING when lmdb is not installed */
function stateDirectoryOf(state: StateOption = "heap"): string | undefined {
  if (state === "heap") return undefined
  if (state?.kind !== "lmdb") {
    throw new EngineError(
      "OPTION_INVALID",
      `Cannot keep state in ${describe(state)}: set state to "heap" or { kind: "lmdb", directory }`,
    )
  }
  try {
    createRequire(import.meta.url).resolve("lmdb")
  } catch (cause) {
    throw new EngineError(
      "PEER_MISSING",
      "Cannot keep state on disk: the package lmdb is not installed; run npm install lmdb",
      { cause, details: { package: "lmdb" } },
    )
  }
  return state.directory ?? tmpdir()
}

function heartbeatTimeoutOf({ heartbeatTimeoutMs = HEARTBEAT_TIMEOUT_MS }: RunOptions): number {
  if (heartbeatTimeoutMs >= HEARTBEAT_TIMEOUT_MIN_MS) return heartbeatTimeoutMs
  throw new EngineError(
    "OPTION_INVALID",
    `Cannot use a heartbeat timeout of ${heartbeatTimeoutMs} ms: workers beat once a second when idle; give at least ${HEARTBEAT_TIMEOUT_MIN_MS}`,
  )
}

function settingsOf(options: CheckpointOptions): CheckpointSettings {
  const everyMs = durationMs(options.every ?? "10s", "checkpoint.every")
  if (everyMs === 0) {
    throw new EngineError(
      "OPTION_INVALID",
      'Cannot take checkpoints without a pause: set checkpoint.every to a time above 0, such as "10s"',
    )
  }
  return {
    directory: options.directory,
    everyMs,
    timeoutMs: durationMs(options.timeout ?? "10m", "checkpoint.timeout"),
    minPauseMs: durationMs(options.minPause ?? 0, "checkpoint.minPause"),
    retain: options.retain ?? 3,
    incremental: options.incremental ?? true,
    allowDroppedState: options.allowDroppedState ?? false,
    delivery: options.delivery ?? "exactly-once",
    barrierMode: barrierModeOf(options),
  }
}

function barrierModeOf({ delivery, alignment = "aligned" }: CheckpointOptions): BarrierMode {
  if (delivery !== undefined && delivery !== "exactly-once" && alignment !== "aligned") {
    throw new EngineError(
      "OPTION_INVALID",
      `Cannot combine checkpoint.alignment with ${delivery} delivery: nothing waits for barriers there; leave one of the two out`,
    )
  }
  if (delivery === "at-least-once") return { kind: "at-least-once" }
  if (alignment === "aligned") return { kind: "aligned" }
  if (alignment === "unaligned") return { kind: "unaligned", timeoutMs: 0 }
  return { kind: "unaligned", timeoutMs: durationMs(alignment.timeout, "checkpoint.alignment.timeout") }
}

/** @param rescaled parallelism by operator that goes before what was asked for at the start */
function planOptionsOf(
  options: Pick<RunOptions, "parallelism" | "set">,
  workers: number,
  rescaled: Readonly<Record<string, number>> = {},
): PlanOptions {
  const set = {
    ...options.set,
    ...Object.fromEntries(Object.entries(rescaled).map(([id, parallelism]) => [id, { parallelism }])),
  }
  return {
    workers,
    parallelism: options.parallelism ?? Math.max(1, workers),
    ...(Object.keys(set).length === 0 ? {} : { set }),
  }
}

import type { PhysicalPlan } from "../plan/index.ts"
import type { JobWorker, WorkerContext, Workforce } from "./attempt.ts"
import type { WorkerControl } from "./control.ts"
import { realWorkerEnvironment } from "./real-environment.ts"
import { WorkerRuntime } from "./worker-runtime.ts"

/** The calling thread as the job's one worker: the same code without threads, ports and rings. */
export function localWorkforce(plan: PhysicalPlan): Workforce {
  return {
    start: (_worker, context) => localWorker(plan, context),
    end: async () => undefined,
  }
}

function localWorker(
  plan: PhysicalPlan,
  { runId, buffers, main, checkpoints, stateDirectory }: WorkerContext,
): JobWorker {
  let fail: (error: unknown) => void = () => undefined
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  const later = (call: () => void): void => void setImmediate(call)
  const runtime = new WorkerRuntime({
    plan,
    worker: 0,
    runId,
    buffers,
    environment: realWorkerEnvironment,
    checkpoints,
    stateDirectory,
    failed: fail,
    main: {
      ...main,
      // In a later turn, as between threads: the answer to a call never arrives within it.
      requestSplit: (vertex, subtask) => later(() => main.requestSplit(vertex, subtask)),
      acknowledge: (checkpointId, place, share) => later(() => main.acknowledge(checkpointId, place, share)),
      decline: (checkpointId, place, error) => later(() => main.decline(checkpointId, place, error)),
      claim: (vertex, claim) =>
        new Promise((resolve) => {
          later(() => resolve(main.claim(vertex, claim)))
        }),
      outputCut: (place, prepared) =>
        new Promise((resolve) => {
          later(() => resolve(main.outputCut(place, prepared)))
        }),
      subtaskEnded: (place, share) =>
        new Promise((resolve) => {
          later(() => resolve(main.subtaskEnded(place, share)))
        }),
      ready: (worker) => queueMicrotask(() => main.ready(worker)),
    },
  })
  const started = new Promise<void>((resolve) => {
    setImmediate(resolve)
  })
  return {
    async tell(method, ...args) {
      return (runtime as WorkerControl as unknown as Record<string, (...values: unknown[]) => never>)[method]!(...args)
    },
    ended: Promise.race([failed, started.then(() => runtime.run())]),
    close: () => undefined,
  }
}

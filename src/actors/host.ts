/**
 * The entry of every worker thread: a piscina task that lives as long as the job.
 * User code is imported inside the task: a module that throws while a pool loads it would make the pool wait for ever.
 */
import type { MessagePort } from "node:worker_threads"
import { EngineError, toPlainError } from "../errors/index.ts"
import { planJob } from "../plan/index.ts"
import type { HostResult, HostTask, MainControl, WorkerControl } from "./control.ts"
import { loadPipeline } from "./load-pipeline.ts"
import { realWorkerEnvironment } from "./real-environment.ts"
import { connectPeer, serve } from "./rpc.ts"
import { WorkerRuntime } from "./worker-runtime.ts"

export interface HostMessage {
  readonly task: HostTask
  /** Calls to the main thread go out here. */
  readonly toMain: MessagePort
  /** Calls from the main thread come in here. */
  readonly fromMain: MessagePort
}

export default async function host({ task, toMain, fromMain }: HostMessage): Promise<HostResult> {
  process.setSourceMapsEnabled(true)
  const main = connectPeer<MainControl>(toMain, "the main thread")
  try {
    const pipeline = await loadPipeline(task.pipelineUrl, { prepared: task.moduleUrl })
    const plan = planJob(pipeline.build(task.params), task.planOptions)
    if (plan.signature !== task.signature) {
      throw new EngineError(
        "PLAN_NOT_DETERMINISTIC",
        `Cannot run pipeline "${plan.jobName}": its module describes another graph on worker ${task.worker} than in the main thread; describe the graph from params alone, not from the clock, randomness or the environment`,
        { details: { main: task.signature, worker: plan.signature } },
      )
    }
    return await new Promise<HostResult>((resolve) => {
      const failed = (error: unknown): void =>
        resolve({ ok: false, cancelled: false, error: toPlainError(error), leftBehind: true })
      // Calls without an answer that matters: when the main thread is gone, so is this one.
      const tell = (call: Promise<unknown>): void => {
        call.catch(failed)
      }
      const runtime = new WorkerRuntime({
        plan,
        worker: task.worker,
        runId: task.runId,
        buffers: task.buffers,
        environment: realWorkerEnvironment,
        checkpoints: task.checkpoints,
        stateDirectory: task.stateDirectory,
        failed,
        main: {
          ready: (worker) => tell(main.call("ready", worker)),
          requestSplit: (vertex, subtask) => tell(main.call("requestSplit", vertex, subtask)),
          toMain: (operatorId, values) => main.call("toMain", operatorId, values),
          acknowledge: (checkpointId, place, share) => main.call("acknowledge", checkpointId, place, share),
          decline: (checkpointId, place, error) => main.call("decline", checkpointId, place, error),
          claim: (vertex, claim) => main.call("claim", vertex, claim),
          outputCut: (place, prepared) => main.call("outputCut", place, prepared),
          subtaskEnded: (place, share) => main.call("subtaskEnded", place, share),
        },
      })
      const control: WorkerControl = {
        assignSplit: (vertex, subtask, assignment) => runtime.assignSplit(vertex, subtask, assignment),
        releaseWatermark: (vertex) => runtime.releaseWatermark(vertex),
        trigger: (mark, target) => runtime.trigger(mark, target),
        checkpointCompleted: (checkpointId) => runtime.checkpointCompleted(checkpointId),
        checkpointAborted: (checkpointId) => runtime.checkpointAborted(checkpointId),
        cutOutput: (cutId) => runtime.cutOutput(cutId),
        setRate: (operatorId, rate) => runtime.setRate(operatorId, rate),
        report: () => runtime.report(),
        stop: () => runtime.stop(),
        cancel: () => runtime.cancel(),
      }
      serve(control, fromMain)
      runtime.run().then(resolve, failed)
    })
  } catch (error) {
    return { ok: false, cancelled: false, error: toPlainError(error) }
  } finally {
    main.close()
    fromMain.close()
  }
}

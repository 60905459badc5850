import type { Edge, PhysicalPlan } from "./physical-plan.ts"
import { workerOf } from "./physical-plan.ts"

/** One channel of the plan: one sender subtask to one receiver subtask of an edge. */
export interface ChannelSpec {
  /** Position in the list of all channels: the same in every thread. */
  readonly index: number
  readonly edge: Edge
  readonly fromSubtask: number
  readonly toSubtask: number
  readonly fromWorker: number
  readonly toWorker: number
}

/** All channels of a plan, in one fixed order: by edge, sender, receiver. */
export function listChannels(plan: PhysicalPlan): ChannelSpec[] {
  const channels: ChannelSpec[] = []
  for (const edge of plan.edges) {
    const senders = plan.vertices[edge.from]!.parallelism
    const receivers = plan.vertices[edge.to]!.parallelism
    for (let fromSubtask = 0; fromSubtask < senders; fromSubtask++) {
      for (const toSubtask of receiversOf(edge.exchange, fromSubtask, senders, receivers)) {
        channels.push({
          index: channels.length,
          edge,
          fromSubtask,
          toSubtask,
          fromWorker: workerOf(fromSubtask, plan.workers),
          toWorker: workerOf(toSubtask, plan.workers),
        })
      }
    }
  }
  return channels
}

/**
 * The receivers one sender is connected to. Forward: its twin. Rescale: a contiguous share, so that every sender has a
 * receiver and every receiver a sender. All others: every receiver.
 */
function receiversOf(exchange: Edge["exchange"], sender: number, senders: number, receivers: number): number[] {
  if (exchange === "forward") return [sender]
  if (exchange === "rescale") {
    if (receivers >= senders) {
      const from = Math.floor((sender * receivers) / senders)
      const to = Math.floor(((sender + 1) * receivers) / senders)
      return Array.from({ length: to - from }, (_, offset) => from + offset)
    }
    return [Math.floor((sender * receivers) / senders)]
  }
  return Array.from({ length: receivers }, (_, receiver) => receiver)
}

/**
 * An edge's name for later runs of the job: by its sending operator and output, so that chaining and numbers do not
 * matter; edges alike in both are counted.
 */
export function edgeName(plan: PhysicalPlan, edge: Edge): string {
  const alike = plan.edges.filter(
    ({ from, fromOperator, side, to }) =>
      from === edge.from && fromOperator === edge.fromOperator && side === edge.side && to === edge.to,
  )
  const producer = plan.vertices[edge.from]!.operators[edge.fromOperator]!.id
  return JSON.stringify([producer, edge.side ?? null, alike.indexOf(edge)])
}

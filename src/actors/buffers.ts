import { createDoorbells, createRing } from "../mailbox/index.ts"
import { createMetricsBuffer } from "../observe/index.ts"
import { listChannels, type PhysicalPlan } from "../plan/index.ts"
import { createAlignmentMemory } from "./alignment-board.ts"
import type { SharedBuffers } from "./control.ts"

/** Records a channel holds at most. */
const CHANNEL_CREDITS = 2048
/** Bytes of all rings of a job together, within the bounds of one ring. */
const RINGS_BYTES = 64 * 1024 * 1024
const RING_BYTES_MIN = 32 * 1024
const RING_BYTES_MAX = 256 * 1024
/** Slot of a vertex's first subtask in the shared metrics. */
export function firstSlotOf(plan: PhysicalPlan, vertex: number): number {
  return plan.vertices.slice(0, vertex).reduce((sum, each) => sum + each.parallelism, 0)
}

/** How large channels are, in place of what suits the machine. */
export interface ChannelSize {
  readonly capacityRecords: number
  /** Of a ring: a power of two. */
  readonly capacityBytes: number
}

/** The shared memory of one attempt. */
export function createBuffers(plan: PhysicalPlan, size?: ChannelSize): SharedBuffers {
  const subtasks = plan.vertices.reduce((sum, vertex) => sum + vertex.parallelism, 0)
  const channels = listChannels(plan)
  const remote = channels.filter((channel) => channel.fromWorker !== channel.toWorker).length
  const share = RINGS_BYTES / Math.max(1, remote)
  const {
    capacityRecords = CHANNEL_CREDITS,
    capacityBytes = 2 ** Math.floor(Math.log2(Math.min(RING_BYTES_MAX, Math.max(RING_BYTES_MIN, share)))),
  } = size ?? {}
  return {
    doorbells: createDoorbells(Math.max(1, plan.workers)),
    metrics: createMetricsBuffer(subtasks),
    alignment: createAlignmentMemory(plan),
    channelCredits: capacityRecords,
    rings: channels.map((channel) =>
      channel.fromWorker === channel.toWorker ? undefined : createRing({ capacityRecords, capacityBytes }),
    ),
  }
}

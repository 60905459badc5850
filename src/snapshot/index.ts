/**
 * Checkpoints: when a subtask takes its snapshot (barriers/), who takes part in a checkpoint and when it is complete
 * (coordinator.ts), whether records add up (audit.ts), what follows a failure (restart-policy.ts). Pure; store/ alone
 * touches the disk. Promises that what is published is a consistent cut with a part of every subtask, or nothing.
 * Leans on errors/ alone. Read barriers/barrier-handler.ts first, then coordinator.ts; of store/, disk.ts and checkpoint-store.ts
 * (the format: docs/formats/checkpoint.md). `realDisk` and `processOwner` know Node, so they are imported from
 * store/real-disk.ts by those who may.
 */
export { type AuditedChannel, type AuditMode, auditChannels, type ChannelCounts } from "./audit.ts"
export { AlignedBarriers } from "./barriers/aligned-barriers.ts"
export { AtLeastOnceBarriers } from "./barriers/at-least-once-barriers.ts"
export type { Barrier, BarrierAbortReason, BarrierAction, BarrierHandler } from "./barriers/barrier-handler.ts"
export { type BarrierMode, createBarrierHandler } from "./barriers/create-barrier-handler.ts"
export { UnalignedBarriers } from "./barriers/unaligned-barriers.ts"
export {
  CheckpointCoordinator,
  type CheckpointCoordinatorOptions,
  type CheckpointKind,
  type CheckpointPart,
  type CheckpointProgress,
  type CheckpointStatistics,
  type CoordinatorAction,
  type CoordinatorPhase,
  type SubtaskRef,
} from "./coordinator.ts"
export {
  createRestartPolicy,
  type RestartDecision,
  type RestartPolicy,
  type RestartPolicySpec,
} from "./restart-policy.ts"

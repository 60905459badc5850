/**
 * Checkpoints on disk: parts, manifests, and the store that publishes, finds and cleans them. Promises that a published
 * checkpoint is there for good and whole, or not at all, whatever crashes. Leans on errors/ alone; the machine's own file
 * system is in real-disk.ts, imported by its name. Apart from snapshot/index.ts, so that a job without checkpoints need not
 * load it. Read checkpoint-store.ts first.
 */
export type { LockOwner } from "./_directory-lock.ts"
export type { Json, JsonObject } from "./_json-text.ts"
export type { PassedOver, RestorePoint } from "./_restore-search.ts"
export { CheckpointStore, type CheckpointStoreOptions, type RestoreChoice } from "./checkpoint-store.ts"
export { type Claim, type ClaimedSplit, ClaimLog, type ClaimLogOptions } from "./claim-log.ts"
export type { Disk, DiskFile, DiskStat } from "./disk.ts"
export { type FindRestorePointOptions, type FoundPoint, findRestorePoint } from "./find-restore-point.ts"
export type {
  AssignedSplit,
  Manifest,
  ManifestChannel,
  ManifestPlan,
  ManifestSource,
  ManifestSplit,
  ManifestSubtask,
} from "./manifest.ts"
export { PartChain } from "./part-chain.ts"
export { type BlockInfo, type BlockKind, MAX_BLOCK_BYTES, type PartHandle } from "./part-file.ts"
export { type BlockSelection, PartReader, type PartReaderOptions } from "./part-reader.ts"
export { type BlockInput, PartWriter, type PartWriterOptions } from "./part-writer.ts"
export {
  checkSavepointDirectory,
  isSavepointCommitted,
  markSavepointCommitted,
  publishSavepoint,
} from "./publish-savepoint.ts"
export { readSavepoint } from "./read-savepoint.ts"
export { type SimCall, SimDisk, type SimDiskOptions, type SimFault, type UnsyncedEffect } from "./sim-disk.ts"
export { type Problem, type Survey, type SurveyedCheckpoint, survey } from "./survey.ts"

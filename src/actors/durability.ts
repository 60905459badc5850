/** What only jobs with checkpoints need, in one import: loaded when there are checkpoints, since start-up is a promise of ours. */
export {
  CheckpointStore,
  ClaimLog,
  checkSavepointDirectory,
  findRestorePoint,
  isSavepointCommitted,
  markSavepointCommitted,
} from "../snapshot/store/index.ts"
export { processOwner as lockOwner, realDisk as openDisk } from "../snapshot/store/real-disk.ts"
export { AtMostOnce, claimedProgress } from "./at-most-once.ts"
export { Checkpointing, commitOf, progressOf } from "./checkpointing.ts"
export { checkCompatible, compatibilityWarnings } from "./compatibility.ts"
export { restoreTaskOf } from "./restore.ts"
export { removeTemporary, temporaryDirectory } from "./temporary-directory.ts"

import { EngineError } from "../../errors/index.ts"
import type { PassedOver } from "./_restore-search.ts"
import { errnoOf, reasonOf, remedyFor } from "./_store-errors.ts"

export function unwritable(folder: string, cause: unknown): EngineError {
  if (cause instanceof EngineError) return cause
  const errno = errnoOf(cause)
  return new EngineError(
    "CHECKPOINT_DIR_UNWRITABLE",
    `Cannot use checkpoint directory ${folder}: ${reasonOf(cause)}; ${remedyFor(errno)}`,
    { cause, details: { directory: folder, ...(errno === undefined ? {} : { errno }) } },
  )
}

export function outcomeUnknown(to: string, cause: unknown, second: unknown): EngineError {
  return new EngineError(
    "CHECKPOINT_OUTCOME_UNKNOWN",
    `Cannot tell whether ${to} is published: ${reasonOf(cause)}, and taking it back failed as well: ${reasonOf(second)}; check the disk, the job goes on from ` +
      "whatever a restore finds",
    { cause, retriable: true, details: { file: to } },
  )
}

export function markerDamaged(damage: EngineError): EngineError {
  return new EngineError(
    damage.code,
    `${damage.message}; it says which output has been committed: with allowRepeat the newest sound checkpoint is taken, and output may be repeated`,
    { cause: damage, details: damage.details },
  )
}

export function committedDamaged(
  folder: string,
  committed: number,
  foundId: number | undefined,
  passedOver: readonly PassedOver[],
): EngineError {
  const found = passedOver.length === 0 ? "its files are gone" : passedOver.map(({ reason }) => reason).join("; ")
  const back = foundId === undefined ? "starting from the beginning" : `going back to checkpoint ${foundId}`
  return new EngineError(
    "CHECKPOINT_COMMITTED_DAMAGED",
    `Cannot restore checkpoint ${committed} in ${folder}, whose output has been committed: ${found}; bring its files back from a copy. With allowRepeat the job ` +
      `takes ${back}, and repeats the output since then: remove that output first`,
    {
      details: { directory: folder, committed, passedOver, ...(foundId === undefined ? {} : { newestSound: foundId }) },
    },
  )
}

export function passedOverWarning(
  folder: string,
  foundId: number | undefined,
  passedOver: readonly PassedOver[],
): EngineError {
  const next = foundId === undefined ? "the job starts from the beginning" : `checkpoint ${foundId} is used`
  return new EngineError(
    "CHECKPOINT_PASSED_OVER",
    `Could not use ${passedOver.length} newer checkpoints in ${folder}, ${next}: ${passedOver.map(({ reason }) => reason).join("; ")}; check the disk`,
    { details: { directory: folder, passedOver, ...(foundId === undefined ? {} : { used: foundId }) } },
  )
}

export function lockLost(folder: string): EngineError {
  return new EngineError(
    "CHECKPOINT_LOCK_LOST",
    `Cannot go on with ${folder}: another process has taken its lock, which it does when it cannot see this one (another ` +
      "container or machine); let only one process run this job",
    { details: { directory: folder } },
  )
}

export function fenced(attempt: number, current: number): EngineError {
  return new EngineError(
    "CHECKPOINT_FENCED",
    `Cannot write a checkpoint of attempt ${attempt}: attempt ${current} of the job has begun; nothing needs to be done`,
    { details: { attempt, current } },
  )
}

export function partCut(path: string, sizeBytes: number, writtenBytes: number): EngineError {
  return new EngineError(
    "CHECKPOINT_PART_CUT",
    `Cannot publish a checkpoint: part ${path} has ${sizeBytes} bytes, ${writtenBytes} were written; leave the checkpoint ` +
      "directory to the job",
    { details: { file: path, byte: sizeBytes } },
  )
}

export function savepointGone(folder: string, savepoint: string, cause?: unknown): EngineError {
  const found = cause instanceof Error ? cause.message : "another one is there now"
  return new EngineError(
    "CHECKPOINT_SAVEPOINT_GONE",
    `Cannot go on in ${folder}: the job's output is committed up to the savepoint that was in ${savepoint}, and it cannot be read there: ${found}; start with --from and the directory where it is now`,
    { details: { directory: folder, savepoint }, ...(cause === undefined ? {} : { cause }) },
  )
}

export function restorePointBehind(
  folder: string,
  here: { readonly checkpointId: number; readonly runId: string },
  from: { readonly checkpointId: number; readonly runId: string },
): EngineError {
  return new EngineError(
    "RESTORE_POINT_BEHIND",
    `Cannot start from checkpoint ${from.checkpointId} of run ${from.runId} with the checkpoints in ${folder}: they stand at checkpoint ${here.checkpointId} of run ${here.runId}, which did not begin there; leave --from out to go on from that, or keep the checkpoints of the new run in another directory`,
    { details: { directory: folder, here: here.checkpointId, from: from.checkpointId } },
  )
}

import { EngineError } from "../../errors/index.ts"
import { committedDamaged } from "./_checkpoint-errors.ts"
import { DirectoryLock, type LockOwner } from "./_directory-lock.ts"
import { isThere } from "./_is-there.ts"
import { readMarker } from "./_marker.ts"
import { safeName } from "./_names.ts"
import {
  CHECKPOINTS,
  findSound,
  listCandidates,
  type PassedOver,
  type RestorePoint,
  readManifestOf,
  SAVEPOINT_MANIFEST,
} from "./_restore-search.ts"
import type { Disk } from "./disk.ts"
import { readSavepoint } from "./read-savepoint.ts"

export interface FoundPoint {
  readonly point: RestorePoint
  /** Newer ones that are damaged. Nothing was done to them. */
  readonly passedOver: readonly PassedOver[]
  /** The job's folder, when it is one of checkpoints; undefined for a savepoint that stands alone. */
  readonly folder: string | undefined
  /** Lets other processes have the folder: it is held so that nobody removes what is being restored. */
  release(): Promise<void>
}

export interface FindRestorePointOptions {
  readonly disk: Disk
  /** A savepoint, a job's folder of checkpoints, or a checkpoint directory that holds one. */
  readonly directory: string
  /** Chooses the folder in a checkpoint directory of several jobs. */
  readonly jobName: string
  readonly owner: LockOwner
  /** The folder of the job's own checkpoints: it is locked already. */
  readonly own: string | undefined
}

/**
 * What a directory that the user named holds to start from: the savepoint, or the newest sound checkpoint. Changes nothing
 * but for a lock in a folder of checkpoints.
 *
 * @throws {EngineError} RESTORE_POINT_MISSING; CHECKPOINT_DIR_LOCKED while a job runs there; CHECKPOINT_COMMITTED_DAMAGED; and
 *   what is wrong with the files
 */
export async function findRestorePoint(options: FindRestorePointOptions): Promise<FoundPoint> {
  const { disk, directory, jobName, owner, own } = options
  if (await isThere(disk, `${directory}/${SAVEPOINT_MANIFEST}`)) {
    const point = await readSavepoint(disk, directory)
    return { point, passedOver: [], folder: undefined, release: async () => undefined }
  }
  const folder = await folderOf(disk, directory, jobName)
  const lock = folder === own ? undefined : await DirectoryLock.acquire(disk, folder, owner)
  try {
    const name = await jobNameOf(disk, folder, jobName)
    const { committed, finished } = await readMarker(disk, folder, name)
    const candidates = await listCandidates(disk, folder)
    const { point, passedOver } = await findSound(
      disk,
      name,
      candidates.filter(({ checkpointId }) => finished === null || checkpointId > finished),
    )
    if (point === undefined) throw missing(directory, "the job there has ended, or never took a checkpoint")
    const foundId = point.manifest.checkpointId
    if (committed !== null && foundId < committed) throw committedDamaged(folder, committed, foundId, passedOver)
    return { point, passedOver, folder, release: async () => lock?.release() }
  } catch (error) {
    await lock?.release()
    throw error
  }
}

async function folderOf(disk: Disk, directory: string, jobName: string): Promise<string> {
  for (const folder of [directory, `${directory}/${safeName(jobName)}`]) {
    if (await isThere(disk, `${folder}/${CHECKPOINTS}`)) return folder
  }
  throw missing(directory, `it has neither a ${SAVEPOINT_MANIFEST} nor checkpoints of job "${jobName}"`)
}

/** Of the job whose folder it is: a renamed pipeline may start from it. */
async function jobNameOf(disk: Disk, folder: string, jobName: string): Promise<string> {
  if (folder.endsWith(`/${safeName(jobName)}`)) return jobName
  for (const candidate of await listCandidates(disk, folder)) {
    try {
      return (await readManifestOf(disk, candidate, undefined)).jobName
    } catch (error) {
      // A damaged one says nothing; another may.
      if (!(error instanceof EngineError)) throw error
    }
  }
  return jobName
}

function missing(directory: string, found: string): EngineError {
  return new EngineError(
    "RESTORE_POINT_MISSING",
    `Cannot start from ${directory}: ${found}; name the directory of a savepoint, or a checkpoint directory of an unfinished job`,
    { details: { directory } },
  )
}

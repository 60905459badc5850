import type { EngineError } from "../../errors/index.ts"
import { checkpointName, MANIFEST_SUFFIX, parseCheckpointName } from "./_names.ts"
import { readWhole } from "./_read-file.ts"
import { damaged, isDamage, readFailed } from "./_store-errors.ts"
import type { Disk } from "./disk.ts"
import { decodeManifest, MAX_MANIFEST_BYTES, type Manifest } from "./manifest.ts"
import { PartReader } from "./part-reader.ts"

/** A published checkpoint or savepoint, by the names of its files. */
export interface Candidate {
  readonly checkpointId: number
  readonly attempt: number
  readonly kind: "checkpoint" | "savepoint"
  /** The manifest. */
  readonly file: string
  /** Where the names of its parts begin. */
  readonly directory: string
}

/** What a job starts from. */
export interface RestorePoint {
  readonly manifest: Manifest
  /** Where its parts are: for PartReader.open. */
  readonly directory: string
}

/** A checkpoint that could not be used, and why. */
export interface PassedOver {
  readonly checkpointId: number
  readonly attempt: number
  readonly kind: "checkpoint" | "savepoint"
  /** Its manifest. */
  readonly file: string
  /** Code and message of the error that says what is wrong, and with which file. */
  readonly code: string
  readonly reason: string
}

export const CHECKPOINTS = "checkpoints"
export const SAVEPOINTS = "savepoints"
export const PARTS = "parts"
export const SAVEPOINT_MANIFEST = "manifest.json"

/** All that is published, the newest first. */
export async function listCandidates(disk: Disk, folder: string): Promise<readonly Candidate[]> {
  const candidates: Candidate[] = []
  for (const name of await disk.list(`${folder}/${CHECKPOINTS}`)) {
    const parsed = parseCheckpointName(name, MANIFEST_SUFFIX)
    if (parsed === undefined) continue
    candidates.push({ ...parsed, kind: "checkpoint", file: `${folder}/${CHECKPOINTS}/${name}`, directory: folder })
  }
  for (const name of await disk.list(`${folder}/${SAVEPOINTS}`)) {
    const parsed = parseCheckpointName(name, "")
    if (parsed === undefined) continue
    const directory = `${folder}/${SAVEPOINTS}/${name}`
    candidates.push({ ...parsed, kind: "savepoint", file: `${directory}/${SAVEPOINT_MANIFEST}`, directory })
  }
  return candidates.sort((a, b) => b.checkpointId - a.checkpointId || b.attempt - a.attempt)
}

/**
 * Tries candidates in their order until one is sound: its manifest and every part of it, to the last byte.
 *
 * @throws {EngineError} what is not damage: CHECKPOINT_READ_FAILED, or a version that this release does not read. An
 *   older checkpoint is no answer to these
 */
export async function findSound(
  disk: Disk,
  jobName: string,
  candidates: readonly Candidate[],
): Promise<{ readonly point: RestorePoint | undefined; readonly passedOver: readonly (PassedOver & Candidate)[] }> {
  const passedOver: (PassedOver & Candidate)[] = []
  for (const candidate of candidates) {
    try {
      const manifest = await readManifestOf(disk, candidate, jobName)
      const point = { manifest, directory: candidate.directory }
      await verifyParts(disk, point)
      return { point, passedOver }
    } catch (error) {
      if (!isDamage(error)) throw error
      passedOver.push({ ...candidate, code: error.code, reason: error.message })
    }
  }
  return { point: undefined, passedOver }
}

/** @param jobName undefined: any job's */
export async function readManifestOf(disk: Disk, candidate: Candidate, jobName: string | undefined): Promise<Manifest> {
  const { file } = candidate
  const manifest = decodeManifest(await readWhole(disk, file, "MANIFEST", MAX_MANIFEST_BYTES), file)
  // A sound manifest in the wrong place, e.g. that of n - 1 copied over that of n.
  if (checkpointName(manifest) !== checkpointName(candidate) || manifest.kind !== candidate.kind) {
    throw foreign(file, `it says it is ${manifest.kind} ${checkpointName(manifest)}`)
  }
  if (jobName !== undefined && manifest.jobName !== jobName) {
    throw foreign(file, `it is of job ${JSON.stringify(manifest.jobName)}`)
  }
  return manifest
}

/** Reads every byte of every part. */
export async function verifyParts(disk: Disk, { manifest, directory }: RestorePoint): Promise<void> {
  for (const { parts } of manifest.subtasks) {
    for (const handle of parts) {
      const reader = await PartReader.open({ disk, directory, handle, jobName: manifest.jobName })
      try {
        await reader.verify()
      } finally {
        await closed(reader, `${directory}/${handle.file}`)
      }
    }
  }
}

async function closed(reader: PartReader, path: string): Promise<void> {
  try {
    await reader.close()
  } catch (error) {
    throw readFailed("PART", path, error)
  }
}

function foreign(file: string, found: string): EngineError {
  return damaged("CHECKPOINT_MANIFEST_DAMAGED", file, 0, found)
}

import { EngineError } from "../../errors/index.ts"
import { isThere } from "./_is-there.ts"
import { type Marker, readMarker } from "./_marker.ts"
import { type Candidate, CHECKPOINTS, listCandidates, readManifestOf, SAVEPOINT_MANIFEST } from "./_restore-search.ts"
import type { Disk } from "./disk.ts"
import type { Manifest } from "./manifest.ts"
import { PartReader } from "./part-reader.ts"
import { readSavepointManifest } from "./read-savepoint.ts"

/** Something that cannot be believed, and why. */
export interface Problem {
  readonly file: string
  readonly code: string
  readonly message: string
}

export interface SurveyedCheckpoint {
  readonly file: string
  /** Where its parts are. */
  readonly directory: string
  /** Undefined when it cannot be read. */
  readonly manifest: Manifest | undefined
  /** Empty: every byte of it is right. */
  readonly problems: readonly Problem[]
}

export interface Survey {
  readonly folder: string
  /** Undefined for a savepoint that stands alone. */
  readonly marker: Marker | undefined
  /** The newest first. */
  readonly checkpoints: readonly SurveyedCheckpoint[]
  readonly problems: readonly Problem[]
}

/**
 * Looks at a savepoint, a job's folder of checkpoints, or a directory of such folders, to the last byte. Changes nothing and
 * takes no lock: beside a running job a checkpoint may go while it is read.
 *
 * @throws errors of the disk that say nothing about the files; an empty answer where there is nothing of ours
 */
export async function survey(disk: Disk, directory: string): Promise<readonly Survey[]> {
  if (await isThere(disk, `${directory}/${SAVEPOINT_MANIFEST}`)) return [await surveySavepoint(disk, directory)]
  if (await isThere(disk, `${directory}/${CHECKPOINTS}`)) return [await surveyFolder(disk, directory)]
  const surveys: Survey[] = []
  for (const name of await disk.list(directory)) {
    const folder = `${directory}/${name}`
    if (await isThere(disk, `${folder}/${CHECKPOINTS}`)) surveys.push(await surveyFolder(disk, folder))
  }
  return surveys
}

async function surveySavepoint(disk: Disk, directory: string): Promise<Survey> {
  const file = `${directory}/${SAVEPOINT_MANIFEST}`
  const checkpoint = await surveyOne(disk, file, directory, () => readSavepointManifest(disk, directory))
  return { folder: directory, marker: undefined, checkpoints: [checkpoint], problems: [] }
}

async function surveyFolder(disk: Disk, folder: string): Promise<Survey> {
  const checkpoints: SurveyedCheckpoint[] = []
  for (const candidate of await listCandidates(disk, folder)) checkpoints.push(await surveyCandidate(disk, candidate))
  const problems: Problem[] = []
  const jobName = checkpoints.find(({ manifest }) => manifest !== undefined)?.manifest?.jobName
  let marker: Marker | undefined
  if (jobName !== undefined) {
    try {
      marker = await readMarker(disk, folder, jobName)
    } catch (error) {
      problems.push(problemOf(`${folder}/marker.json`, error))
    }
  }
  return { folder, marker, checkpoints, problems }
}

function surveyCandidate(disk: Disk, candidate: Candidate): Promise<SurveyedCheckpoint> {
  const { file, directory } = candidate
  return surveyOne(disk, file, directory, () => readManifestOf(disk, candidate, undefined))
}

async function surveyOne(
  disk: Disk,
  file: string,
  directory: string,
  read: () => Promise<Manifest>,
): Promise<SurveyedCheckpoint> {
  let manifest: Manifest
  try {
    manifest = await read()
  } catch (error) {
    return { file, directory, manifest: undefined, problems: [problemOf(file, error)] }
  }
  const problems: Problem[] = []
  for (const { parts } of manifest.subtasks) {
    for (const handle of parts) {
      try {
        const reader = await PartReader.open({ disk, directory, handle, jobName: manifest.jobName })
        try {
          await reader.verify()
        } finally {
          await reader.close()
        }
      } catch (error) {
        problems.push(problemOf(`${directory}/${handle.file}`, error))
      }
    }
  }
  return { file, directory, manifest, problems }
}

function problemOf(file: string, error: unknown): Problem {
  if (error instanceof EngineError) return { file, code: error.code, message: error.message }
  throw error
}

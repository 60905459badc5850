import { EngineError } from "../../errors/index.ts"
import { outcomeUnknown, partCut } from "./_checkpoint-errors.ts"
import { copyFile } from "./_copy-file.ts"
import { removeIfThere } from "./_directory-lock.ts"
import { writeDurably } from "./_marker.ts"
import { parsePartName } from "./_names.ts"
import { PARTS, SAVEPOINT_MANIFEST } from "./_restore-search.ts"
import { errnoOf, reasonOf, writeFailed } from "./_store-errors.ts"
import type { Disk } from "./disk.ts"
import { encodeManifest, type Manifest } from "./manifest.ts"
import type { PartHandle } from "./part-file.ts"

/** Says that the sinks have committed what the savepoint lists: it need not be done again. */
const COMMITTED = "committed"

/**
 * Whether a directory can become a savepoint: it is not there, is empty, or holds what is left of a savepoint that was given
 * up.
 *
 * @throws {EngineError} SAVEPOINT_DIRECTORY_TAKEN
 */
export async function checkSavepointDirectory(disk: Disk, directory: string): Promise<void> {
  let names: readonly string[]
  try {
    names = await disk.list(directory)
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return
    throw taken(directory, reasonOf(error), error)
  }
  const other = names.find((name) => name !== PARTS)
  if (other !== undefined) throw taken(directory, `it holds ${other}`)
  if (names.length === 0) return
  const part = (await disk.list(`${directory}/${PARTS}`)).find((name) => parsePartName(name) === undefined)
  if (part !== undefined) throw taken(directory, `it holds ${PARTS}/${part}`)
}

/**
 * Makes a directory that stands alone, anywhere, a savepoint: all its parts are there, or are copied from `partsFrom`. In the
 * order of law STO-1; the rename of the manifest decides.
 *
 * @throws {EngineError} CHECKPOINT_WRITE_FAILED: it is none and never will be; CHECKPOINT_OUTCOME_UNKNOWN,
 *   CHECKPOINT_MANIFEST_INVALID, CHECKPOINT_PART_CUT
 */
export async function publishSavepoint(
  disk: Disk,
  directory: string,
  manifest: Manifest,
  partsFrom: string | undefined,
): Promise<void> {
  const bytes = encodeManifest(manifest)
  const file = `${directory}/${SAVEPOINT_MANIFEST}`
  const temporary = `${file}.tmp`
  let renamed = false
  try {
    await disk.mkdir(`${directory}/${PARTS}`)
    for (const { parts } of manifest.subtasks)
      for (const handle of parts) await bringPart(disk, directory, handle, partsFrom)
    await disk.syncDirectory(`${directory}/${PARTS}`)
    await removeIfThere(disk, temporary)
    await writeDurably(disk, temporary, bytes)
    renamed = true
    await disk.rename(temporary, file)
    await disk.syncDirectory(directory)
  } catch (error) {
    if (renamed) await takeBack(disk, directory, file, error)
    throw writeFailed(`publish savepoint ${manifest.checkpointId} as`, directory, error)
  }
}

/** What the savepoint lists is committed. Durable when it resolves. @throws {EngineError} CHECKPOINT_WRITE_FAILED */
export async function markSavepointCommitted(disk: Disk, directory: string): Promise<void> {
  try {
    await removeIfThere(disk, `${directory}/${COMMITTED}`)
    await writeDurably(disk, `${directory}/${COMMITTED}`, new Uint8Array())
    await disk.syncDirectory(directory)
  } catch (error) {
    throw writeFailed("mark as committed", directory, error)
  }
}

export async function isSavepointCommitted(disk: Disk, directory: string): Promise<boolean> {
  try {
    await disk.stat(`${directory}/${COMMITTED}`)
    return true
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false
    throw error
  }
}

async function bringPart(
  disk: Disk,
  directory: string,
  handle: PartHandle,
  partsFrom: string | undefined,
): Promise<void> {
  const path = `${directory}/${handle.file}`
  try {
    await disk.stat(path)
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" || partsFrom === undefined) throw error
    await copyFile(disk, `${partsFrom}/${handle.file}`, path)
  }
  const { sizeBytes } = await disk.stat(path)
  if (sizeBytes !== handle.bytes) throw partCut(path, sizeBytes, handle.bytes)
}

async function takeBack(disk: Disk, directory: string, file: string, cause: unknown): Promise<void> {
  try {
    await removeIfThere(disk, file)
    await disk.syncDirectory(directory)
  } catch (second) {
    throw outcomeUnknown(directory, cause, second)
  }
}

function taken(directory: string, found: string, cause?: unknown): EngineError {
  return new EngineError(
    "SAVEPOINT_DIRECTORY_TAKEN",
    `Cannot write a savepoint to ${directory}: ${found}; name a directory that does not exist yet, it becomes the savepoint`,
    { details: { directory }, ...(cause === undefined ? {} : { cause }) },
  )
}

import { EngineError } from "../../errors/index.ts"
import { removeIfThere } from "./_directory-lock.ts"
import { readObject, ShapeError } from "./_json-shape.ts"
import { jsonText } from "./_json-text.ts"
import { readWhole } from "./_read-file.ts"
import { seal, unseal } from "./_sealed-json.ts"
import { damaged } from "./_store-errors.ts"
import type { Disk } from "./disk.ts"

/** What is known beside the manifests. */
export interface Marker {
  /** Everything up to this checkpoint has been committed by the sinks; of a savepoint `elsewhere`, is going to be. Null: nothing. */
  readonly committed: number | null
  /** The job ended after this checkpoint: it and all before it are over. Null: it never did. */
  readonly finished: number | null
  /** Ids up to this one have been used. */
  readonly highest: number
  /** The directory of the savepoint that is `committed`, when it is not among the store's own. Null otherwise. */
  readonly elsewhere: string | null
  /** The run that has begun here and not ended: sinks may have prepared output in its name. Null: none. */
  readonly run: string | null
  /** The command that brought the job to its end, in the words of whoever started it. Null when it has not ended, or nobody said. */
  readonly endedBy: string | null
}

export const NO_MARKER: Marker = {
  committed: null,
  finished: null,
  highest: 0,
  elsewhere: null,
  run: null,
  endedBy: null,
}

const FILE = "marker.json"
const FORMAT_VERSION = 1
const MAX_BYTES = 1 << 16

/** @throws {EngineError} CHECKPOINT_MARKER_DAMAGED, CHECKPOINT_MARKER_VERSION, CHECKPOINT_READ_FAILED */
export async function readMarker(disk: Disk, folder: string, jobName: string): Promise<Marker> {
  const path = `${folder}/${FILE}`
  let bytes: Uint8Array
  try {
    bytes = await readWhole(disk, path, "MARKER", MAX_BYTES)
  } catch (error) {
    if (error instanceof EngineError && error.code === "CHECKPOINT_MARKER_MISSING") return NO_MARKER
    throw error
  }
  const value = unseal(bytes, path, "CHECKPOINT_MARKER_DAMAGED")
  try {
    return readObject(value, "marker", (fields) => {
      const version = fields.integer("formatVersion")
      if (version !== FORMAT_VERSION) throw otherVersion(path, version)
      const job = fields.text("jobName")
      if (job !== jobName) fields.fail(`it is of job ${JSON.stringify(job)}`)
      return {
        committed: fields.integerOrNull("committed"),
        finished: fields.integerOrNull("finished"),
        highest: fields.integer("highest"),
        elsewhere: fields.has("elsewhere") ? fields.text("elsewhere") : null,
        run: fields.has("run") ? fields.text("run") : null,
        endedBy: fields.has("endedBy") ? fields.text("endedBy") : null,
      }
    })
  } catch (error) {
    if (error instanceof ShapeError) throw damaged("CHECKPOINT_MARKER_DAMAGED", path, 0, error.message)
    throw error
  }
}

/** Durable when it resolves. A failure leaves the marker as it was, or as it was to be. */
export async function writeMarker(disk: Disk, folder: string, jobName: string, marker: Marker): Promise<void> {
  const path = `${folder}/${FILE}`
  const temporary = `${path}.tmp`
  await removeIfThere(disk, temporary)
  const { elsewhere, run, endedBy, ...always } = marker
  const fields = {
    formatVersion: FORMAT_VERSION,
    jobName,
    ...always,
    ...(elsewhere === null ? {} : { elsewhere }),
    ...(run === null ? {} : { run }),
    ...(endedBy === null ? {} : { endedBy }),
  }
  await writeDurably(disk, temporary, seal(jsonText(fields)))
  await disk.rename(temporary, path)
  await disk.syncDirectory(folder)
}

/** A new file with these bytes, fsynced. Its name is not: that takes a sync of the directory. */
export async function writeDurably(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path, "create")
  try {
    await file.write(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

function otherVersion(file: string, version: number): EngineError {
  return new EngineError(
    "CHECKPOINT_MARKER_VERSION",
    `Cannot read ${file}: it has format version ${version}, this release reads ${FORMAT_VERSION}; use the release of millrace that wrote it, or start ` +
      "anew in another checkpoint directory",
    { details: { file, version } },
  )
}

import { EngineError } from "../../errors/index.ts"
import { readWhole } from "./_read-file.ts"
import { type RestorePoint, SAVEPOINT_MANIFEST, verifyParts } from "./_restore-search.ts"
import { damaged } from "./_store-errors.ts"
import type { Disk } from "./disk.ts"
import { decodeManifest, MAX_MANIFEST_BYTES, type Manifest } from "./manifest.ts"

/**
 * Reads a savepoint from wherever it has been moved or copied to, whatever its directory is called, and checks every
 * byte of it. Takes no lock: a published savepoint never changes.
 *
 * @throws {EngineError} CHECKPOINT_MANIFEST_* and CHECKPOINT_PART_* naming the file; SAVEPOINT_INVALID when the
 *   directory holds no savepoint
 */
export async function readSavepoint(disk: Disk, directory: string): Promise<RestorePoint> {
  const point = { manifest: await readSavepointManifest(disk, directory), directory }
  await verifyParts(disk, point)
  return point
}

/** Its manifest alone. @throws {EngineError} as `readSavepoint` */
export async function readSavepointManifest(disk: Disk, directory: string): Promise<Manifest> {
  const file = `${directory}/${SAVEPOINT_MANIFEST}`
  let bytes: Uint8Array
  try {
    bytes = await readWhole(disk, file, "MANIFEST", MAX_MANIFEST_BYTES)
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "CHECKPOINT_MANIFEST_MISSING") throw error
    throw new EngineError(
      "SAVEPOINT_INVALID",
      `Cannot read a savepoint from ${directory}: there is no ${SAVEPOINT_MANIFEST}; name the directory of one savepoint, <job>/savepoints/<id>-<attempt>`,
      { cause: error, details: { directory } },
    )
  }
  const manifest = decodeManifest(bytes, file)
  if (manifest.kind !== "savepoint")
    throw damaged("CHECKPOINT_MANIFEST_DAMAGED", file, 0, `it says it is a ${manifest.kind}`)
  return manifest
}

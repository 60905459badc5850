import { damaged, readFailed } from "./_store-errors.ts"
import type { Disk, DiskFile } from "./disk.ts"

/** Fills `into` however short the single reads are. @returns the bytes read: fewer only when the file ends first */
export async function readFully(file: DiskFile, into: Uint8Array, positionBytes: number): Promise<number> {
  let done = 0
  while (done < into.length) {
    const count = await file.read(into.subarray(done), positionBytes + done)
    if (count === 0) break
    done += count
  }
  return done
}

/** A whole small file. Its size is looked at first: no more than `limitBytes` are ever allocated. */
export async function readWhole(
  disk: Disk,
  path: string,
  kind: "MANIFEST" | "MARKER" | "CLAIMS",
  limitBytes: number,
): Promise<Uint8Array> {
  try {
    const { kind: fileKind, sizeBytes } = await disk.stat(path)
    const code = kind === "CLAIMS" ? "CLAIMS_DAMAGED" : `CHECKPOINT_${kind}_DAMAGED`
    if (fileKind !== "file") throw damaged(code, path, 0, `there is no regular file (kind: ${fileKind})`)
    if (sizeBytes > limitBytes) throw damaged(code, path, limitBytes, `the file goes on to ${sizeBytes} bytes`)
    const file = await disk.open(path, "read")
    try {
      const bytes = new Uint8Array(sizeBytes)
      const count = await readFully(file, bytes, 0)
      if (count < sizeBytes) throw damaged(code, path, count, `the file ends, ${sizeBytes} bytes were expected`)
      return bytes
    } finally {
      await file.close()
    }
  } catch (error) {
    throw readFailed(kind === "CLAIMS" ? "FOLDER" : kind, path, error)
  }
}

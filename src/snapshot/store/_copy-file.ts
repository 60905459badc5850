import { readFully } from "./_read-file.ts"
import type { Disk } from "./disk.ts"

const CHUNK_BYTES = 1 << 20

/** Copies a file into a new one and fsyncs that. */
export async function copyFile(disk: Disk, from: string, to: string): Promise<void> {
  const { sizeBytes } = await disk.stat(from)
  const source = await disk.open(from, "read")
  try {
    const target = await disk.open(to, "create")
    try {
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, sizeBytes + 1))
      for (let done = 0; ; ) {
        const count = await readFully(source, chunk, done)
        if (count > 0) await target.write(chunk.subarray(0, count))
        done += count
        if (count < chunk.length) break
      }
      await target.sync()
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

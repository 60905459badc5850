import { errnoOf } from "./_store-errors.ts"
import type { Disk } from "./disk.ts"

/** Whether there is a file or a directory of this path. Throws what the disk says of anything but its absence. */
export async function isThere(disk: Disk, path: string): Promise<boolean> {
  try {
    await disk.stat(path)
    return true
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === "ENOENT" || errno === "ENOTDIR") return false
    throw error
  }
}

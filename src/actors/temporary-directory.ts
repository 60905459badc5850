import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A directory that is not there yet, in one that was made for it. */
export async function temporaryDirectory(): Promise<string> {
  return join(await mkdtemp(join(tmpdir(), "millrace-")), "savepoint")
}

/** What `temporaryDirectory` answered, with what it stands in. What cannot be removed is left to the system. */
export async function removeTemporary(directory: string): Promise<void> {
  await rm(join(directory, ".."), { recursive: true, force: true }).catch(() => undefined)
}

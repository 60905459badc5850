import { removeIfThere } from "./_directory-lock.ts"
import type { Disk } from "./disk.ts"

/**
 * The numbers that attempts have had are kept in the name of an empty file: there is nothing in it that a crash could tear,
 * and no number can be taken twice, since the file is made for whoever finds none.
 */
const PREFIX = "attempt."

/** Reads a file name in the job's folder; undefined for every other name. */
export function parseAttemptClaim(name: string): number | undefined {
  const match = /^attempt\.([1-9]\d{0,15})$/.exec(name)
  const attempt = Number(match?.[1])
  return Number.isSafeInteger(attempt) ? attempt : undefined
}

/** Durable when it resolves. A failure leaves the number taken, or free, or free after a crash. Rejects with EEXIST when it is taken. */
export async function claimAttempt(disk: Disk, folder: string, attempt: number): Promise<void> {
  const file = await disk.open(`${folder}/${PREFIX}${attempt}`, "create")
  await file.close()
  await disk.syncDirectory(folder)
}

/** What was claimed before the newest one: says nothing any more. */
export async function removeClaimsBefore(disk: Disk, folder: string, attempt: number): Promise<void> {
  for (const name of await disk.list(folder)) {
    if ((parseAttemptClaim(name) ?? attempt) < attempt) await removeIfThere(disk, `${folder}/${name}`)
  }
}

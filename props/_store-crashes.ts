/** What a crash may leave on a disk, all of it; and what a store must find there. */
import { expect } from "vitest"
import type { EngineError } from "../src/errors/index.ts"
import { openStore, statesOf } from "../src/snapshot/store/_fixtures.ts"
import type { SimDisk } from "../src/snapshot/store/index.ts"

/** What a checkpoint of `writeParts` holds. */
export const statesWritten = (id: number): readonly string[] => [`a${id}`, `b${id}`]

/**
 * A small generator of choices that need not shrink: which unsynced effects a crash keeps, and how much of a
 * torn write.
 */
export function choices(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** All that is on a disk whose effects are all synced. Locks are those of whoever held them. */
export function contentOf(disk: SimDisk): string {
  return disk
    .files()
    .map((file) => {
      const bytes = disk.peek(file)
      return file.includes("/lock.")
        ? `a lock of ${bytes.length} bytes`
        : `${file} ${Buffer.from(bytes).toString("latin1")}`
    })
    .join("\n")
}

/**
 * The different disks that a crash leaves: with every subset of up to `all` unsynced effects, of more with 32 random ones; and with
 * `torn` draws of writes that got to the disk in part. A checkpoint alone has 7 effects at most; those of a start that cleans up add to them.
 */
export function* crashedDisks(disk: SimDisk, { seed = 1, torn = 8, all = 8 } = {}): Generator<SimDisk> {
  const effects = disk.unsynced()
  const random = choices(seed)
  const isAll = effects.length <= all
  const subsets = isAll ? 2 ** effects.length : 32
  const seen = new Set<string>()
  for (let n = 0; n < subsets + (effects.length === 0 ? 0 : torn); n++) {
    const after = disk.clone()
    after.crash(({ kind, bytes }, index) => {
      if (n < subsets) return isAll ? ((n >> index) & 1) === 1 : random() < 0.5
      return kind === "write" ? Math.floor(random() * (bytes + 1)) : random() < 0.5
    })
    const content = contentOf(after)
    if (seen.has(content)) continue
    seen.add(content)
    yield after
  }
}

/**
 * Starts anew on a disk and answers the checkpoint found, after checking that it is whole and that nothing had to be
 * passed over.
 */
export async function restoredId(disk: SimDisk): Promise<number | undefined> {
  const warnings: EngineError[] = []
  const store = await openStore(disk, { onWarning: (warning) => void warnings.push(warning) })
  const { point, passedOver } = await store.newestSound()
  expect(passedOver).toEqual([])
  expect(warnings).toEqual([])
  if (point === undefined) return undefined
  const { checkpointId } = point.manifest
  const written = statesWritten(checkpointId).slice(-point.manifest.subtasks.length)
  expect((await statesOf(disk, point)).map((texts) => texts.at(-1))).toEqual(written)
  return checkpointId
}

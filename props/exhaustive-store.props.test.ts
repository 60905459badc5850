/**
 * The store through every crash: after each call to the disk, with every subset of the effects that were not synced. Of a first
 * checkpoint, and of the start that follows a crash; ./store has the checkpoints that follow others.
 */
import { describe, expect, it } from "vitest"
import type { EngineError } from "../src/errors/index.ts"
import { startStore, takeCheckpoint } from "../src/snapshot/store/_fixtures.ts"
import { type Manifest, SimDisk } from "../src/snapshot/store/index.ts"
import { contentOf, crashedDisks, restoredId } from "./_store-crashes.ts"

/** Does `work` on a copy of the disk of which call k and all later ones fail. */
async function killedAt(
  from: SimDisk,
  k: number,
  work: (disk: SimDisk) => Promise<void>,
): Promise<{ readonly disk: SimDisk; readonly calls: number; readonly done: boolean }> {
  const disk = from.clone()
  const before = disk.calls
  disk.setFault(({ index }) => (index - before >= k ? { code: "EKILLED" } : undefined))
  let done = false
  try {
    await work(disk)
    done = true
  } catch (error) {
    expect((error as EngineError).code).toMatch(/^CHECKPOINT_/)
  }
  disk.setFault(undefined)
  return { disk, calls: disk.calls - before, done }
}

/** The different disks that a crash at any call of `work` may leave. */
async function* disksAfter(
  from: SimDisk,
  work: (disk: SimDisk) => Promise<void>,
  all?: number,
): AsyncGenerator<{ readonly disk: SimDisk; readonly done: boolean }> {
  const seen = new Set<string>()
  const { calls } = await killedAt(from, Number.POSITIVE_INFINITY, work)
  for (let k = 0; k <= calls; k++) {
    const { disk, done } = await killedAt(from, k, work)
    for (const after of crashedDisks(disk, all === undefined ? { torn: 0 } : { torn: 0, all })) {
      const content = `${done} ${contentOf(after)}`
      if (seen.has(content)) continue
      seen.add(content)
      yield { disk: after, done }
    }
  }
}

/** A start as a job makes it: it looks for what to restore, and cleans up. */
async function start(disk: SimDisk): Promise<void> {
  await startStore(disk, { retain: 1 })
}

const KINDS: readonly Manifest["kind"][] = ["checkpoint", "savepoint"]

describe("store, exhaustively", () => {
  it("STO-1 a job's first checkpoint is there or is not, and is there once a sink may have committed", async () => {
    let disks = 0
    const found = new Set<number | undefined>()
    const work = async (disk: SimDisk): Promise<void> => {
      const store = await startStore(disk)
      await takeCheckpoint(disk, store, 1)
      await store.markCommitted(1)
    }
    for await (const { disk, done } of disksAfter(new SimDisk(), work)) {
      disks += 1
      const id = await restoredId(disk)
      found.add(id)
      expect(done ? [1] : [1, undefined]).toContain(id)
      const store = await startStore(disk)
      await takeCheckpoint(disk, store, store.highestId + 1)
      expect(await restoredId(disk)).toBe(store.highestId)
    }
    expect([...found].sort()).toEqual([1, undefined])
    console.log(`a first checkpoint: ${disks} disks`)
  })

  it.each(KINDS)(
    "STO-1 a crash in the start that follows a crash changes nothing of what is restored (%s)",
    async (kind) => {
      const before = new SimDisk()
      const store = await startStore(before, { retain: 1 })
      await takeCheckpoint(before, store, 1, { states: ["b1"] })
      before.crash((_effect) => true)
      const seen = new Set<string>()
      const found = new Set<number | undefined>()
      const work = async (disk: SimDisk): Promise<void> => {
        const next = await startStore(disk, { retain: 1 })
        await takeCheckpoint(disk, next, 2, { kind, states: ["b2"] })
      }
      for await (const { disk } of disksAfter(before, work)) {
        const wanted = await restoredId(disk.clone())
        found.add(wanted)
        for await (const { disk: twice } of disksAfter(disk, start, 3)) {
          const content = `${wanted} ${contentOf(twice)}`
          if (seen.has(content)) continue
          seen.add(content)
          expect(await restoredId(twice)).toBe(wanted)
        }
      }
      expect([...found].sort()).toEqual([1, 2])
      console.log(`a ${kind} and the next start: ${seen.size} disks`)
    },
  )
})

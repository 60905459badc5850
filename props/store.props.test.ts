/**
 * Laws of the checkpoint store: whatever the disk does and whenever the machine stops, a restore finds one whole
 * checkpoint, the right one.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { EngineError } from "../src/errors/index.ts"
import {
  codeOf,
  FOLDER,
  JOB,
  openStore,
  owner,
  startStore,
  statesOf,
  type Take,
  takeCheckpoint,
  writeParts,
} from "../src/snapshot/store/_fixtures.ts"
import { crc32 } from "../src/snapshot/store/crc32.ts"
import {
  type CheckpointStore,
  type Manifest,
  type PartHandle,
  PartReader,
  SimDisk,
} from "../src/snapshot/store/index.ts"
import { choices, crashedDisks, restoredId, statesWritten } from "./_store-crashes.ts"

/** Every file in the job's folder is named by a manifest, or is a manifest, the marker, or the lock. */
async function expectNoLeftovers(disk: SimDisk, manifests: readonly Manifest[]): Promise<void> {
  const named = new Set<string>()
  for (const manifest of manifests) {
    const isSavepoint = manifest.kind === "savepoint"
    const name = `${manifest.checkpointId}-${manifest.attempt}`
    const home = isSavepoint ? `${FOLDER}/savepoints/${name}` : FOLDER
    named.add(isSavepoint ? `${home}/manifest.json` : `${FOLDER}/checkpoints/${name}.json`)
    for (const { parts } of manifest.subtasks) for (const { file } of parts) named.add(`${home}/${file}`)
  }
  const others = disk.files().filter((file) => !named.has(file) && !/\/(lock\.[^/]*|marker\.json)$/.test(file))
  expect(others).toEqual([])
  for (const file of named) expect(disk.files()).toContain(file)
}

/** Which checkpoint the publish under test is, and what stands on the disk before it. */
interface Scenario {
  readonly retain: number
  readonly kind: Manifest["kind"]
  readonly incremental: boolean
}
const scenarios: readonly Scenario[] = [
  { retain: 1, kind: "checkpoint", incremental: false },
  { retain: 2, kind: "checkpoint", incremental: true },
  { retain: 1, kind: "savepoint", incremental: true },
]

/** A disk with checkpoint 1 and 2 durable, all else synced, and what is needed for the third. */
async function prepared({ retain, kind, incremental }: Scenario): Promise<{
  disk: SimDisk
  store: CheckpointStore
  second: Manifest
  take: Take
}> {
  const disk = new SimDisk({ shortRead: (wanted) => (wanted > 8 ? wanted - 8 : wanted) })
  const store = await startStore(disk, { retain })
  await takeCheckpoint(disk, store, 1)
  const second = await takeCheckpoint(disk, store, 2)
  const bases = new Map<number, readonly PartHandle[]>(
    incremental ? second.subtasks.map(({ subtask, parts }) => [subtask, parts]) : [],
  )
  return { disk, store, second, take: { kind, bases } }
}

/** Runs the third checkpoint on a disk of which call k and all later ones fail, as if the process were killed there. */
async function killedAt(scenario: Scenario, k: number): Promise<{ disk: SimDisk; published: boolean; calls: number }> {
  const { disk, store, take } = await prepared(scenario)
  const before = disk.calls
  disk.setFault(({ index }) => (index - before >= k ? { code: "EKILLED" } : undefined))
  let published = false
  try {
    await takeCheckpoint(disk, store, 3, take)
    published = true
  } catch (error) {
    expect((error as EngineError).code).toMatch(/^CHECKPOINT_(WRITE_FAILED|OUTCOME_UNKNOWN)$/)
  }
  const calls = disk.calls - before
  disk.setFault(undefined)
  return { disk, published, calls }
}

describe("store", () => {
  it.each(scenarios)(
    "STO-1 all or nothing: after a crash at any disk call a restore finds checkpoint n whole or n-1 whole, and goes on from there ($kind, retain $retain, incremental $incremental)",
    async (scenario) => {
      const seen = new Set<number | undefined>()
      let cases = 0
      const { calls } = await killedAt(scenario, Number.POSITIVE_INFINITY)
      for (let k = 0; k <= calls; k++) {
        const { disk, published } = await killedAt(scenario, k)
        for (const after of crashedDisks(disk, { seed: k })) {
          cases += 1
          const id = await restoredId(after)
          seen.add(id)
          expect(published ? [3] : [2, 3]).toContain(id)
          // A second crash, with nothing kept, changes nothing: what was restored from is durable.
          after.crash()
          expect(await restoredId(after)).toBe(id)
          if (cases % 7 === 0) {
            const store = await startStore(after, { retain: 1 })
            const next = await takeCheckpoint(after, store, store.highestId + 1)
            const kept = scenario.kind === "savepoint" && id === 3 ? (await store.newestSound()).point : undefined
            expect(kept?.manifest.checkpointId ?? next.checkpointId).toBe(next.checkpointId)
            expect(await restoredId(after)).toBe(next.checkpointId)
            if (id !== 3 || scenario.kind === "checkpoint") await expectNoLeftovers(after, [next])
          }
        }
        // A killed process without a crash of the machine: the next process reads what only the cache knows, and then
        // the power fails.
        const id = await restoredId(disk)
        for (const after of crashedDisks(disk, { seed: k })) {
          expect(await restoredId(after)).toBe(id)
        }
      }
      // The checker has seen both outcomes.
      expect([...seen].sort()).toEqual([2, 3])
      expect(cases).toBeGreaterThan(calls)
      console.log(`${scenario.kind}, retain ${scenario.retain}: a crash at each of ${calls} calls, ${cases} disks`)
    },
  )

  it("STO-1 the first checkpoint of a job is there or is not, and the marker never runs ahead of it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 60 }), fc.integer(), fc.nat({ max: 40 }), async (k, seed, pick) => {
        const disk = new SimDisk()
        disk.setFault(({ index }) => (index >= k ? { code: "EKILLED" } : undefined))
        let committed = false
        try {
          const store = await startStore(disk)
          await takeCheckpoint(disk, store, 1)
          await store.markCommitted(1)
          committed = true
        } catch (error) {
          expect((error as EngineError).code).toMatch(/^CHECKPOINT_/)
        }
        disk.setFault(undefined)
        const left = [...crashedDisks(disk, { seed })]
        const id = await restoredId(left[pick % left.length]!)
        expect([1, undefined]).toContain(id)
        if (committed) expect(id).toBe(1)
      }),
    )
  })

  /**
   * Damages one file of checkpoint 2 and answers what the store makes of it: 2 unharmed, 1 with a word about the file,
   * or a refusal.
   */
  async function afterDamage(
    disk: SimDisk,
    file: string,
    damage: (bytes: Uint8Array) => Uint8Array | undefined,
  ): Promise<void> {
    const sound = disk.peek(file)
    const bytes = damage(sound.slice())
    const unharmed = bytes !== undefined && bytes.length === sound.length && bytes.every((byte, i) => byte === sound[i])
    if (bytes === undefined) disk.lose(file)
    else disk.poke(file, bytes)
    const guarded = new Proxy(disk, {
      get(target, name) {
        if (name !== "open") return (Reflect.get(target, name) as (...args: unknown[]) => unknown).bind(target)
        return async (path: string, mode: "read" | "create") => {
          const handle = await target.open(path, mode)
          const { read } = handle
          // No length in a file makes the reader ask for more than there is, but for the one buffer of a known size.
          handle.read = (into, at) => {
            expect(into.length).toBeLessThanOrEqual(1 << 20)
            return read(into, at)
          }
          return handle
        }
      },
    })
    const { point, passedOver } = await (await openStore(guarded)).newestSound()
    expect(point).toBeDefined()
    const id = point!.manifest.checkpointId
    expect(await statesOf(disk, point!)).toEqual(statesWritten(id).map((text) => [text]))
    if (unharmed) {
      expect(id).toBe(2)
      return
    }
    expect(id).toBe(1)
    // A manifest that is gone is one that never was; everything else is reported, by its name.
    if (bytes === undefined && file.endsWith(".json")) expect(passedOver).toEqual([])
    else {
      expect(passedOver).toHaveLength(1)
      expect(passedOver[0]!.reason).toContain(file)
    }
  }

  async function twoCheckpoints(): Promise<{ disk: SimDisk; files: readonly string[]; store: CheckpointStore }> {
    const disk = new SimDisk()
    const store = await startStore(disk)
    for (const id of [1, 2]) await takeCheckpoint(disk, store, id)
    return { disk, store, files: disk.files().filter((file) => /\/2-1[-.]/.test(file)) }
  }

  it("STO-2 corrupt input: cut anywhere, or with a bit flipped in any byte, a checkpoint is passed over by name and the one before it used", async () => {
    const { disk, files } = await twoCheckpoints()
    expect(files).toHaveLength(3)
    for (const file of files) {
      const length = disk.peek(file).length
      for (let at = 0; at < length; at++) {
        await afterDamage(disk.clone(), file, (bytes) => bytes.subarray(0, at))
        await afterDamage(disk.clone(), file, (bytes) => {
          bytes[at] = bytes[at]! ^ (1 << (at % 8))
          return bytes
        })
      }
    }
  })

  it("STO-2 corrupt input: missing, random, with garbage behind, that of n-1, ranges swapped or zeroed", async () => {
    const { disk, files } = await twoCheckpoints()
    const range = fc.record({
      at: fc.nat({ max: 1500 }),
      length: fc.integer({ min: 1, max: 200 }),
      to: fc.nat({ max: 1500 }),
    })
    const damage = fc.oneof(
      fc.constant({ kind: "missing" as const }),
      fc.constant({ kind: "older" as const }),
      fc.record({ kind: fc.constant("replaced" as const), bytes: fc.uint8Array({ maxLength: 600 }) }),
      fc.record({ kind: fc.constant("longer" as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 100 }) }),
      fc.record({ kind: fc.constant("swapped" as const), range }),
      fc.record({ kind: fc.constant("zeroed" as const), range }),
    )
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), damage, async (file, what) => {
        const copy = disk.clone()
        await afterDamage(copy, file, (bytes) => {
          if (what.kind === "missing") return undefined
          if (what.kind === "older") return copy.peek(file.replace("/2-1", "/1-1"))
          if (what.kind === "replaced") return what.bytes
          if (what.kind === "longer") return Uint8Array.from([...bytes, ...what.bytes])
          const at = what.range.at % bytes.length
          const piece = bytes.slice(at, at + what.range.length)
          if (what.kind === "zeroed") return bytes.fill(0, at, at + piece.length)
          const to = what.range.to % Math.max(1, bytes.length - piece.length)
          const other = bytes.slice(to, to + piece.length)
          bytes.set(other, at)
          bytes.set(piece.subarray(0, Math.min(piece.length, bytes.length - to)), to)
          return bytes
        })
      }),
      { numRuns: 600 },
    )
  })

  it("STO-2 no length is trusted: a part with any lengths and right checksums is refused, without reading or allocating beyond the file", async () => {
    const { disk, files, store } = await twoCheckpoints()
    const file = files.find((name) => name.endsWith("-0.part"))!
    const { point } = await store.newestSound()
    const handle = point!.manifest.subtasks[0]!.parts[0]!
    const sound = disk.peek(file)
    const indexOffset = Number(new DataView(sound.buffer).getBigUint64(sound.length - 48, true))
    const lengthField = fc.constantFrom(
      { at: 10, size: 2, sums: "header" },
      { at: 36, size: 4, sums: "header" },
      { at: indexOffset + 10, size: 2, sums: "index" },
      { at: indexOffset + 12, size: 2, sums: "index" },
      { at: indexOffset + 24, size: 4, sums: "index" },
      { at: indexOffset, size: 4, sums: "index" },
      { at: sound.length - 48, size: 4, sums: "trailer" },
      { at: sound.length - 40, size: 4, sums: "trailer" },
      { at: sound.length - 36, size: 4, sums: "trailer" },
    )
    const value = fc.oneof(fc.nat({ max: 400 }), fc.constantFrom(0, 0xffff, 0x7fff_ffff, 0xffff_ffff), fc.nat())
    await fc.assert(
      fc.asyncProperty(lengthField, value, async (field, number) => {
        const bytes = sound.slice()
        const view = new DataView(bytes.buffer)
        const before = field.size === 2 ? view.getUint16(field.at, true) : view.getUint32(field.at, true)
        const next = field.size === 2 ? number & 0xffff : number >>> 0
        fc.pre(next !== before)
        if (field.size === 2) view.setUint16(field.at, next, true)
        else view.setUint32(field.at, next, true)
        const trailer = bytes.length - 48
        if (field.sums === "header") view.setUint32(45, crc32(bytes.subarray(0, 45)), true)
        if (field.sums === "index") view.setUint32(trailer + 32, crc32(bytes.subarray(indexOffset, trailer)), true)
        view.setUint32(trailer + 40, crc32(bytes.subarray(trailer, trailer + 40)), true)
        const copy = disk.clone()
        copy.poke(file, bytes)
        const open = copy.open.bind(copy)
        copy.open = async (path, mode) => {
          const opened = await open(path, mode)
          const { read } = opened
          opened.read = (into, at) => {
            expect(into.length).toBeLessThanOrEqual(bytes.length)
            return read(into, at)
          }
          return opened
        }
        const opening = PartReader.open({ disk: copy, directory: FOLDER, handle, jobName: JOB })
        expect(await codeOf(opening)).toMatch(/^CHECKPOINT_PART_(DAMAGED|CUT)$/)
        expect(copy.openFiles).toBe(0)
      }),
      { numRuns: 500 },
    )
  })

  it.each(scenarios)(
    "STO-3 disk full or EIO at any call: the checkpoint fails or is whole, the one before it stays, nothing is left behind, the next succeeds ($kind, retain $retain)",
    async (scenario) => {
      const { calls } = await killedAt(scenario, Number.POSITIVE_INFINITY)
      const faults = [
        { code: "ENOSPC", done: undefined, lasting: false },
        { code: "ENOSPC", done: 5, lasting: true },
        { code: "EIO", done: undefined, lasting: true },
        { code: "EIO", done: "all" as const, lasting: false },
      ]
      let failures = 0
      for (const { code, done, lasting } of faults) {
        for (let k = 0; k < calls; k++) {
          const { disk, store, second, take } = await prepared(scenario)
          const before = disk.calls
          disk.setFault(({ index, operation }) => {
            const call = index - before
            if (call < k || (call > k && !lasting)) return undefined
            return { code, ...(done === undefined || (done === 5 && operation !== "write") ? {} : { done }) }
          })
          let possible = [3]
          try {
            await takeCheckpoint(disk, store, 3, take)
          } catch (error) {
            failures += 1
            const { code } = error as EngineError
            expect(code).toMatch(/^CHECKPOINT_(WRITE_FAILED|OUTCOME_UNKNOWN)$/)
            // What has failed for certain never comes back.
            possible = code === "CHECKPOINT_WRITE_FAILED" ? [2] : [2, 3]
          }
          const published = possible[0] === 3
          disk.setFault(undefined)
          for (const after of crashedDisks(disk, { seed: k })) {
            expect(possible).toContain(await restoredId(after))
          }
          // The same process goes on once the disk is well again.
          const third = published && scenario.kind === "savepoint" ? [3] : []
          const fourth = await takeCheckpoint(disk, store, 4)
          const fifth = await takeCheckpoint(disk, store, 5)
          disk.crash()
          expect(await restoredId(disk)).toBe(5)
          const kept = [second, fourth, fifth].slice(-scenario.retain)
          if (third.length === 0) await expectNoLeftovers(disk, kept)
        }
      }
      expect(failures).toBeGreaterThan(calls)
    },
  )

  it("STO-4 deletion: through checkpoints, deltas, savepoints, failures, crashes and restarts no retained manifest loses a part, and everything else goes", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant("full" as const) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("delta" as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("savepoint" as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("unpublished" as const), discard: fc.boolean() }) },
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant("failing" as const), k: fc.nat({ max: 40 }), lasting: fc.boolean() }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("crash" as const), seed: fc.integer() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("finished" as const) }) },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(step, { minLength: 1, maxLength: 14 }),
        async (retain, steps) => {
          const disk = new SimDisk()
          let store = await startStore(disk, { retain })
          let attempt = await store.beginAttempt()
          let last: Manifest | undefined
          const chain = (): Map<number, readonly PartHandle[]> =>
            new Map(last?.kind === "checkpoint" ? last.subtasks.map(({ subtask, parts }) => [subtask, parts]) : [])
          const restart = async (): Promise<void> => {
            store = await startStore(disk, { retain })
            attempt = await store.beginAttempt()
            last = (await store.newestSound()).point?.manifest
          }
          for (const action of steps) {
            const id = store.highestId + 1
            switch (action.do) {
              case "full":
                last = await takeCheckpoint(disk, store, id, { attempt })
                break
              case "delta":
                last = await takeCheckpoint(disk, store, id, { attempt, bases: chain() })
                break
              case "savepoint":
                await takeCheckpoint(disk, store, id, { attempt, kind: "savepoint", bases: chain() })
                break
              case "unpublished":
                await writeParts(disk, store, id, { attempt })
                if (action.discard) await store.discard({ checkpointId: id, attempt })
                break
              case "failing": {
                const before = disk.calls
                disk.setFault(({ index }) =>
                  index - before === action.k || (action.lasting && index - before > action.k)
                    ? { code: "EIO" }
                    : undefined,
                )
                const [result] = await Promise.allSettled([
                  takeCheckpoint(disk, store, id, { attempt, bases: chain() }),
                ])
                disk.setFault(undefined)
                if (result?.status === "fulfilled") last = result.value
                break
              }
              case "crash": {
                const random = choices(action.seed)
                disk.crash(({ kind, bytes }) =>
                  kind === "write" ? Math.floor(random() * (bytes + 1)) : random() < 0.5,
                )
                await restart()
                break
              }
              case "finished":
                await store.markFinished()
                last = undefined
                break
            }
            // Whatever a crash would leave now, every manifest that is there is whole: not only the newest.
            for (const keep of [() => false, () => true]) {
              const after = disk.clone()
              after.crash(keep)
              await expectAllSound(after)
            }
          }
          await restart()
          const newest = await takeCheckpoint(disk, store, store.highestId + 1, { attempt })
          for (let i = 1; i < retain; i++) await takeCheckpoint(disk, store, store.highestId + 1, { attempt })
          const parts = disk.files().filter((file) => file.startsWith(`${FOLDER}/parts/`))
          expect(parts).toHaveLength(2 * retain)
          for (const file of parts)
            expect(Number(/parts\/(\d+)-/.exec(file)![1])).toBeGreaterThanOrEqual(newest.checkpointId)
          expect(disk.files().filter((file) => /\.tmp|\.incomplete/.test(file))).toEqual([])
        },
      ),
      // A job that ends while it is not known whether its last checkpoint is published.
      { examples: [[1, [{ do: "failing", k: 18, lasting: true }, { do: "finished" }]]] },
    )
  })

  /** Reads every manifest that is on the disk, and every byte of its parts. */
  async function expectAllSound(disk: SimDisk): Promise<void> {
    const { decodeManifest } = await import("../src/snapshot/store/manifest.ts")
    for (const file of disk.files()) {
      const savepoint = /^(.*\/savepoints\/\d+-\d+)\/manifest\.json$/.exec(file)
      if (savepoint === null && !/\/checkpoints\/\d+-\d+\.json$/.test(file)) continue
      const manifest = decodeManifest(disk.peek(file), file)
      const states = await statesOf(disk, { manifest, directory: savepoint?.[1] ?? FOLDER })
      expect(states.map((texts) => texts.at(-1))).toEqual(statesWritten(manifest.checkpointId))
    }
  }

  it("STO-5 two processes on one folder: in whatever order their calls are done, never do both have it, and one that is alone gets it", async () => {
    let both = 0
    let one = 0
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.uniqueArray(fc.constantFrom(11, 12, 13), { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        async (scheduler, pids, stale) => {
          const disk = new SimDisk()
          if (stale) await openStore(disk, { owner: owner(10) })
          const alive = new Set(pids)
          const opened = pids.map(async (pid) => {
            const scheduled = new Proxy(disk, {
              get(target, name) {
                const method = Reflect.get(target, name) as (...args: unknown[]) => unknown
                return async (...args: unknown[]) => {
                  await scheduler.schedule(Promise.resolve(), `${pid} ${String(name)}`)
                  return method.apply(target, args)
                }
              },
            })
            return openStore(scheduled, { owner: owner(pid, alive) })
          })
          const settling = Promise.allSettled(opened)
          await scheduler.waitFor(settling)
          const results = await settling
          const winners = results.filter(({ status }) => status === "fulfilled")
          expect(winners.length).toBeLessThanOrEqual(1)
          for (const result of results) {
            if (result.status === "rejected") expect((result.reason as EngineError).code).toBe("CHECKPOINT_DIR_LOCKED")
          }
          if (pids.length === 1) expect(winners).toHaveLength(1)
          else if (winners.length === 1) one += 1
          else both += 1
          expect(disk.files().filter((file) => file.includes("/lock."))).toHaveLength(
            winners.length + (winners.length === 0 && stale ? 1 : 0),
          )
        },
      ),
    )
    // That all withdraw is allowed and rare.
    expect(one).toBeGreaterThan(both)
  })
})

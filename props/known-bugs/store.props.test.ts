/** Bugs of other engines' checkpoint files, by their names there. ../store and ../exhaustive-store try all crashes. */
import { describe, expect, it } from "vitest"
import {
  codeOf,
  FOLDER,
  JOB,
  openStore,
  startStore,
  statesOf,
  takeCheckpoint,
  writeParts,
} from "../../src/snapshot/store/_fixtures.ts"
import { type BlockInput, type Manifest, PartReader, PartWriter, SimDisk } from "../../src/snapshot/store/index.ts"
import { decodeManifest, encodeManifest } from "../../src/snapshot/store/manifest.ts"

async function newest(disk: SimDisk) {
  const { point, passedOver } = await (await openStore(disk)).newestSound()
  return { id: point?.manifest.checkpointId, states: point && (await statesOf(disk, point)), passedOver }
}

const basesOf = ({ subtasks }: Manifest) => new Map(subtasks.map(({ subtask, parts }) => [subtask, parts]))

async function writePart(disk: SimDisk, vertexId: string, blocks: readonly BlockInput[]) {
  await disk.mkdir("d/parts")
  const identity = { directory: "d", jobName: JOB, checkpointId: 1, attempt: 1, vertexId, subtask: 0 }
  const writer = await PartWriter.create({ disk, ...identity })
  for (const block of blocks) await writer.append(block)
  return writer.finish()
}

const block = (table: string, keyGroup: number, bytes: Uint8Array): BlockInput => ({
  operatorId: "count",
  table,
  keyGroup,
  entries: 1,
  bytes,
})

describe("store", () => {
  it("FLINK-19300: a disk that answers one byte for each read loses nothing of a checkpoint", async () => {
    const disk = new SimDisk({ shortRead: () => 1 })
    await takeCheckpoint(disk, await startStore(disk), 1)
    expect(await newest(disk)).toMatchObject({ id: 1, states: [["a1"], ["b1"]], passedOver: [] })
  })

  it("FLINK-36421, FLINK-35217, FLINK-25406: what was published survives a crash right behind it that keeps nothing unsynced", async () => {
    const disk = new SimDisk()
    await takeCheckpoint(disk, await startStore(disk), 1)
    disk.crash()
    expect(await newest(disk)).toMatchObject({ id: 1, states: [["a1"], ["b1"]], passedOver: [] })
  })

  it("FLINK-12296: two operators of one job have files of their own, and neither's go with the other's", async () => {
    const disk = new SimDisk()
    const handles = [await writePart(disk, "a", [block("s", 0, new Uint8Array([1]))]), await writePart(disk, "a-0", [])]
    expect(new Set(handles.map(({ file }) => file)).size).toBe(2)
    await disk.remove(`d/${handles[1]!.file}`)
    const reader = await PartReader.open({ disk, directory: "d", handle: handles[0]!, jobName: JOB })
    await reader.verify()
    await reader.close()
  })

  it("FLINK-7268, FLINK-21351, FLINK-26985, FLINK-35803, FLINK-36125: over restart, savepoint and restore no part goes that a retained checkpoint names", async () => {
    const disk = new SimDisk()
    let store = await startStore(disk, { retain: 1 })
    const first = await takeCheckpoint(disk, store, 1)
    const second = await takeCheckpoint(disk, store, 2, { bases: basesOf(first) })
    await takeCheckpoint(disk, store, 3, { kind: "savepoint" })
    store = await startStore(disk, { retain: 1 })
    await writeParts(disk, store, 4, { attempt: 2, bases: basesOf(second) })
    await store.discard({ checkpointId: 4, attempt: 2 })
    const fifth = await takeCheckpoint(disk, store, 5, { attempt: 2, bases: basesOf(second) })
    expect(await newest(disk)).toMatchObject({
      id: 5,
      states: [
        ["a1", "a2", "a5"],
        ["b1", "b2", "b5"],
      ],
      passedOver: [],
    })
    expect(fifth.subtasks[0]!.parts).toHaveLength(3)
    store = await startStore(disk, { retain: 1 })
    await takeCheckpoint(disk, store, 6, { attempt: 3 })
    expect(disk.files().filter((file) => file.startsWith(`${FOLDER}/parts/`))).toHaveLength(2)
  })

  it("FLINK-20441: a newer savepoint is preferred to an older checkpoint", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    await takeCheckpoint(disk, store, 1)
    await takeCheckpoint(disk, store, 2, { kind: "savepoint" })
    expect(await newest(disk)).toMatchObject({ id: 2, states: [["a2"], ["b2"]] })
  })

  it("risingwave #10907: of many checkpoints the one with the highest number is restored, not the last by name", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk, { retain: 20 })
    for (let id = 1; id <= 11; id++) await takeCheckpoint(disk, store, id)
    expect(await newest(disk)).toMatchObject({ id: 11, states: [["a11"], ["b11"]] })
  })

  it("FLINK-3651: cleaning up after checkpoint 1 leaves 11, and attempt 11, alone", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    for (const id of [1, 11]) await writeParts(disk, store, id)
    disk.poke(`${FOLDER}/parts/1-11-count-0.part`, new Uint8Array(3))
    await store.discard({ checkpointId: 1, attempt: 1 })
    const left = disk.files().filter((file) => file.startsWith(`${FOLDER}/parts/`))
    expect(left.map((file) => file.slice(`${FOLDER}/parts/`.length))).toEqual([
      "1-11-count-0.part",
      "11-1-count-0.part",
      "11-1-count-1.part",
    ])
  })

  it("FLINK-33863, hazelcast-jet #1771: blocks of any size are read at their places, each by itself too", async () => {
    const disk = new SimDisk()
    const sizes = [0, 1, 65_535, 65_536, 300_001, 0, 7]
    const handle = await writePart(
      disk,
      "count",
      sizes.map((size, group) => block("sums", group, new Uint8Array(size).fill(group))),
    )
    const reader = await PartReader.open({ disk, directory: "d", handle, jobName: JOB })
    const found: (readonly [number, number, boolean])[] = []
    for (const [group] of sizes.entries()) {
      for await (const { block: info, bytes } of reader.select({ keyGroups: { first: group, last: group } })) {
        found.push([info.keyGroup!, bytes.length, bytes.every((byte) => byte === group)])
      }
    }
    await reader.close()
    expect(found).toEqual(sizes.map((size, group) => [group, size, true]))
  })

  it("KAFKA-10391, KAFKA-10664, KAFKA-13249: a damaged manifest is passed over by its name, and the one before it is used", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    for (const id of [1, 2]) await takeCheckpoint(disk, store, id)
    const file = disk.files().find((name) => name.endsWith("/2-1.json"))!
    const text = Buffer.from(disk.peek(file)).toString()
    // A position of a source: still JSON, still what a manifest looks like.
    expect(text).toContain('"position":20')
    disk.poke(file, Buffer.from(text.replace('"position":20', '"position":21')))
    const found = await newest(disk)
    expect(found).toMatchObject({ id: 1, states: [["a1"], ["b1"]] })
    expect(found.passedOver[0]!.reason).toContain(file)
  })

  it("SPARK-43404, SPARK-45419, SPARK-46796, SPARK-47036, SPARK-49770, SPARK-51717, SPARK-52637: another file of the same name and length is not taken for the one that was written", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    for (const id of [1, 2]) await takeCheckpoint(disk, store, id)
    const file = disk.files().find((name) => name.endsWith("/2-1-count-0.part"))!
    const other = new SimDisk()
    await takeCheckpoint(other, await startStore(other), 2, { states: ["z2", "b2"] })
    expect(other.peek(file)).toHaveLength(disk.peek(file).length)
    disk.poke(file, other.peek(file))
    expect(await newest(disk)).toMatchObject({ id: 1, states: [["a1"], ["b1"]] })
  })

  it("risingwave #25547: watermarks are restored by their value, whatever their sign", async () => {
    const times = [Number.NEGATIVE_INFINITY, -10, -9, 0, 9, 10, 1e15, Number.POSITIVE_INFINITY]
    const disk = new SimDisk()
    const manifest = {
      ...(await writeParts(disk, await startStore(disk), 1)),
      watermarks: times.map((watermarkMs, n) => ({ operatorId: `op-${n}`, watermarkMs })),
    }
    const restored = decodeManifest(encodeManifest(manifest), "1-1.json")
    expect(restored.watermarks.map(({ watermarkMs }) => watermarkMs)).toEqual(times)
  })

  it("laminardb/laminardb #446: once sinks have committed with a checkpoint, an older one is not gone back to", async () => {
    const disk = new SimDisk()
    const store = await startStore(disk)
    for (const id of [1, 2]) await takeCheckpoint(disk, store, id)
    await store.markCommitted(2)
    disk.poke(disk.files().find((name) => name.endsWith("/2-1-count-0.part"))!, new Uint8Array(3))
    expect(await codeOf(startStore(disk))).toMatch(/^CHECKPOINT_/)
  })
})

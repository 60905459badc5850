import { beforeEach, describe, expect, test } from "vitest"
import { codeOf, JOB } from "./_fixtures.ts"
import { decodeUtf8, encodeUtf8 } from "./_utf8.ts"
import { crc32 } from "./crc32.ts"
import { type PartHandle, TRAILER_BYTES } from "./part-file.ts"
import { PartReader } from "./part-reader.ts"
import { type BlockInput, PartWriter } from "./part-writer.ts"
import { SimDisk } from "./sim-disk.ts"

const identity = { directory: "d", jobName: JOB, checkpointId: 7, attempt: 2, vertexId: "count", subtask: 1 }
const blocks: readonly BlockInput[] = [
  { operatorId: "count", table: "sums", keyGroup: 0, entries: 2, bytes: encodeUtf8("zero") },
  { operatorId: "count", table: "sums", keyGroup: 5, entries: 1, bytes: encodeUtf8("five"), kind: "delta" },
  { operatorId: "count", table: "timers", keyGroup: 5, entries: 0, bytes: new Uint8Array() },
  { operatorId: "süd ☃", table: "", keyGroup: undefined, entries: 3, bytes: new Uint8Array(1_500_000).fill(9) },
]

let disk: SimDisk
beforeEach(async () => {
  disk = new SimDisk()
  await disk.mkdir("d/parts")
})

async function write(inputs: readonly BlockInput[] = blocks, over: Partial<typeof identity> = {}): Promise<PartHandle> {
  const writer = await PartWriter.create({ disk, ...identity, ...over })
  for (const input of inputs) await writer.append(input)
  return writer.finish()
}

async function readAll(handle: PartHandle, jobName = JOB): Promise<readonly BlockInput[]> {
  const reader = await PartReader.open({ disk, directory: "d", handle, jobName })
  try {
    await reader.verify()
    const found: BlockInput[] = []
    for await (const { block, bytes } of reader.select()) {
      expect(bytes).toHaveLength(block.bytes)
      found.push({ ...block, bytes })
    }
    return found
  } finally {
    await reader.close()
  }
}

describe("PartReader", () => {
  test("reads every block as it was written, with its kind, names, key group and count", async () => {
    const handle = await write()
    expect(handle).toMatchObject({
      file: "parts/7-2-count-1.part",
      blocks: 4,
      bytes: disk.peek("d/parts/7-2-count-1.part").length,
    })
    // As text: comparing large arrays item by item takes seconds.
    const comparable = (block: BlockInput) => ({ kind: "full", ...block, bytes: decodeUtf8(block.bytes) })
    expect((await readAll(handle)).map(comparable)).toEqual(blocks.map(comparable))
    expect(disk.openFiles).toBe(0)
  })

  test("reads a part without blocks", async () => {
    expect(await readAll(await write([]))).toEqual([])
  })

  test("reads only the blocks of the wanted operator, table and key groups", async () => {
    const handle = await write()
    const reader = await PartReader.open({ disk, directory: "d", handle, jobName: JOB })
    const wanted = async (selection: Parameters<PartReader["select"]>[0]) => {
      const found: string[] = []
      for await (const { block } of reader.select(selection)) found.push(`${block.table}/${block.keyGroup}`)
      return found
    }
    expect(await wanted({ keyGroups: { first: 1, last: 9 } })).toEqual(["sums/5", "timers/5"])
    expect(await wanted({ keyGroups: { first: 0, last: 0 } })).toEqual(["sums/0"])
    expect(await wanted({ table: "sums", operatorId: "count" })).toEqual(["sums/0", "sums/5"])
    expect(await wanted({ operatorId: "süd ☃" })).toEqual(["/undefined"])
    await reader.close()
  })

  test("names the file and the byte of what it refuses", async () => {
    const handle = await write()
    const path = `d/${handle.file}`
    const bytes = disk.peek(path)
    const at = bytes.length - TRAILER_BYTES
    bytes[at] = bytes[at]! ^ 1
    disk.poke(path, bytes)
    await expect(readAll(handle)).rejects.toMatchObject({
      code: "CHECKPOINT_PART_DAMAGED",
      message: `Cannot read ${path}: at byte ${at} the trailer has a wrong checksum; restore the file from a copy, or start from another checkpoint or savepoint`,
      details: { file: path, byte: at },
    })
    expect(disk.openFiles).toBe(0)
  })

  test("tells missing, cut, longer, foreign and newer parts apart", async () => {
    const handle = await write(blocks.slice(0, 3))
    const path = `d/${handle.file}`
    const sound = disk.peek(path)
    expect(await codeOf(readAll({ ...handle, file: "parts/7-2-count-3.part" }))).toBe("CHECKPOINT_PART_MISSING")
    disk.poke(path, sound.subarray(0, sound.length - 1))
    expect(await codeOf(readAll(handle))).toBe("CHECKPOINT_PART_CUT")
    disk.poke(path, Uint8Array.from([...sound, 0]))
    expect(await codeOf(readAll(handle))).toBe("CHECKPOINT_PART_DAMAGED")
    disk.poke(path, sound)
    expect(await codeOf(readAll(handle, "another job"))).toBe("CHECKPOINT_PART_FOREIGN")
    const older = await write(blocks.slice(0, 3), { checkpointId: 6 })
    disk.poke(path, disk.peek(`d/${older.file}`))
    expect(await codeOf(readAll({ ...older, file: handle.file }))).toBe("CHECKPOINT_PART_FOREIGN")
    const newer = sound.slice()
    newer[8] = 2
    new DataView(newer.buffer).setUint32(45, crc32(newer.subarray(0, 45)), true)
    disk.poke(path, newer)
    expect(await codeOf(readAll(handle))).toBe("CHECKPOINT_PART_VERSION")
    newer[45] = newer[45]! ^ 1
    disk.poke(path, newer)
    expect(await codeOf(readAll(handle))).toBe("CHECKPOINT_PART_DAMAGED")
    disk.lose(path)
    await disk.mkdir(path)
    expect(await codeOf(readAll({ ...handle, bytes: 0 }))).toBe("CHECKPOINT_PART_DAMAGED")
  })

  test("refuses another part of the same name, length and shape by its checksum", async () => {
    const handle = await write([{ ...blocks[0]!, bytes: encodeUtf8("aaaa") }])
    const path = `d/${handle.file}`
    disk.lose(path)
    const other = await write([{ ...blocks[0]!, bytes: encodeUtf8("bbbb") }])
    expect(other.bytes).toBe(handle.bytes)
    expect(other.checksum).not.toBe(handle.checksum)
    expect(await codeOf(readAll(handle))).toBe("CHECKPOINT_PART_DAMAGED")
  })

  test("takes no permission and no free handles for trouble of the machine, not of the file", async () => {
    const handle = await write()
    for (const code of ["EACCES", "EMFILE"]) {
      disk.setFault(({ operation }) => (operation === "open" ? { code } : undefined))
      await expect(readAll(handle)).rejects.toMatchObject({ code: "CHECKPOINT_READ_FAILED", retriable: true })
    }
    disk.setFault(({ operation }) => (operation === "read" ? { code: "EIO" } : undefined))
    expect(await codeOf(readAll(handle))).toBe("CHECKPOINT_PART_DAMAGED")
  })

  test("is not misled by short reads", async () => {
    disk = new SimDisk({ shortRead: (wanted) => Math.min(wanted, 13) })
    await disk.mkdir("d/parts")
    const handle = await write(blocks.slice(0, 3))
    expect((await readAll(handle)).map(({ bytes }) => decodeUtf8(bytes))).toEqual(["zero", "five", ""])
  })
})

describe("PartWriter", () => {
  test("removes its file when a call fails, and is refused from then on", async () => {
    for (const operation of ["write", "sync", "close"] as const) {
      disk.setFault((call) => (call.operation === operation ? { code: "ENOSPC", done: 1 } : undefined))
      const writer = await PartWriter.create({ disk, ...identity })
      await writer.append(blocks[0]!)
      await expect(writer.finish()).rejects.toMatchObject({
        code: "CHECKPOINT_WRITE_FAILED",
        retriable: true,
        details: { errno: "ENOSPC", path: "d/parts/7-2-count-1.part" },
      })
      expect(disk.files()).toEqual([])
      expect(await codeOf(writer.finish())).toBe("INVARIANT_BROKEN")
    }
  })

  test("never writes over a part that is there", async () => {
    await write()
    expect(await codeOf(write())).toBe("CHECKPOINT_WRITE_FAILED")
  })

  test("abort() removes the file, before and after finish", async () => {
    const open = await PartWriter.create({ disk, ...identity })
    await open.append(blocks[0]!)
    await open.abort()
    expect(disk.files()).toEqual([])
    const finished = await PartWriter.create({ disk, ...identity })
    await finished.finish()
    await finished.abort()
    await finished.abort()
    expect(disk.files()).toEqual([])
    expect(disk.openFiles).toBe(0)
  })

  test("gathers small blocks into few writes", async () => {
    let writes = 0
    disk.setFault(({ operation }) => {
      if (operation === "write") writes += 1
      return undefined
    })
    await write(Array.from({ length: 1_000 }, (_, keyGroup) => ({ ...blocks[0]!, keyGroup })))
    expect(writes).toBe(1)
  })

  test("refuses names that would come back as others", async () => {
    const writer = await PartWriter.create({ disk, ...identity })
    expect(await codeOf(writer.append({ ...blocks[0]!, table: "half \ud800" }))).toBe("CHECKPOINT_BLOCK_INVALID")
  })

  test("writes and reads version 1 as it was first written (golden bytes, STO-6)", async () => {
    const handle = await write(blocks.slice(0, 2))
    const path = `d/${handle.file}`
    const hex = Array.from(disk.peek(path), (byte) => byte.toString(16).padStart(2, "0")).join("")
    expect(handle).toEqual(GOLDEN_HANDLE)
    expect(hex).toBe(GOLDEN.join(""))
    disk.poke(
      path,
      Uint8Array.from(GOLDEN.join("").match(/../g) ?? [], (digits) => Number.parseInt(digits, 16)),
    )
    expect((await readAll(GOLDEN_HANDLE)).map(({ bytes }) => decodeUtf8(bytes))).toEqual(["zero", "five"])
  })
})

const GOLDEN_HANDLE = { file: "parts/7-2-count-1.part", bytes: 261, checksum: 100723138, blocks: 2 }
/** Header; block 0; block 1; index; trailer. */
const GOLDEN = [
  "4d52504152540d0a010031006f090a16070000000000000002000000000000000100000005000000636f756e7495305b06",
  "010005000400000000000000020000000400000092f1deab636f756e7473756d73944beac07a65726f",
  "0200050004000000050000000100000004000000cbccb23c636f756e7473756d738b3ff5c366697665",
  "3100000000000000010005000400000000000000020000000400000092f1deab636f756e7473756d735a000000000000000200050004000000050000000100000004000000cbccb23c636f756e7473756d73",
  "8300000000000000520000000200000003000000000000000800000000000000e971bac30000000005d857b24d52454e",
]

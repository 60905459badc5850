import { mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeEach, describe, expect, test } from "vitest"
import { codeOf } from "./_fixtures.ts"
import { readFully } from "./_read-file.ts"
import { decodeUtf8, encodeUtf8 } from "./_utf8.ts"
import type { Disk } from "./disk.ts"
import { processOwner, realDisk } from "./real-disk.ts"
import { SimDisk } from "./sim-disk.ts"

const folder = mkdtempSync(join(tmpdir(), "millrace-disk-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let runs = 0

async function write(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, "create")
  await file.write(encodeUtf8(text))
  await file.sync()
  await file.close()
}

async function read(disk: Disk, path: string): Promise<string | undefined> {
  const { sizeBytes } = await disk.stat(path)
  const file = await disk.open(path, "read")
  const bytes = new Uint8Array(sizeBytes)
  expect(await readFully(file, bytes, 0)).toBe(sizeBytes)
  await file.close()
  return decodeUtf8(bytes)
}

describe.each<[string, () => Disk]>([
  ["realDisk", realDisk],
  ["SimDisk", () => new SimDisk()],
  ["SimDisk with short reads", () => new SimDisk({ shortRead: (wanted) => Math.ceil(wanted / 3) })],
])("%s", (_name, makeDisk) => {
  let disk: Disk
  let root: string
  beforeEach(async () => {
    disk = makeDisk()
    root = join(folder, `run-${runs++}`)
    await disk.mkdir(`${root}/a/b`)
  })

  test("reads what was written, from any position, and nothing behind the end", async () => {
    await write(disk, `${root}/a/f`, "hello world")
    expect(await read(disk, `${root}/a/f`)).toBe("hello world")
    const file = await disk.open(`${root}/a/f`, "read")
    const bytes = new Uint8Array(20)
    expect(await readFully(file, bytes, 6)).toBe(5)
    expect(decodeUtf8(bytes.subarray(0, 5))).toBe("world")
    expect(await file.read(bytes, 11)).toBe(0)
    expect(await file.read(bytes, 500)).toBe(0)
    await file.close()
  })

  test("appends write after write", async () => {
    const file = await disk.open(`${root}/f`, "create")
    await file.write(encodeUtf8("one "))
    await file.write(encodeUtf8("two"))
    await file.write(new Uint8Array())
    await file.close()
    expect(await read(disk, `${root}/f`)).toBe("one two")
  })

  test("creates no file over another, reads none that is missing", async () => {
    await write(disk, `${root}/f`, "x")
    expect(await codeOf(disk.open(`${root}/f`, "create"))).toBe("EEXIST")
    expect(await codeOf(disk.open(`${root}/g`, "read"))).toBe("ENOENT")
    expect(await codeOf(disk.open(`${root}/none/g`, "create"))).toBe("ENOENT")
    expect(await codeOf(disk.stat(`${root}/g`))).toBe("ENOENT")
    expect(await codeOf(disk.remove(`${root}/g`))).toBe("ENOENT")
    expect(await codeOf(disk.list(`${root}/g`))).toBe("ENOENT")
    expect(await codeOf(disk.list(`${root}/f`))).toBe("ENOTDIR")
    expect(await codeOf(disk.rename(`${root}/g`, `${root}/h`))).toBe("ENOENT")
  })

  test("renames a file over another, and a directory with all in it", async () => {
    await write(disk, `${root}/f`, "new")
    await write(disk, `${root}/g`, "old")
    await disk.rename(`${root}/f`, `${root}/g`)
    expect(await read(disk, `${root}/g`)).toBe("new")
    await write(disk, `${root}/a/b/deep`, "deep")
    await disk.rename(`${root}/a`, `${root}/c`)
    expect(await read(disk, `${root}/c/b/deep`)).toBe("deep")
    await disk.syncDirectory(root)
    expect([...(await disk.list(root))].sort()).toEqual(["c", "g"])
  })

  test("removes files, and directories that are empty", async () => {
    await write(disk, `${root}/a/b/f`, "x")
    expect(await codeOf(disk.removeDirectory(`${root}/a/b`))).toBe("ENOTEMPTY")
    await disk.remove(`${root}/a/b/f`)
    await disk.removeDirectory(`${root}/a/b`)
    expect(await disk.list(`${root}/a`)).toEqual([])
  })

  test("makes directories that are there already, and says what a name is", async () => {
    await disk.mkdir(`${root}/a/b`)
    await write(disk, `${root}/f`, "four")
    expect(await disk.stat(`${root}/a`)).toMatchObject({ kind: "directory" })
    expect(await disk.stat(`${root}/f`)).toEqual({ kind: "file", sizeBytes: 4 })
  })

  test("a closed file refuses everything", async () => {
    const file = await disk.open(`${root}/f`, "create")
    await file.close()
    expect(await codeOf(file.write(encodeUtf8("x")))).toBe("EBADF")
    expect(await codeOf(file.sync())).toBe("EBADF")
  })
})

describe("realDisk", () => {
  test("does not follow a symbolic link", async () => {
    const disk = realDisk()
    await write(disk, `${folder}/target`, "x")
    symlinkSync(`${folder}/target`, `${folder}/link`)
    expect(await disk.stat(`${folder}/link`)).toMatchObject({ kind: "other" })
    expect(await codeOf(disk.open(`${folder}/link`, "read"))).toBe("ELOOP")
  })
})

describe("processOwner()", () => {
  test("this process is alive, one that never was is not, and another start of this pid is not", () => {
    const owner = processOwner("0e2d-11")
    expect(owner).toMatchObject({ pid: process.pid, token: "0e2d11" })
    expect(owner.isAlive(process.pid, owner.started)).toBe(true)
    expect(owner.isAlive(process.ppid, processOwner("x").started)).toBe(process.platform !== "linux")
    expect(owner.isAlive(0x7fff_fff0, "1")).toBe(false)
  })
})

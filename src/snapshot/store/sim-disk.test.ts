import { describe, expect, test } from "vitest"
import { codeOf } from "./_fixtures.ts"
import { decodeUtf8, encodeUtf8 } from "./_utf8.ts"
import { SimDisk } from "./sim-disk.ts"

async function write(disk: SimDisk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, "create")
  await file.write(encodeUtf8(text))
  await file.close()
}

function textOf(disk: SimDisk, path: string): string | undefined {
  return decodeUtf8(disk.peek(path))
}

describe("SimDisk.crash()", () => {
  test("forgets a file whose name was not synced, although its bytes were", async () => {
    const disk = new SimDisk()
    const file = await disk.open("f", "create")
    await file.write(encodeUtf8("x"))
    await file.sync()
    disk.crash()
    expect(disk.files()).toEqual([])
  })

  test("leaves an empty file when the name was synced and the bytes were not", async () => {
    const disk = new SimDisk()
    await write(disk, "f", "text")
    await disk.syncDirectory("")
    disk.crash()
    expect(disk.peek("f")).toHaveLength(0)
  })

  test("keeps any subset of writes and tears them at any byte; what is missing between reads as zeros", async () => {
    const disk = new SimDisk()
    const file = await disk.open("f", "create")
    for (const text of ["aaa", "bbb", "ccc"]) await file.write(encodeUtf8(text))
    const keep = (counts: readonly (boolean | number)[]) => {
      const copy = disk.clone()
      copy.crash((_effect, index) => counts[index] ?? false)
      return textOf(copy, "f")
    }
    expect(disk.unsynced().map(({ kind }) => kind)).toEqual(["link", "write", "write", "write"])
    expect(keep([true, true, true, true])).toBe("aaabbbccc")
    expect(keep([true, true, 2, false])).toBe("aaabb")
    expect(keep([true, false, false, 1])).toBe("\0\0\0\0\0\0c")
  })

  test("keeps a rename without the creation before it, or the creation without the rename", async () => {
    const disk = new SimDisk()
    await write(disk, "old", "x")
    await disk.rename("old", "new")
    const names = (kept: string) => {
      const copy = disk.clone()
      copy.crash(({ kind }) => kind === kept)
      return copy.files()
    }
    expect(names("rename")).toEqual(["new"])
    expect(names("link")).toEqual(["old"])
    await disk.syncDirectory("")
    disk.crash()
    expect(disk.files()).toEqual(["new"])
  })

  test("ends the handles that were open", async () => {
    const disk = new SimDisk()
    const file = await disk.open("f", "create")
    disk.crash(() => true)
    expect(await codeOf(file.write(encodeUtf8("late")))).toBe("EBADF")
    expect(disk.openFiles).toBe(0)
  })
})

describe("SimDisk faults", () => {
  test("a failed sync drops what was written: reads still show it, a second sync succeeds, a crash loses it", async () => {
    const disk = new SimDisk({
      fault: ({ operation, index }) => (operation === "sync" && index < 3 ? { code: "EIO" } : undefined),
    })
    const file = await disk.open("f", "create")
    await file.write(encodeUtf8("lost"))
    expect(await codeOf(file.sync())).toBe("EIO")
    await file.sync()
    await disk.syncDirectory("")
    expect(textOf(disk, "f")).toBe("lost")
    disk.crash(() => true)
    expect(disk.peek("f")).toHaveLength(0)
  })

  test("a failed call did nothing, or all, or a part of a write", async () => {
    const disk = new SimDisk()
    const file = await disk.open("f", "create")
    const bytes = encodeUtf8("abcd")
    disk.setFault(() => ({ code: "ENOSPC" }))
    expect(await codeOf(file.write(bytes))).toBe("ENOSPC")
    expect(textOf(disk, "f")).toBe("")
    disk.setFault(() => ({ code: "ENOSPC", done: 3 }))
    expect(await codeOf(file.write(bytes))).toBe("ENOSPC")
    expect(textOf(disk, "f")).toBe("abc")
    disk.setFault(() => ({ code: "EIO", done: "all" }))
    expect(await codeOf(disk.rename("f", "g"))).toBe("EIO")
    expect(disk.files()).toEqual(["g"])
  })

  test("the same calls give the same calls, effects and files", async () => {
    const run = async () => {
      const calls: string[] = []
      const disk = new SimDisk({ fault: ({ operation, path }) => void calls.push(`${operation} ${path}`) })
      await write(disk, "f", "x")
      await disk.rename("f", "g")
      return { calls, effects: disk.unsynced(), files: disk.files() }
    }
    expect(await run()).toEqual(await run())
  })
})

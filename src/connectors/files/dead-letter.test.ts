import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { DeadLetterFile, deadLetterPath } from "./dead-letter.ts"

let base: string

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "millrace-dead-"))
})

afterEach(() => {
  rmSync(base, { recursive: true, force: true })
})

const letter = (index: number) => ({
  position: `a:${index}`,
  reason: "no JSON",
  raw: `{"x\n${index}`,
  source: "ndjson(a)",
})
const linesOf = (path: string) =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown)

it("each subtask has a file of its own beside the path that was asked for", () => {
  expect(deadLetterPath("out/bad.ndjson", 2)).toBe("out/bad-2.ndjson")
  expect(deadLetterPath("out.d/bad", 0)).toBe("out.d/bad-0.ndjson")
})

it("letters are lines of position, reason, raw and source, on disk after flush", () => {
  const file = new DeadLetterFile(join(base, "deep/bad.ndjson"), { subtask: 1 })
  file.append(letter(1))
  file.append(letter(2))
  file.flush()
  expect(file.path).toBe(join(base, "deep/bad-1.ndjson"))
  expect(linesOf(file.path)).toEqual([letter(1), letter(2)])
  expect(Object.keys(linesOf(file.path)[0] as object)).toEqual(["position", "reason", "raw", "source"])
  file.append(letter(3))
  file.close()
  file.close()
  expect(linesOf(file.path)).toHaveLength(3)
})

it("ten thousand letters are written without a flush in between", () => {
  const file = new DeadLetterFile(join(base, "bad.ndjson"), { subtask: 0 })
  for (let index = 0; index < 10_000; index++) file.append(letter(index))
  expect(existsSync(file.path)).toBe(true)
  file.close()
  expect(linesOf(file.path)).toHaveLength(10_000)
})

it("a run without letters leaves no file, not even that of an earlier run; append goes on with it", () => {
  const path = join(base, "bad.ndjson")
  const write = (index: number | undefined, append: boolean) => {
    const file = new DeadLetterFile(path, { subtask: 0, append })
    if (index !== undefined) file.append(letter(index))
    file.close()
    return file.path
  }
  write(1, false)
  expect(linesOf(write(2, true))).toEqual([letter(1), letter(2)])
  expect(linesOf(write(3, false))).toEqual([letter(3)])
  expect(existsSync(write(undefined, false))).toBe(false)
})

it("a path that cannot be written is DEAD_LETTER_UNWRITABLE", () => {
  writeFileSync(join(base, "file"), "")
  const open = () => {
    const file = new DeadLetterFile(join(base, "file/bad.ndjson"), { subtask: 0 })
    file.append(letter(1))
    file.close()
  }
  expect(open).toThrow(expect.objectContaining({ code: "DEAD_LETTER_UNWRITABLE" }))
})

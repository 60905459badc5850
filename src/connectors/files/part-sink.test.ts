import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Committable, ReadContext, Sink, SinkContext, SinkJobContext } from "../../contracts/index.ts"
import { EngineError } from "../../errors/index.ts"
import { readError, writeError } from "./_file-errors.ts"
import { csv } from "./csv.ts"
import type { FileFormat } from "./file-format.ts"
import { ndjson } from "./ndjson.ts"
import { textLines } from "./text-lines.ts"

let base: string
let out: string

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "millrace-sink-"))
  out = join(base, "out/hourly")
})

afterEach(() => {
  rmSync(base, { recursive: true, force: true })
})

function job(runId = "run-1", operatorId = "sink"): SinkJobContext {
  return { jobName: "job", runId, operatorId, parallelism: 2 }
}

function task(subtask: number, of: SinkJobContext = job()): SinkContext {
  return { ...of, subtask, attempt: 1, signal: new AbortController().signal, toMain: async () => undefined }
}

async function writerOf<T>(sink: Sink<T>, subtask: number, of = job()) {
  const writer = await sink.writer(task(subtask, of))
  return {
    write: async (...values: T[]) =>
      writer.write(
        values,
        values.map(() => 0),
      ),
    prepareCommit: () => writer.prepareCommit!(1),
    close: async (failed: boolean) => writer.close!(failed),
  }
}

/** A whole run of one subtask: prepare, write, commit at the end. */
async function runOnce<T>(sink: Sink<T>, values: T[], of = job()): Promise<readonly Committable[]> {
  await sink.prepare!(of)
  const writer = await writerOf(sink, 0, of)
  await writer.write(...values)
  const prepared = await writer.prepareCommit()
  await writer.close(false)
  await sink.commit!(prepared, { ...of, final: true })
  return prepared
}

const visible = () => readdirSync(out).filter((name) => !name.startsWith("."))
const hidden = () => readdirSync(out).filter((name) => name.startsWith("."))
const content = () =>
  visible()
    .sort()
    .map((name) => readFileSync(join(out, name), "utf8"))
    .join("")

async function readBack<T>(format: FileFormat<T>): Promise<T[]> {
  const context: ReadContext = {
    signal: new AbortController().signal,
    now: () => 0,
    sleep: async () => undefined,
    rate: () => Number.POSITIVE_INFINITY,
    malformed(record) {
      throw new Error(`${record.position}: ${record.reason}`)
    },
  }
  const values: T[] = []
  for (const split of await format.splits({ parallelism: 1 })) {
    for await (const batch of format.read(split, undefined, context)) values.push(...batch.values)
  }
  return values
}

async function errorOf(action: () => unknown): Promise<EngineError> {
  try {
    await action()
  } catch (thrown) {
    if (thrown instanceof EngineError) return thrown
    throw thrown
  }
  throw new Error("expected an EngineError, got none")
}

describe("writing and committing", () => {
  it("nothing is visible before commit, and then every record is, in order of the subtasks", async () => {
    const sink = ndjson<{ a: number }>(out)
    await sink.prepare!(job())
    const writers = [await writerOf(sink, 0), await writerOf(sink, 1)]
    await writers[1]!.write({ a: 3 })
    await writers[0]!.write({ a: 1 }, { a: 2 })
    const prepared = [...(await writers[1]!.prepareCommit()), ...(await writers[0]!.prepareCommit())]
    expect(visible()).toEqual([])
    expect(hidden()).toHaveLength(2)
    await sink.commit!(prepared, { ...job(), final: true })
    expect(content()).toBe(`{"a":1}\n{"a":2}\n{"a":3}\n`)
    expect(hidden()).toEqual([])
    expect(prepared).toContainEqual(expect.objectContaining({ records: 2, bytes: 16 }))
    expect(visible().every((name) => /^part-000[01]-0000-[0-9a-z]{11}\.ndjson$/.test(name))).toBe(true)
  })

  it("what was written is read back by the same object", async () => {
    const records = Array.from({ length: 30_000 }, (_, index) => ({ index, text: `zażółć "${index}"\n` }))
    const format = ndjson<{ index: number; text: string }>(out, { rollBytes: 300_000, inOrder: true })
    await runOnce(format, records)
    expect(visible().length).toBeGreaterThan(2)
    for (const name of visible()) expect(statSync(join(out, name)).size).toBeLessThan(300_000 + 300_000)
    expect(await readBack(format)).toEqual(records)
  })

  it("each commit adds parts, also those of a writer opened again by a restored run", async () => {
    const sink = ndjson<number>(out)
    await sink.prepare!(job())
    let writer = await writerOf(sink, 0)
    await writer.write(1)
    await sink.commit!(await writer.prepareCommit(), { ...job(), final: false })
    await writer.write(2)
    await sink.commit!(await writer.prepareCommit(), { ...job(), final: false })
    await writer.write(3)
    await writer.close(true)
    writer = await writerOf(ndjson<number>(out), 0)
    await writer.write(4)
    await ndjson<number>(out).commit!(await writer.prepareCommit(), { ...job(), final: true })
    expect(content()).toBe("1\n2\n4\n")
  })

  it("an empty batch and a subtask without records make no part", async () => {
    const sink = ndjson(out)
    await sink.prepare!(job())
    const writer = await writerOf(sink, 0)
    await writer.write()
    expect(await writer.prepareCommit()).toEqual([])
    expect(readdirSync(out)).toEqual([])
  })

  it("commit done again changes nothing, at any point of a crash", async () => {
    const sink = ndjson<number>(out, { rollBytes: 1 })
    await sink.prepare!(job())
    const writer = await writerOf(sink, 0)
    for (let index = 0; index < 3; index++) await writer.write(index)
    const prepared: Committable[] = [...(await writer.prepareCommit())]
    await writer.write(3)
    prepared.push(...(await writer.prepareCommit()))
    expect(prepared).toHaveLength(2)
    // As if the process had died after the first rename.
    renameSync(join(out, String(prepared[0]!.pending)), join(out, String(prepared[0]!.final)))
    for (let times = 0; times < 3; times++) await ndjson<number>(out).commit!(prepared, { ...job(), final: true })
    expect(content()).toBe("0\n1\n2\n3\n")
  })

  it("a prepared part that is gone or was changed stops the commit with SINK_PART_LOST", async () => {
    const sink = ndjson<number>(out)
    await sink.prepare!(job())
    const writer = await writerOf(sink, 0)
    await writer.write(1)
    const prepared = await writer.prepareCommit()
    const pending = join(out, String(prepared[0]!.pending))
    writeFileSync(pending, "something else")
    expect((await errorOf(() => sink.commit!(prepared, { ...job(), final: true }))).code).toBe("SINK_PART_LOST")
    rmSync(pending)
    expect((await errorOf(() => sink.commit!(prepared, { ...job(), final: true }))).code).toBe("SINK_PART_LOST")
  })

  it("a committable that names other files is refused", async () => {
    const sink = ndjson<number>(out)
    await sink.prepare!(job())
    const strange = { pending: "../x", final: "../y", records: 1, bytes: 1 }
    expect((await errorOf(() => sink.commit!([strange], { ...job(), final: true }))).code).toBe(
      "SINK_COMMITTABLE_INVALID",
    )
  })

  it("abort removes what this run has pending and nothing else", async () => {
    const sink = ndjson<number>(out)
    await sink.prepare!(job())
    writeFileSync(join(out, "notes.txt"), "mine")
    const writer = await writerOf(sink, 0)
    await writer.write(1)
    await sink.commit!(await writer.prepareCommit(), { ...job(), final: false })
    await writer.write(2)
    await writer.prepareCommit()
    const other = await writerOf(sink, 0, job("run-2"))
    await other.write(3)
    await other.prepareCommit()
    await sink.abort!(job())
    expect(content()).toBe("mine1\n")
    expect(hidden()).toHaveLength(1)
    await sink.abort!(job())
    rmSync(out, { recursive: true })
    await sink.abort!(job())
  })

  it("a writer closed by a failure leaves only what a checkpoint may know of", async () => {
    const sink = ndjson<string>(out, { rollBytes: 10 })
    await sink.prepare!(job())
    const writer = await writerOf(sink, 0)
    await writer.write("prepared")
    const prepared = await writer.prepareCommit()
    await writer.write("x".repeat(200_000))
    await writer.write("y".repeat(200_000))
    await writer.close(true)
    expect(hidden()).toEqual([prepared[0]!.pending])
    await writer.close(true)
  })

  it("write answers with a promise when its buffer is full, and takes batches larger than that", async () => {
    const sink = ndjson<string>(out)
    await sink.prepare!(job())
    const writer = await sink.writer(task(0))
    expect(writer.write(["small"], [0])).toBeUndefined()
    const many = Array.from({ length: 10 }, () => "x".repeat(100_000))
    const busy = writer.write(
      [...many],
      many.map(() => 0),
    )
    expect(busy).toBeInstanceOf(Promise)
    await busy
    const [part] = await writer.prepareCommit!(1)
    expect(part!.records).toBe(11)
    expect(part!.bytes).toBe(8 + 10 * 100_003)
  })
})

describe("parts of earlier runs", () => {
  it("replace removes them once the new ones are in place, and never files of other names", async () => {
    await runOnce(ndjson<number>(out), [1])
    const mine = ["part-1.ndjson", "part-0000-0000-k3f9a2c1x7q.csv", "readme.md"]
    for (const name of mine) writeFileSync(join(out, name), "")
    const sink = ndjson<number>(out)
    await sink.prepare!(job("run-2"))
    const writer = await writerOf(sink, 0, job("run-2"))
    await writer.write(2)
    const prepared = await writer.prepareCommit()
    expect(content()).toBe("1\n")
    await sink.commit!(prepared, { ...job("run-2"), final: false })
    expect(content()).toBe("2\n")
    expect(visible()).toEqual(expect.arrayContaining(mine))
  })

  it("replace is finished by a second commit when the first was cut off before the removal", async () => {
    await runOnce(ndjson<number>(out), [1])
    const prepared = await (async () => {
      const writer = await writerOf(ndjson<number>(out), 0, job("run-2"))
      await writer.write(2)
      return writer.prepareCommit()
    })()
    renameSync(join(out, String(prepared[0]!.pending)), join(out, String(prepared[0]!.final)))
    await ndjson<number>(out).commit!(prepared, { ...job("run-2"), final: false })
    expect(content()).toBe("2\n")
  })

  it("replace keeps the old parts while there is nothing new, and an empty result replaces them at the end", async () => {
    await runOnce(ndjson<number>(out), [1])
    const sink = ndjson<number>(out)
    await sink.prepare!(job("run-2"))
    await sink.commit!([], { ...job("run-2"), final: false })
    expect(content()).toBe("1\n")
    await sink.commit!([], { ...job("run-2"), final: true })
    expect(readdirSync(out)).toEqual([])
  })

  it("two sinks of one job share a directory without removing each other's parts", async () => {
    for (const runId of ["run-1", "run-2"]) {
      await runOnce(ndjson<string>(out), [`${runId} a`], job(runId, "a"))
      await runOnce(ndjson<string>(out), [`${runId} b`], job(runId, "b"))
    }
    expect((await readBack(ndjson<string>(out))).sort()).toEqual(["run-2 a", "run-2 b"])
  })

  it("append keeps them", async () => {
    for (const [index, runId] of ["run-1", "run-2", "run-3"].entries()) {
      await runOnce(ndjson<number>(out, { existing: "append" }), [index], job(runId))
    }
    expect((await readBack(ndjson<number>(out))).sort()).toEqual([0, 1, 2])
  })

  it("fail refuses to start when there are any, but not when they are of this run", async () => {
    await runOnce(ndjson<number>(out, { existing: "fail" }), [1])
    const error = await errorOf(() => ndjson(out, { existing: "fail" }).prepare!(job("run-2")))
    expect([error.code, error.message.includes("part-0000-0000-")]).toEqual(["SINK_OUTPUT_EXISTS", true])
    await ndjson(out, { existing: "fail" }).prepare!(job())
    expect(content()).toBe("1\n")
  })

  it("pending parts of other runs are removed when they are a day old, and left when they are younger", async () => {
    const sink = ndjson<number>(out)
    await sink.prepare!(job())
    for (const runId of ["old", "young"]) {
      const writer = await writerOf(sink, 0, job(runId))
      await writer.write(1)
      const [part] = await writer.prepareCommit()
      const before = new Date(statSync(out).mtimeMs - 25 * 60 * 60 * 1000)
      if (runId === "old") utimesSync(join(out, String(part!.pending)), before, before)
    }
    await ndjson(out).prepare!(job("run-2"))
    expect(hidden()).toHaveLength(1)
  })
})

describe("refusals", () => {
  it("a list, a glob or a file in the way is SINK_PATH_INVALID", async () => {
    const codeOf = async (sink: Sink<unknown>) => (await errorOf(() => sink.prepare!(job()))).code
    expect(await codeOf(ndjson([out, `${out}2`]))).toBe("SINK_PATH_INVALID")
    expect(await codeOf(ndjson(join(base, "*.ndjson")))).toBe("SINK_PATH_INVALID")
    writeFileSync(join(base, "file"), "")
    expect(await codeOf(ndjson(join(base, "file")))).toBe("SINK_PATH_INVALID")
    expect(await codeOf(ndjson(join(base, "file/below")))).toBe("SINK_PATH_INVALID")
    expect((await errorOf(() => ndjson([out, "x"]).writer(task(0)))).code).toBe("SINK_PATH_INVALID")
  })

  it("system errors become codes with a remedy", () => {
    const of = (code: string) => writeError("out/p", Object.assign(new Error(`${code}: failed`), { code }))
    expect([of("ENOSPC").code, of("ENOSPC").retriable]).toEqual(["SINK_WRITE_FAILED", true])
    expect(of("ENOSPC").message).toBe(
      "Cannot write out/p: ENOSPC: failed; the disk is full: free space or write to another one",
    )
    expect(["EACCES", "EPERM", "EROFS"].map((code) => of(code).code)).toEqual(Array(3).fill("SINK_UNWRITABLE"))
    const reading = (code: string) => readError("a", Object.assign(new Error(`${code}: failed`), { code })).code
    expect(["EACCES", "ENOENT", "Z_DATA_ERROR", "EIO"].map(reading)).toEqual([
      "SOURCE_FILE_UNREADABLE",
      "SOURCE_FILE_MISSING",
      "SOURCE_FILE_DAMAGED",
      "SOURCE_FILE_UNREADABLE",
    ])
  })

  it("a directory that vanishes while the job runs is SINK_WRITE_FAILED, and stays so", async () => {
    const sink = ndjson<number>(out)
    await sink.prepare!(job())
    const writer = await writerOf(sink, 0)
    await writer.write(1)
    rmSync(out, { recursive: true })
    expect((await errorOf(() => writer.prepareCommit())).code).toBe("SINK_WRITE_FAILED")
    await writer.close(true)
    expect(existsSync(out)).toBe(false)
  })

  it("a value that JSON cannot hold is RECORD_NOT_WRITABLE with the path of the field", async () => {
    const circle: Record<string, unknown> = { name: "x" }
    circle.self = { inner: circle }
    const sink = ndjson<unknown>(out)
    await sink.prepare!(job())
    const writer = await writerOf(sink, 0)
    for (const [value, path] of [
      [{ a: { b: [1, 2n] } }, "$.a.b[1] is a bigint"],
      [{ "odd key": 1n }, `$["odd key"] is a bigint`],
      [circle, "$.self.inner is an object that contains itself"],
      [undefined, "$ is undefined"],
      [() => 1, "$ is a function"],
    ] as const) {
      const error = await errorOf(() => writer.write(value))
      expect([error.code, error.message.includes(path)]).toEqual(["RECORD_NOT_WRITABLE", true])
    }
  })
})

describe("csv and text parts", () => {
  it("csv() heads every part with the columns and quotes what needs it", async () => {
    const sink = csv<Record<string, unknown>>(out)
    await runOnce(sink, [
      { a: "x,y", b: `say "hi"`, c: "two\nlines" },
      { c: new Date(0), a: 1.5, b: null },
      { a: "", b: true, c: { d: [1] } },
    ])
    expect(content()).toBe(
      `a,b,c\n"x,y","say ""hi""","two\nlines"\n1.5,,1970-01-01T00:00:00.000Z\n"",true,"{""d"":[1]}"\n`,
    )
  })

  it("csv() reads back what it wrote, every string in every place", async () => {
    const cells = ["", " ", "a", `"`, `""`, ",", "\n", "\r\n", "\r", `a"b`, "ü🚂", "\uFEFF"]
    const records = cells.flatMap((a) => cells.map((b) => ({ a, b })))
    await runOnce(csv<{ a: string; b: string }>(out, { rollBytes: 1 }), records)
    expect(await readBack(csv<{ a: string; b: string }>(out))).toEqual(records)
    await runOnce(
      csv<{ a: string }>(out),
      cells.map((a) => ({ a })),
      job("run-2"),
    )
    expect(await readBack(csv<{ a: string }>(out))).toEqual(cells.map((a) => ({ a })))
  })

  it("csv() takes columns, delimiter and header from its options", async () => {
    await runOnce(csv<Record<string, number>>(out, { columns: ["b", "a"], delimiter: ";", header: false }), [
      { a: 1, b: 2 },
      { a: 3 },
    ])
    expect(content()).toBe("2;1\n;3\n")
  })

  it("csv() refuses a record with an unknown column, and one that is no object", async () => {
    const sink = csv<unknown>(out)
    await sink.prepare!(job())
    const writer = await writerOf(sink, 0)
    await writer.write({ delay: 1, origin: "A" })
    const error = await errorOf(() => writer.write({ delay: 1, orign: "B" }))
    expect([
      error.code,
      error.message.includes(`field "orign" is none of the columns delay, origin; did you mean origin?`),
    ]).toEqual(["RECORD_NOT_WRITABLE", true])
    expect((await errorOf(() => writer.write([1]))).code).toBe("RECORD_NOT_WRITABLE")
  })

  it("textLines() writes lines and refuses a string of two", async () => {
    await runOnce(textLines(out), ["one", "zwei ü"])
    expect(content()).toBe("one\nzwei ü\n")
    expect(await readBack(textLines(out))).toEqual(["one", "zwei ü"])
    const writer = await writerOf(textLines(out), 0)
    expect((await errorOf(() => writer.write("a\nb"))).code).toBe("RECORD_NOT_WRITABLE")
  })

  it("formats share a directory: each replaces its own parts only", async () => {
    mkdirSync(out, { recursive: true })
    await runOnce(textLines(out), ["x"])
    await runOnce(ndjson<number>(out), [1], job("run-2"))
    expect(await readBack(textLines(out))).toEqual(["x"])
    expect(await readBack(ndjson<number>(out))).toEqual([1])
  })
})

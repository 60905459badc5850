import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from "vitest"
import type { MalformedRecord, Position, ReadContext, Sink, Source, SourceBatch } from "../../contracts/index.ts"
import { EngineError } from "../../errors/index.ts"
import { type NdjsonOptions, ndjson } from "./ndjson.ts"
import type { StandardSchema } from "./standard-schema.ts"
import { textLines } from "./text-lines.ts"

let directory: string
const at = (name: string) => join(directory, name)

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-ndjson-"))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

/** Reads a source as one reader would; `bad` collects what is malformed, or it throws as the policy `fail` does. */
function fakeContext(bad?: MalformedRecord[]): ReadContext {
  return {
    signal: new AbortController().signal,
    now: () => 0,
    sleep: async () => undefined,
    rate: () => Number.POSITIVE_INFINITY,
    malformed(record) {
      if (bad === undefined) throw new EngineError("BAD_RECORD", `${record.position}: ${record.reason}`)
      bad.push(record)
    },
  }
}

async function batchesOf<T>(source: Source<T>, options: { bad?: MalformedRecord[]; parallelism?: number } = {}) {
  const splits = await source.splits({ parallelism: options.parallelism ?? 1 })
  const batches: SourceBatch<T>[][] = []
  for (const split of splits) {
    const ofSplit: SourceBatch<T>[] = []
    for await (const batch of source.read(split, undefined, fakeContext(options.bad))) ofSplit.push(batch)
    batches.push(ofSplit)
  }
  return { splits, batches }
}

async function readAll<T>(
  source: Source<T>,
  options: { bad?: MalformedRecord[]; parallelism?: number } = {},
): Promise<T[]> {
  const { batches } = await batchesOf(source, options)
  return batches.flat().flatMap((batch) => batch.values)
}

async function codeOf(action: Promise<unknown>): Promise<string> {
  return (await errorOf(action)).code
}

async function errorOf(action: Promise<unknown>): Promise<EngineError> {
  const outcome = await action.then(
    () => "no error",
    (thrown: unknown) => thrown,
  )
  if (!(outcome instanceof EngineError)) throw new Error(`expected an EngineError, got ${String(outcome)}`)
  return outcome
}

describe("reading lines", () => {
  it("ndjson() yields every JSON value of a file in order, whatever its kind", async () => {
    writeFileSync(at("a.ndjson"), `{"a":1}\n2\n"x"\nnull\n[1,2]\ntrue\n`)
    expect(await readAll(ndjson(at("a.ndjson")))).toEqual([{ a: 1 }, 2, "x", null, [1, 2], true])
  })

  it("ndjson() tolerates CRLF, a byte order mark, blank lines and a last line without a newline", async () => {
    writeFileSync(at("a.ndjson"), `\uFEFF{"a":1}\r\n\r\n{"a":2}\n  \n\n{"a":3}`)
    expect(await readAll(ndjson(at("a.ndjson")))).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }])
  })

  it("an empty file has no splits, and a file of blank lines no records", async () => {
    writeFileSync(at("empty.ndjson"), "")
    writeFileSync(at("blank.ndjson"), "\n\r\n\n")
    expect(await ndjson(at("empty.ndjson")).splits({ parallelism: 4 })).toEqual([])
    expect(await readAll(ndjson(at("blank.ndjson")))).toEqual([])
  })

  it("characters of several bytes survive every chunk border", async () => {
    const records = Array.from({ length: 50 }, (_, index) => ({ text: `zażółć 🚂 ${index}` }))
    writeFileSync(at("a.ndjson"), records.map((record) => JSON.stringify(record)).join("\n"))
    for (const chunkBytes of [1, 2, 3, 7, 64]) {
      expect(await readAll(ndjson(at("a.ndjson"), { chunkBytes }))).toEqual(records)
    }
  })

  it("a line of 50 MB is one record, read in linear time", async () => {
    const long = "x".repeat(50_000_000)
    writeFileSync(at("a.ndjson"), `{"a":"first"}\n{"a":"${long}"}\n{"a":"last"}\n`)
    const records = await readAll(ndjson<{ a: string }>(at("a.ndjson"), { inOrder: true }), { parallelism: 4 })
    expect(records.map((record) => record.a.length)).toEqual([5, 50_000_000, 4])
  }, 20_000)

  it("a line longer than maxRecordBytes is malformed and costs no other line", async () => {
    writeFileSync(at("a.ndjson"), `{"a":1}\n{"a":"${"x".repeat(5000)}"}\n{"a":2}\n{"a":"${"y".repeat(5000)}"}`)
    for (const chunkBytes of [16, 100, 256 * 1024]) {
      const bad: MalformedRecord[] = []
      expect(await readAll(ndjson(at("a.ndjson"), { maxRecordBytes: 1000, chunkBytes }), { bad })).toEqual([
        { a: 1 },
        { a: 2 },
      ])
      expect(bad.map((record) => record.position)).toEqual([`${at("a.ndjson")}:2`, `${at("a.ndjson")}:4`])
      expect(bad[0]!.reason).toContain("maxRecordBytes")
      expect(bad[0]!.raw.length).toBeLessThan(3000)
    }
  })

  it("textLines() yields the lines as they are, and empty ones when asked", async () => {
    writeFileSync(at("a.txt"), " one\n\ntwo\r\nthree")
    expect(await readAll(textLines(at("a.txt")))).toEqual([" one", "two", "three"])
    expect(await readAll(textLines(at("a.txt"), { keepEmpty: true }))).toEqual([" one", "", "two", "three"])
  })
})

describe("malformed lines", () => {
  it("under fail, the job ends at the first one and names path and line", async () => {
    writeFileSync(at("a.ndjson"), `{"a":1}\n{"a":2}\n{"a":\n{"a":4}\n`)
    const source = ndjson(at("a.ndjson"))
    expect(source.badRecords).toBe("fail")
    expect((await errorOf(readAll(source))).message).toContain(`${at("a.ndjson")}:3: `)
  })

  it("under skip, they are reported with text and reason, and reading goes on", async () => {
    writeFileSync(at("a.ndjson"), `{"a":1}\nnonsense\n\n{"a":3}\r\n{"b"}`)
    const bad: MalformedRecord[] = []
    const source = ndjson(at("a.ndjson"), { badRecords: "skip" })
    expect(source.badRecords).toBe("skip")
    expect(await readAll(source, { bad })).toEqual([{ a: 1 }, { a: 3 }])
    expect(bad.map((record) => [record.position, record.raw])).toEqual([
      [`${at("a.ndjson")}:2`, "nonsense"],
      [`${at("a.ndjson")}:5`, `{"b"}`],
    ])
    expect(bad[0]!.reason).toMatch(/JSON/)
  })

  it("in the middle of a file, where the line number is unknown, the position is the byte offset", async () => {
    writeFileSync(at("a.ndjson"), `{"a":1}\n{"a":2}\nbad\n{"a":4}\n`)
    const bad: MalformedRecord[] = []
    expect(await readAll(ndjson(at("a.ndjson"), { splitBytes: 9 }), { bad })).toEqual([{ a: 1 }, { a: 2 }, { a: 4 }])
    expect(bad.map((record) => record.position)).toEqual([`${at("a.ndjson")}@16`])
  })

  it("lines that only together are JSON are never read as records", async () => {
    for (const text of [
      "1,2\n3\n",
      "[1\n2]\n3,4\n",
      `{"a":[{"x":1}\n{"y":2}]}\n{"p":1},{"q":2}\n`,
      `{"a":"x\n{","b":"}\n{"c":1},{"d":1},{"e":1}\n`,
      `{"a":1} , {"b":1}\n{"a":\n{"b":1}}\n`,
      `{\n"a":1}\n{"b":2}\n`,
      `{"a":1\n,"b":2}\n{"c":3},{"d":4}\n`,
    ]) {
      writeFileSync(at("a.ndjson"), text)
      const bad: MalformedRecord[] = []
      const lines = text.trimEnd().split("\n")
      const good = lines.filter(isJson).map((line) => JSON.parse(line) as unknown)
      expect(await readAll(ndjson(at("a.ndjson")), { bad })).toEqual(good)
      expect(bad.map((record) => record.raw)).toEqual(lines.filter((line) => !isJson(line)))
    }
  })

  it("invalid UTF-8 makes its line malformed; the replacement character itself is a character", async () => {
    writeFileSync(
      at("a.ndjson"),
      Buffer.concat([Buffer.from(`{"a":"\uFFFD"}\n{"a":"`), Buffer.from([0xff]), Buffer.from(`"}\n{"a":"ü"}\n`)]),
    )
    const bad: MalformedRecord[] = []
    expect(await readAll(ndjson(at("a.ndjson")), { bad })).toEqual([{ a: "\uFFFD" }, { a: "ü" }])
    expect(bad.map((record) => [record.position, record.reason])).toEqual([[`${at("a.ndjson")}:2`, "not valid UTF-8"]])
    expect(await readAll(textLines(at("a.ndjson")), { bad })).toHaveLength(2)
  })

  it("a record that the schema refuses is malformed, and the schema's output is the record", async () => {
    writeFileSync(at("a.ndjson"), `{"n":"1"}\n{"n":"x"}\n`)
    const schema: StandardSchema<{ n: number }> = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate(value) {
          const n = Number((value as { n: string }).n)
          return Number.isNaN(n) ? { issues: [{ message: "no number", path: ["n"] }] } : { value: { n } }
        },
      },
    }
    const bad: MalformedRecord[] = []
    expect(await readAll(ndjson(at("a.ndjson"), { schema }), { bad })).toEqual([{ n: 1 }])
    expect(bad).toEqual([{ raw: `{"n":"x"}`, reason: "n: no number", position: `${at("a.ndjson")}:2` }])
  })

  it("an asynchronous schema is refused", async () => {
    writeFileSync(at("a.ndjson"), "1\n")
    const schema: StandardSchema<number> = {
      "~standard": { version: 1, vendor: "test", validate: async (value) => ({ value: value as number }) },
    }
    expect(await codeOf(readAll(ndjson(at("a.ndjson"), { schema })))).toBe("SOURCE_SCHEMA_ASYNC")
  })
})

describe("splits and positions", () => {
  const records = Array.from({ length: 200 }, (_, index) => ({ index, pad: "x".repeat(index % 17) }))
  const text = `${records.map((record) => JSON.stringify(record)).join("\n")}\n`

  it("the splits of a file, of any size, hold each record once and in order", async () => {
    writeFileSync(at("a.ndjson"), text)
    for (const splitBytes of [7, 10, 31, 100, 1000, text.length - 1, text.length, text.length + 1]) {
      expect(await readAll(ndjson(at("a.ndjson"), { splitBytes }))).toEqual(records)
    }
  })

  it("a split that ends within the byte order mark loses no line", async () => {
    writeFileSync(at("a.ndjson"), `\uFEFF1\n2\n\n3\n`)
    for (const splitBytes of [1, 2, 3, 4, 5])
      expect(await readAll(ndjson(at("a.ndjson"), { splitBytes }))).toEqual([1, 2, 3])
  })

  it("read(split, next) yields exactly what follows, line numbers included", async () => {
    writeFileSync(at("a.ndjson"), `${text}bad\n`)
    const source = ndjson(at("a.ndjson"), { chunkBytes: 64 })
    const { splits, batches } = await batchesOf(source, { bad: [] })
    let seen = 0
    for (const { values, next } of batches[0]!) {
      seen += values.length
      const bad: MalformedRecord[] = []
      const rest: unknown[] = []
      for await (const batch of source.read(splits[0]!, structuredClone(next), fakeContext(bad)))
        rest.push(...batch.values)
      expect(rest).toEqual(records.slice(seen))
      // The last position may stand behind the malformed line already, which was then reported before it was given.
      if (seen < 200) expect(bad.map((record) => record.position)).toEqual([`${at("a.ndjson")}:201`])
    }
    expect(seen).toBe(200)
  })

  it("files over 1 MiB have a split per reader, and none above 8 MiB", async () => {
    writeFileSync(at("small.ndjson"), "1\n".repeat(1000))
    writeFileSync(at("large.ndjson"), "1\n")
    truncateSync(at("large.ndjson"), 2 * 1024 * 1024)
    writeFileSync(at("huge.ndjson"), "1\n")
    truncateSync(at("huge.ndjson"), 100 * 1024 * 1024)
    const count = async (name: string, parallelism: number) => (await ndjson(at(name)).splits({ parallelism })).length
    expect(await count("small.ndjson", 4)).toBe(1)
    expect(await count("large.ndjson", 4)).toBe(4)
    expect(await count("huge.ndjson", 4)).toBe(13)
  })

  it("batches stay near a thousand records", async () => {
    writeFileSync(at("a.ndjson"), "1\n".repeat(300_000))
    const { batches } = await batchesOf(ndjson(at("a.ndjson")))
    const sizes = batches[0]!.map((batch) => batch.values.length)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(300_000)
    expect(Math.max(...sizes.slice(1))).toBeLessThanOrEqual(4096)
  })

  it("a position of another source is refused", async () => {
    writeFileSync(at("a.ndjson"), text)
    const source = ndjson(at("a.ndjson"))
    const [split] = await source.splits({ parallelism: 1 })
    const read = async (from: Position) => {
      for await (const batch of source.read(split!, from, fakeContext())) expect(batch).toBeUndefined()
    }
    expect(await codeOf(read("k:7"))).toBe("SOURCE_POSITION_INVALID")
  })

  it("reading ends soon after the signal is aborted", async () => {
    writeFileSync(at("a.ndjson"), text)
    const source = ndjson(at("a.ndjson"), { chunkBytes: 64 })
    const [split] = await source.splits({ parallelism: 1 })
    const stop = new AbortController()
    let batches = 0
    for await (const _batch of source.read(split!, undefined, { ...fakeContext(), signal: stop.signal })) {
      batches++
      stop.abort()
    }
    expect(batches).toBe(1)
  })
})

describe("gzip", () => {
  const text = Array.from({ length: 5000 }, (_, index) => `{"index":${index}}\n`).join("")

  it("is recognised by name and by its first bytes, is one split, and resumes anywhere", async () => {
    writeFileSync(at("a.ndjson.gz"), gzipSync(text))
    writeFileSync(at("b.ndjson"), gzipSync(text))
    for (const name of ["a.ndjson.gz", "b.ndjson"]) {
      const source = ndjson<{ index: number }>(at(name), { chunkBytes: 1000, splitBytes: 10 })
      const { splits, batches } = await batchesOf(source, { parallelism: 8 })
      expect(splits).toHaveLength(1)
      const values = batches.flat().flatMap((batch) => batch.values)
      expect(values.map((value) => value.index)).toEqual(Array.from({ length: 5000 }, (_, index) => index))
      const head = batches[0]!.slice(0, 4).flatMap((batch) => batch.values)
      const rest: unknown[] = []
      for await (const batch of source.read(splits[0]!, batches[0]![3]!.next, fakeContext())) rest.push(...batch.values)
      expect([...head, ...rest]).toEqual(values)
    }
  })

  it("several members in one file are read as one", async () => {
    writeFileSync(at("a.ndjson.gz"), Buffer.concat([gzipSync("1\n2"), gzipSync("3\n4\n")]))
    expect(await readAll(ndjson(at("a.ndjson.gz")))).toEqual([1, 23, 4])
  })

  it("a damaged file yields what is whole, then SOURCE_FILE_DAMAGED with the position", async () => {
    const whole = gzipSync(text, { level: 0 })
    writeFileSync(at("cut.ndjson.gz"), whole.subarray(0, whole.length - 3000))
    writeFileSync(at("plain.ndjson.gz"), text)
    const cut = await errorOf(readAll(ndjson(at("cut.ndjson.gz"))))
    expect(cut.code).toBe("SOURCE_FILE_DAMAGED")
    expect(cut.message).toMatch(/at byte \d{4,} \(decompressed\)/)
    expect(await codeOf(readAll(ndjson(at("plain.ndjson.gz"))))).toBe("SOURCE_FILE_DAMAGED")
  })

  it("other compressions are refused by name", async () => {
    writeFileSync(at("a.ndjson.zst"), "x")
    expect(await codeOf(readAll(ndjson(at("a.ndjson.zst"))))).toBe("SOURCE_COMPRESSION_UNSUPPORTED")
  })
})

describe("finding files", () => {
  it("a glob and a directory stand for their files sorted by name; a list keeps its order; none is read twice", async () => {
    for (const name of ["b.ndjson", "a.ndjson", "c.jsonl", ".hidden.ndjson", "_temporary.ndjson", "notes.txt"]) {
      writeFileSync(at(name), `"${name}"\n`)
    }
    mkdirSync(at("below"))
    writeFileSync(at("below/d.ndjson"), `"d"\n`)
    expect(await readAll(ndjson(at("*.ndjson")))).toEqual(["_temporary.ndjson", "a.ndjson", "b.ndjson"])
    expect(await readAll(ndjson(directory))).toEqual(["a.ndjson", "b.ndjson", "c.jsonl"])
    expect(await readAll(ndjson([at("b.ndjson"), at("[ab].ndjson")]))).toEqual(["b.ndjson", "a.ndjson"])
    expect(await readAll(ndjson(at("**/d.ndjson")))).toEqual(["d"])
  })

  it("two hundred files are two hundred splits", async () => {
    for (let index = 0; index < 200; index++)
      writeFileSync(at(`f${String(index).padStart(3, "0")}.ndjson`), `${index}\n`)
    expect(await readAll(ndjson(directory))).toEqual(Array.from({ length: 200 }, (_, index) => index))
  })

  it("a name with pattern characters that exists is a name", async () => {
    writeFileSync(at("[a].ndjson"), "1\n")
    expect(await readAll(ndjson(at("[a].ndjson")))).toEqual([1])
  })

  it("splitsInOrder is true for one file, false for several, and what the user says", () => {
    writeFileSync(at("a.ndjson"), "1\n")
    expect(ndjson(at("a.ndjson")).splitsInOrder).toBe(true)
    expect(ndjson(at("not-yet.ndjson")).splitsInOrder).toBe(true)
    expect(ndjson(directory).splitsInOrder).toBe(false)
    expect(ndjson(at("*.ndjson")).splitsInOrder).toBe(false)
    expect(ndjson([at("a.ndjson"), at("b.ndjson")]).splitsInOrder).toBe(false)
    expect(ndjson(directory, { inOrder: true }).splitsInOrder).toBe(true)
  })

  it("a missing file is SOURCE_FILE_MISSING and names the nearest", async () => {
    writeFileSync(at("flights.ndjson"), "1\n")
    const near = await errorOf(readAll(ndjson(at("flihgts.ndjson"))))
    expect([near.code, near.message]).toEqual([
      "SOURCE_FILE_MISSING",
      `Cannot read ${at("flihgts.ndjson")}: there is no such file; did you mean ${at("flights.ndjson")}?`,
    ])
    const far = await errorOf(readAll(ndjson(at("nowhere/a.ndjson"))))
    expect([far.code, far.message.includes(`${at("nowhere")} does not exist`)]).toEqual(["SOURCE_FILE_MISSING", true])
  })

  it("a glob or a directory without files is SOURCE_GLOB_EMPTY", async () => {
    expect(await codeOf(readAll(ndjson(at("*.ndjson"))))).toBe("SOURCE_GLOB_EMPTY")
    expect(await codeOf(readAll(ndjson(directory)))).toBe("SOURCE_GLOB_EMPTY")
  })

  it("a file that shrank since it was listed is SOURCE_FILE_CHANGED, one that vanished SOURCE_FILE_MISSING", async () => {
    writeFileSync(at("a.ndjson"), "1\n2\n3\n")
    const source = ndjson(at("a.ndjson"))
    const [split] = await source.splits({ parallelism: 1 })
    const read = async () => {
      for await (const batch of source.read(split!, undefined, fakeContext())) expect(batch).toBeUndefined()
    }
    truncateSync(at("a.ndjson"), 3)
    expect(await codeOf(read())).toBe("SOURCE_FILE_CHANGED")
    rmSync(at("a.ndjson"))
    expect(await codeOf(read())).toBe("SOURCE_FILE_MISSING")
  })
})

describe("options and types", () => {
  it("unknown names and senseless values are OPTION_INVALID when the object is made", () => {
    const make = (options: object) => () => ndjson("x", options as NdjsonOptions<unknown>)
    expect(make({ badRecord: "skip" })).toThrow("did you mean badRecords?")
    for (const options of [
      { badRecords: "ignore" },
      { badRecords: { deadLetter: "" } },
      { splitBytes: 0 },
      { chunkBytes: 1.5 },
      { maxRecordBytes: 2 ** 40 },
      { rollBytes: -1 },
      { existing: "merge" },
      { schema: {} },
    ]) {
      expect(make(options)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }))
    }
  })

  it("one object is a typed source and a typed sink", () => {
    const format = ndjson<{ a: number }>("x")
    expectTypeOf(format).toExtend<Source<{ a: number }>>()
    expectTypeOf(format).toExtend<Sink<{ a: number }>>()
    const to = (sink: Sink<{ b: string }>) => sink.label
    expect(to(ndjson("out/hourly"))).toBe("ndjson(out/hourly)")
    expect(ndjson(["a", "b", "c"]).label).toBe("ndjson(a and 2 more)")
  })
})

function isJson(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    // That it is none is the answer.
    return false
  }
}

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { MalformedRecord, ReadContext, Source } from "../../contracts/index.ts"
import { EngineError } from "../../errors/index.ts"
import { type CsvOptions, csv } from "./csv.ts"

let directory: string
let file: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-csv-"))
  file = join(directory, "a.csv")
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

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

async function readAll<T>(source: Source<T>, bad?: MalformedRecord[]): Promise<T[]> {
  const values: T[] = []
  for (const split of await source.splits({ parallelism: 2 })) {
    for await (const batch of source.read(split, undefined, fakeContext(bad))) values.push(...batch.values)
  }
  return values
}

/** Reads `text` with every chunk size that could matter, and checks that it makes no difference. */
async function read(
  text: string | Buffer,
  options: CsvOptions<unknown> = {},
  bad: MalformedRecord[] = [],
): Promise<unknown[]> {
  writeFileSync(file, text)
  const expected = await readAll(csv<unknown>(file, options), bad)
  for (const chunkBytes of [1, 5, 16, 100]) {
    const again: MalformedRecord[] = []
    expect(await readAll(csv<unknown>(file, { ...options, chunkBytes }), again)).toEqual(expected)
    expect(again).toEqual(bad)
  }
  return expected
}

describe("reading csv", () => {
  it("the first row names the columns, and all cells are strings", async () => {
    expect(await read("a,b\n1,x\n,\r\n007, y \n")).toEqual([
      { a: "1", b: "x" },
      { a: "", b: "" },
      { a: "007", b: " y " },
    ])
  })

  it("header takes a list of names, or false for column0, column1", async () => {
    expect(await read("1,2\n3,4", { header: ["a", "b"] })).toEqual([
      { a: "1", b: "2" },
      { a: "3", b: "4" },
    ])
    expect(await read("1,2\n", { header: false })).toEqual([{ column0: "1", column1: "2" }])
  })

  it("quoted cells hold delimiters, doubled quotes and line ends", async () => {
    const text = `a,b\n"x,y","say ""hi"""\n"two\nlines","crlf\r\n"\r\nplain,5" pipe\n"",""""\n"end",z`
    expect(await read(text)).toEqual([
      { a: "x,y", b: `say "hi"` },
      { a: "two\nlines", b: "crlf\r\n" },
      { a: "plain", b: `5" pipe` },
      { a: "", b: `"` },
      { a: "end", b: "z" },
    ])
  })

  it("a quoted cell of 3 MB over 100,000 lines is read in linear time", async () => {
    const cell = "a line of some length, with comma\n".repeat(100_000)
    writeFileSync(file, `a,b\n"${cell}",1\nx,2\n`)
    const records = await readAll(csv(file))
    expect(records.map((record) => [record.a!.length, record.b])).toEqual([
      [cell.length, "1"],
      [1, "2"],
    ])
  })

  it("other delimiters and quotes work, tabs by the name of the file", async () => {
    expect(await read("a;b\n'x;y';2\n", { delimiter: ";", quote: "'" })).toEqual([{ a: "x;y", b: "2" }])
    expect(await read(`a|b\n"x|2\n`, { delimiter: "|", quote: false })).toEqual([{ a: `"x`, b: "2" }])
    writeFileSync(join(directory, "b.tsv"), "a\tb\n1,5\t2\n")
    expect(await readAll(csv(join(directory, "b.tsv")))).toEqual([{ a: "1,5", b: "2" }])
  })

  it("a byte order mark is no part of the first column's name", async () => {
    expect(await read("\uFEFFa,ü\n1,ö\n")).toEqual([{ a: "1", ü: "ö" }])
    expect(await read("\uFEFF1,2\n", { header: ["a", "b"] })).toEqual([{ a: "1", b: "2" }])
  })

  it("types turn cells into numbers, booleans and dates, and empty ones into null", async () => {
    const types = { n: "number", b: "boolean", d: "date" } as const
    expect(await read("n,b,d,s\n1.5e3,true,2001-01-10,\n-7,0,2001/01/10 09:10,x\n,,,\n", { types })).toEqual([
      { n: 1500, b: true, d: new Date("2001-01-10T00:00:00Z"), s: "" },
      { n: -7, b: false, d: new Date("2001-01-10T09:10:00Z"), s: "x" },
      { n: null, b: null, d: null, s: "" },
    ])
    expect(await read("d\n2001-01-10T09:10:11.25+02:00\n", { types: { d: "date" } })).toEqual([
      { d: new Date("2001-01-10T07:10:11.250Z") },
    ])
  })

  it("infer takes the narrowest type that the rows fit, and keeps 007 and long ids as strings", async () => {
    const text = "n,b,d,zip,id,mix,none\n1,true,2001-01-10,01234,12345678901234567890,1,\n,False,,99999,1,x,\n"
    expect(await read(text, { types: "infer" })).toEqual([
      { n: 1, b: true, d: new Date("2001-01-10"), zip: "01234", id: "12345678901234567890", mix: "1", none: "" },
      { n: null, b: false, d: null, zip: "99999", id: "1", mix: "x", none: "" },
    ])
  })

  it("a column called __proto__ is a column", async () => {
    const [record] = await read("__proto__,a\n1,2\n")
    expect(Object.entries(record as object)).toEqual([
      ["__proto__", "1"],
      ["a", "2"],
    ])
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype)
  })

  it("is one split by default, and cut at any byte when quoted cells hold no line ends", async () => {
    const rows = Array.from({ length: 100 }, (_, index) => ({ a: String(index), b: `"${"ü".repeat(index % 5)}",` }))
    writeFileSync(file, `a,b\n${rows.map((row) => `${row.a},"${row.b.replaceAll(`"`, `""`)}"`).join("\r\n")}`)
    expect(await csv(file, { splitBytes: 10 }).splits({ parallelism: 2 })).toHaveLength(1)
    for (const splitBytes of [1, 2, 3, 4, 5, 11, 100, 1000]) {
      expect(await readAll(csv(file, { splitBytes, quotedNewlines: false }))).toEqual(rows)
    }
  })

  it("read(split, next) yields exactly what follows", async () => {
    const text = `a,b\n${Array.from({ length: 60 }, (_, index) => `${index},"x\n${"y".repeat(index)}"`).join("\n")}\n`
    const expected = await read(text)
    const source = csv<unknown>(file, { chunkBytes: 50 })
    const [split] = await source.splits({ parallelism: 1 })
    let seen = 0
    for await (const { values, next } of source.read(split!, undefined, fakeContext())) {
      seen += values.length
      const rest: unknown[] = []
      for await (const batch of source.read(split!, next, fakeContext())) rest.push(...batch.values)
      expect(rest).toEqual(expected.slice(seen))
    }
    expect(seen).toBe(60)
  })

  it("a file with nothing but a header, and one with nothing at all, have no records", async () => {
    expect(await read("a,b\n")).toEqual([])
    expect(await read("a,b")).toEqual([])
    expect(await read("")).toEqual([])
  })
})

describe("malformed csv", () => {
  const malformed = async (text: string | Buffer, options: CsvOptions<unknown> = {}) => {
    const bad: MalformedRecord[] = []
    const values = await read(text, options, bad)
    return { values, bad: bad.map(({ position, reason }) => [position.slice(file.length), reason]) }
  }

  it("a row with more or fewer cells than columns is malformed, and its line is named", async () => {
    expect(await malformed(`a,b\n1,2\n1\n"x\ny",2,3\n3,4\n`)).toEqual({
      values: [
        { a: "1", b: "2" },
        { a: "3", b: "4" },
      ],
      bad: [
        [":3", "1 cells, but there are 2 columns"],
        [":4", "3 cells, but there are 2 columns"],
      ],
    })
  })

  it("a quote that is never closed costs its own line and no other", async () => {
    expect(await malformed(`a,b\n1,2\n"x,2\n3,4\n5,6\n`)).toEqual({
      values: [
        { a: "1", b: "2" },
        { a: "3", b: "4" },
        { a: "5", b: "6" },
      ],
      bad: [[":3", "a quoted cell is never closed"]],
    })
    expect((await malformed(`a,b\n"x,2\n3,4\n"y",6\n`, { quotedNewlines: false, splitBytes: 8 })).bad).toEqual([
      [":2", "a quoted cell is not closed on its line"],
    ])
  })

  it("a stray quote is given up after maxRecordBytes, not at the end of the file", async () => {
    const rows = "3,4\n".repeat(100)
    const { values, bad } = await malformed(`a,b\n"x,2\n${rows}`, { maxRecordBytes: 50 })
    expect([values.length, bad]).toEqual([100, [[":2", "a quoted cell is never closed"]]])
    const whole = await malformed(`a,b\n"x\ny",2\n${`"p\nq",r\n`.repeat(50)}`, { maxRecordBytes: 50 })
    expect([whole.values.length, whole.bad]).toEqual([51, []])
  })

  it("text behind a closing quote is malformed", async () => {
    expect((await malformed(`a,b\n"x"y,2\n3,4\n`)).bad).toEqual([[":2", "a closing quote is followed by more text"]])
  })

  it("cells that are not of their type are malformed", async () => {
    const types = { a: "number", b: "boolean", c: "date" } as const
    const rows = [
      "x,true,2001-01-01",
      " ,true,2001-01-01",
      "0x10,1,2001-01-01",
      "1e999,1,2001-01-01",
      "1,yes,2001-01-01",
      "1,1,2001-02-30",
    ]
    const { values, bad } = await malformed(`a,b,c\n${rows.join("\n")}\n1,1,2001-02-28\n`, { types })
    expect(values).toHaveLength(1)
    expect(bad.map(([position]) => position)).toEqual([":2", ":3", ":4", ":5", ":6", ":7"])
    expect(bad[0]![1]).toBe(`column "a" holds "x", which is no number`)
  })

  it("invalid UTF-8 makes its row malformed and leaves the others as they are", async () => {
    const text = Buffer.concat([Buffer.from("a,b\nä,1\n"), Buffer.from([0xe4]), Buffer.from(`,2\n"ö,",3\n`)])
    expect(await malformed(text)).toEqual({
      values: [
        { a: "ä", b: "1" },
        { a: "ö,", b: "3" },
      ],
      bad: [[":3", "not valid UTF-8"]],
    })
  })

  it("a header that names a column twice, or types that name none, are refused", async () => {
    const codeOf = (text: string, options: CsvOptions<unknown> = {}) =>
      read(text, options).then(
        () => "no error",
        (thrown: EngineError) => `${thrown.code}: ${thrown.message}`,
      )
    expect(await codeOf("a,a\n1,2\n")).toMatch(/^CSV_HEADER_INVALID: .*called "a"/)
    expect(await codeOf(`"a,b\n1,2\n`)).toMatch(/^CSV_HEADER_INVALID/)
    expect(await codeOf("delay,b\n1,2\n", { types: { dleay: "number" } })).toMatch(
      /^CSV_COLUMN_UNKNOWN: .*did you mean delay\?/,
    )
  })

  it("senseless options are OPTION_INVALID", () => {
    for (const options of [
      { delimiter: ",," },
      { quote: "" },
      { delimiter: '"' },
      { header: [] },
      { columns: ["a", "a"] },
      { types: { a: "int" } },
      { separator: ";" },
    ]) {
      expect(() => csv("x", options as CsvOptions<unknown>)).toThrow(
        expect.objectContaining({ code: "OPTION_INVALID" }),
      )
    }
  })
})

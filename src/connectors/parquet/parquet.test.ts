import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api"
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet"
import { compressors } from "hyparquet-compressors"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { ReadContext, Source, SourceBatch } from "../../contracts/index.ts"
import { openParquet } from "./_parquet-file.ts"
import { loadPeers } from "./_peers.ts"
import { readRowGroup } from "./_row-group-reader.ts"
import { parquet } from "./parquet.ts"

type Row = Record<string, unknown>

const FLIGHTS = fileURLToPath(new URL("../../../node_modules/vega-datasets/data/flights-3m.parquet", import.meta.url))
const DATA_PAGES_V2 = fileURLToPath(new URL("fixtures/data-pages-v2.parquet", import.meta.url))

let dir: string
let instance: DuckDBInstance
let duckdb: DuckDBConnection

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "millrace-parquet-"))
  instance = await DuckDBInstance.create()
  duckdb = await instance.connect()
})

afterAll(async () => {
  instance.closeSync()
  await rm(dir, { recursive: true })
})

function contextWith(signal: AbortSignal = new AbortController().signal): ReadContext {
  return {
    signal,
    now: () => performance.now(),
    sleep: () => Promise.resolve(),
    rate: () => Number.POSITIVE_INFINITY,
    malformed: () => expect.unreachable(),
  }
}

/** All batches of all splits, in order. */
async function readBatches<T>(source: Source<T>): Promise<SourceBatch<T>[]> {
  const batches: SourceBatch<T>[] = []
  for (const split of await source.splits({ parallelism: 2 })) {
    for await (const batch of source.read(split, undefined, contextWith())) batches.push(batch)
  }
  return batches
}

async function readRows<T = Row>(source: Source<T>): Promise<T[]> {
  return (await readBatches(source)).flatMap((batch) => batch.values)
}

/** Writes the rows of a query as Parquet. */
async function write(name: string, query: string, options = ""): Promise<string> {
  const path = join(dir, name)
  await duckdb.run(`COPY (${query}) TO '${path}' (FORMAT parquet${options === "" ? "" : `, ${options}`})`)
  return path
}

const MIXED = `
  SELECT i::BIGINT AS id,
         CASE WHEN i % 3 = 0 THEN NULL ELSE i % 7 END::INTEGER AS small,
         CASE WHEN i // 700 % 2 = 0 THEN NULL ELSE i * 1.5 END::DOUBLE AS double,
         (i / 7)::FLOAT AS float,
         CASE WHEN i % 11 > 0 THEN 'wörd' || (i % 5) END AS word,
         'text-' || i AS text,
         CASE WHEN i % 4 > 0 THEN i % 2 = 0 END AS flag,
         NULL::INTEGER AS nothing,
         i % 13 AS tiny,
         TIMESTAMP '1969-12-31 23:00:00' + to_microseconds(i * 1500) AS time
  FROM range(5000) AS r(i)`

/** The rows of MIXED as they should arrive. */
function mixedRows(): Row[] {
  return Array.from({ length: 5000 }, (_, i) => ({
    id: i,
    small: i % 3 === 0 ? null : i % 7,
    double: Math.floor(i / 700) % 2 === 0 ? null : i * 1.5,
    float: Math.fround(i / 7),
    word: i % 11 > 0 ? `wörd${i % 5}` : null,
    text: `text-${i}`,
    flag: i % 4 > 0 ? i % 2 === 0 : null,
    nothing: null,
    tiny: i % 13,
    time: -3_600_000 + Math.floor(i * 1.5),
  }))
}

describe("parquet", () => {
  it("reads the flights as hyparquet's own row reader does", async () => {
    const source = parquet<Row>(FLIGHTS)
    const splits = await source.splits({ parallelism: 2 })
    expect(splits.map((split) => split.id)).toEqual(Array.from({ length: 11 }, (_, group) => `${FLIGHTS}#${group}`))
    const rows: Row[] = []
    for await (const batch of source.read(splits[10]!, 200_000, contextWith())) rows.push(...batch.values)
    const file = await asyncBufferFromFile(FLIGHTS)
    const expected = await parquetReadObjects({ file, compressors, rowStart: 2_927_270, rowEnd: 3_000_000 })
    expect(rows.length).toBe(72_730)
    const plain = expected.map((row) => ({
      date: (row.date as Date).getTime(),
      delay: Number(row.delay),
      distance: Number(row.distance),
      origin: row.origin as string,
      destination: row.destination as string,
    }))
    expect(rows).toEqual(plain)
  })

  it.each([
    ["V1", "uncompressed", ""],
    ["V1", "snappy", ""],
    ["V1", "gzip", ""],
    ["V1", "zstd", "DICTIONARY_SIZE_LIMIT 1"],
    ["V2", "zstd", ""],
    ["V2", "brotli", "DICTIONARY_SIZE_LIMIT 1"],
    ["V2", "lz4_raw", ""],
  ])("reads every type with and without nulls: version %s, %s, %s", async (version, codec, more) => {
    const options = `PARQUET_VERSION ${version}, COMPRESSION ${codec}, ROW_GROUP_SIZE 2048${more === "" ? "" : `, ${more}`}`
    const path = await write("mixed.parquet", MIXED, options)
    expect(await readRows(parquet(path))).toEqual(mixedRows())
  })

  it("reads data pages of version 2, several to a column and ending at different rows", async () => {
    const expected = Array.from({ length: 200 }, (_, i) => ({
      id: i * 3,
      word: i % 4 === 3 ? null : `w${i % 9}`,
      maybe: i % 5 === 0 ? null : i * 7,
      when: Date.UTC(2001, 0, 1) + i * 1000,
      full: `f${i >> 4}`,
    }))
    const source = parquet<Row>(DATA_PAGES_V2)
    expect(await readRows(source)).toEqual(expected)
    const [split] = await source.splits({ parallelism: 1 })
    for (const from of [1, 30, 31, 32, 83, 84, 100, 199]) {
      const rows: Row[] = []
      for await (const batch of source.read(split!, from, contextWith())) rows.push(...batch.values)
      expect(rows).toEqual(expected.slice(from))
    }
  })

  it("read() from any batch's `next` yields exactly what follows it", async () => {
    const path = await write("positions.parquet", MIXED, "ROW_GROUP_SIZE 4096")
    const source = parquet<Row>(path)
    const expected = mixedRows()
    let start = 0
    for (const split of await source.splits({ parallelism: 1 })) {
      const { rows } = split.data as { rows: number }
      for await (const { next } of source.read(split, undefined, contextWith())) {
        const rest: Row[] = []
        for await (const batch of source.read(split, next, contextWith())) rest.push(...batch.values)
        expect(rest).toEqual(expected.slice(start + (next as number), start + rows))
      }
      start += rows
    }
    expect(start).toBe(5000)
  })

  it("yields batches of at most 1,024 rows, and fewer where rows are large", async () => {
    const small = await readBatches(parquet(await write("small.parquet", "SELECT range AS n FROM range(3000)")))
    expect(small.map((batch) => batch.values.length)).toEqual([1024, 1024, 952])
    const large = "SELECT repeat(range::VARCHAR, 4000) AS text FROM range(1000, 1200)"
    const batches = await readBatches(parquet<{ text: string }>(await write("large.parquet", large)))
    expect(Math.max(...batches.map((batch) => batch.values.length))).toBeLessThanOrEqual(17)
    expect(batches.flatMap((batch) => batch.values).length).toBe(200)
  })

  it("reads dates and timestamps of every unit as epoch ms, or as Dates of their own", async () => {
    const query = `SELECT DATE '1969-12-30' AS day, TIMESTAMP_S '2001-01-01 00:00:01' AS s,
      TIMESTAMP_MS '2001-01-01 00:00:00.001' AS ms, TIMESTAMP '2001-01-01 00:00:00.001999' AS us,
      TIMESTAMP_NS '2001-01-01 00:00:00.001999999' AS ns, TIMESTAMPTZ '2001-01-01 00:00:00+02' AS tz FROM range(2)`
    const path = await write("dates.parquet", query)
    const newYear = Date.UTC(2001, 0, 1)
    const row = {
      day: -2 * 86_400_000,
      s: newYear + 1000,
      ms: newYear + 1,
      us: newYear + 1,
      ns: newYear + 1,
      tz: newYear - 7_200_000,
    }
    expect(await readRows(parquet<Row>(path))).toEqual([row, row])
    const [first, second] = await readRows(parquet<Row>(path, { dates: "Date" }))
    expect(first).toEqual(Object.fromEntries(Object.entries(row).map(([name, ms]) => [name, new Date(ms)])))
    for (const name of Object.keys(row)) expect(first![name]).not.toBe(second![name])
  })

  it("reads integers beyond 2^53 as bigints, decimals as numbers, unannotated bytes as bytes", async () => {
    const query = `SELECT x::BIGINT AS n, (x % 1000)::DECIMAL(9, 2) / 8 AS d, 'ab'::BLOB AS b, x::UBIGINT AS u
      FROM (VALUES (9007199254740991), (9007199254740992)) AS t(x)`
    const rows = await readRows(parquet<Row>(await write("numbers.parquet", query)))
    expect(rows.map((row) => row.n)).toEqual([9007199254740991, 9007199254740992n])
    expect(rows.map((row) => row.u)).toEqual([9007199254740991, 9007199254740992n])
    expect(rows.map((row) => row.d)).toEqual([123.875, 124])
    expect(rows[0]!.b).toEqual(new TextEncoder().encode("ab"))
    const text = parquet<Row>(join(dir, "numbers.parquet"), { binaryAsString: true, columns: ["b"] })
    expect(await readRows(text)).toEqual([{ b: "ab" }, { b: "ab" }])
  })

  it("reads lists, structs and maps, also from the middle of a later row group", async () => {
    const query = `SELECT i::BIGINT AS id, CASE WHEN i % 5 > 0 THEN [i, NULL, i + 1] END AS list,
      {'a': i::BIGINT, 'at': TIMESTAMP '2001-01-01'} AS struct, MAP {'k': i} AS map FROM range(5000) AS r(i)`
    const source = parquet<Row>(await write("nested.parquet", query, "ROW_GROUP_SIZE 2048"))
    const expected = Array.from({ length: 5000 }, (_, i) => ({
      id: i,
      list: i % 5 > 0 ? [i, null, i + 1] : null,
      struct: { a: i, at: Date.UTC(2001, 0, 1) },
      map: { k: i },
    }))
    expect(await readRows(source)).toEqual(expected)
    const [, second] = await source.splits({ parallelism: 1 })
    const rows: Row[] = []
    for await (const batch of source.read(second!, 1500, contextWith())) rows.push(...batch.values)
    expect(rows).toEqual(expected.slice(2048 + 1500, 4096))
  })

  it("reads only the columns asked for, in the order asked for", async () => {
    const path = await write("columns.parquet", MIXED)
    const rows = await readRows(parquet(path, { columns: ["word", "id"] }))
    expect(Object.keys(rows[0]!)).toEqual(["word", "id"])
    expect(rows).toEqual(mixedRows().map(({ word, id }) => ({ word, id })))
    await expect(readRows(parquet(path, { columns: ["wrod"] }))).rejects.toMatchObject({
      code: "SOURCE_COLUMN_UNKNOWN",
      message: expect.stringContaining('did you mean "word"?'),
    })
  })

  it("reads directories and lists of files in order, and claims order only where one file gives it", async () => {
    const parts = await mkdtemp(join(dir, "parts-"))
    for (const part of [2, 1]) {
      await duckdb.run(`COPY (SELECT ${part} AS part) TO '${join(parts, `part-${part}.parquet`)}' (FORMAT parquet)`)
    }
    await writeFile(join(parts, "_SUCCESS"), "")
    const fromDirectory = parquet<Row>(parts)
    expect(await readRows(fromDirectory)).toEqual([{ part: 1 }, { part: 2 }])
    expect(fromDirectory.splitsInOrder).toBe(false)
    const files = [join(parts, "part-2.parquet"), join(parts, "part-1.parquet")]
    expect(await readRows(parquet(files))).toEqual([{ part: 2 }, { part: 1 }])
    expect(parquet(files).splitsInOrder).toBe(false)
    expect(parquet(files, { inOrder: true }).splitsInOrder).toBe(true)
    expect(parquet(files[0]!).splitsInOrder).toBe(true)
    expect(parquet(files[0]!, { inOrder: false }).splitsInOrder).toBe(false)
  })

  it("reads an empty table as no splits", async () => {
    const path = await write("empty.parquet", "SELECT 1 AS n WHERE false")
    expect(await parquet(path).splits({ parallelism: 1 })).toEqual([])
  })

  it("ends soon when the signal is aborted", async () => {
    const source = parquet<Row>(FLIGHTS)
    const [split] = await source.splits({ parallelism: 1 })
    const stop = new AbortController()
    let batches = 0
    for await (const _batch of source.read(split!, undefined, contextWith(stop.signal))) {
      batches++
      stop.abort()
    }
    expect(batches).toBe(1)
  })

  it("refuses a missing file, an empty directory, and a file that is no Parquet", async () => {
    const missing = join(dir, "nowhere.parquet")
    const splitsOf = async (path: string) => parquet(path).splits({ parallelism: 1 })
    await expect(splitsOf(missing)).rejects.toMatchObject({ code: "SOURCE_FILE_MISSING", details: { path: missing } })
    const empty = await mkdtemp(join(dir, "empty-"))
    await expect(splitsOf(empty)).rejects.toMatchObject({ code: "SOURCE_FILE_MISSING" })
    for (const content of ["", "PAR1", "id,name\n1,a\n2,b\n", "x".repeat(100_000)]) {
      const path = join(dir, "other.parquet")
      await writeFile(path, content)
      await expect(splitsOf(path)).rejects.toMatchObject({ code: "SOURCE_FILE_CORRUPT", details: { path } })
    }
  })

  it("refuses a truncated file, one damaged anywhere, and one replaced since the splits were listed", async () => {
    const intact = await readFile(await write("intact.parquet", MIXED, "COMPRESSION snappy"))
    const path = join(dir, "damaged.parquet")
    await writeFile(path, intact.subarray(0, intact.length - 1000))
    await expect(readRows(parquet(path))).rejects.toMatchObject({ code: "SOURCE_FILE_CORRUPT" })

    // Parquet's checksums are optional and mostly absent: damage may go unseen, but must not escape as anything else.
    let refused = 0
    for (let at = 4; at < intact.length - 8; at += Math.floor(intact.length / 40)) {
      const damaged = Buffer.from(intact)
      damaged.fill(0xff, at, at + 6)
      await writeFile(path, damaged)
      try {
        await readRows(parquet(path))
      } catch (error) {
        expect(error).toMatchObject({ code: "SOURCE_FILE_CORRUPT", details: { path } })
        refused++
      }
    }
    expect(refused).toBeGreaterThan(10)

    const source = parquet(await write("replaced.parquet", MIXED))
    const [split] = await source.splits({ parallelism: 1 })
    await write("replaced.parquet", "SELECT 1 AS id")
    const read = async () => {
      for await (const _batch of source.read(split!, undefined, contextWith())) expect.unreachable()
    }
    await expect(read()).rejects.toMatchObject({
      code: "SOURCE_FILE_CORRUPT",
      message: expect.stringContaining("was replaced"),
    })
  })

  it("refuses options that mean nothing", () => {
    const invalid = expect.objectContaining({ code: "OPTION_INVALID" })
    const call = (path: unknown, options?: unknown) => () => parquet(path as string, options as object)
    expect(call("")).toThrow(invalid)
    expect(call([])).toThrow(invalid)
    expect(call(undefined)).toThrow(invalid)
    expect(call("a", { dates: "iso" })).toThrow(invalid)
    expect(call("a", { columns: [] })).toThrow(invalid)
    expect(call("a", { columns: ["x", "x"] })).toThrow(invalid)
    expect(call("a", { colums: ["x"] })).toThrow("did you mean columns?")
  })
})

describe("loadPeers", () => {
  const notFound = () =>
    Promise.reject(Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" }))

  it("names the package that is missing and the command that installs it", async () => {
    await expect(loadPeers(notFound)).rejects.toMatchObject({
      code: "PEER_MISSING",
      message:
        "Cannot read Parquet: the package hyparquet is not installed; run npm install hyparquet hyparquet-compressors",
    })
  })

  it("does without hyparquet's page decoders when a version has moved them: columns are read whole", async () => {
    const { hyparquet } = await loadPeers()
    const peers = await loadPeers((name) =>
      name === "hyparquet"
        ? Promise.resolve(hyparquet)
        : name === "hyparquet-compressors"
          ? Promise.resolve({ compressors })
          : notFound(),
    )
    expect(peers.pages).toBeUndefined()
    const file = { ...(await openParquet(await write("whole.parquet", MIXED))), peers }
    const rows: Row[] = []
    const options = { columns: undefined, dates: "ms", binaryAsString: false } as const
    for await (const batch of readRowGroup<Row>(file, 0, 0, options, contextWith())) rows.push(...batch.values)
    await file.close()
    expect(rows).toEqual(mixedRows())
  })
})

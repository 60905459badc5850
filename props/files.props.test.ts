/** Laws of the file connectors: whatever the file, the chunks, the splits and the place to resume at, each record is read once. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { csv, ndjson, textLines } from "../src/connectors/files/index.ts"
import type { Committable, MalformedRecord, Position, ReadContext, Sink, Source } from "../src/contracts/index.ts"

let directory: string
let files = 0

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-props-files-"))
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

function context(bad: MalformedRecord[]): ReadContext {
  return {
    signal: new AbortController().signal,
    now: () => 0,
    sleep: async () => undefined,
    rate: () => Number.POSITIVE_INFINITY,
    malformed: (record) => void bad.push(record),
  }
}

/** Reads every split, and each a second time from every position it gave: both must agree. */
async function readEveryWay<T>(
  source: Source<T>,
  parallelism: number,
): Promise<{ values: T[]; bad: MalformedRecord[] }> {
  const values: T[] = []
  const bad: MalformedRecord[] = []
  const ids = new Set<string>()
  for (const split of await source.splits({ parallelism })) {
    expect(ids.has(split.id)).toBe(false)
    ids.add(split.id)
    const ofSplit: T[] = []
    const positions: { taken: number; next: Position }[] = []
    for await (const batch of source.read(split, undefined, context(bad))) {
      expect(batch.values.length).toBeGreaterThan(0)
      ofSplit.push(...batch.values)
      positions.push({ taken: ofSplit.length, next: structuredClone(batch.next) })
    }
    for (const { taken, next } of positions) {
      const rest: T[] = []
      for await (const batch of source.read(structuredClone(split), next, context([]))) rest.push(...batch.values)
      expect(rest).toEqual(ofSplit.slice(taken))
    }
    values.push(...ofSplit)
  }
  return { values, bad }
}

function newFile(bytes: string | Buffer, name: string): string {
  const path = join(directory, `${files++}-${name}`)
  writeFileSync(path, bytes)
  return path
}

// -0 is "0" in JSON, and a __proto__ key is data there: both are JSON's business, not the reader's.
const jsonText = fc.json({ maxDepth: 3 })
const lineEnd = fc.constantFrom("\n", "\r\n", "\n\n", "\n \r\n")
const shape = fc.record({
  chunkBytes: fc.integer({ min: 1, max: 200 }),
  splitBytes: fc.integer({ min: 1, max: 300 }),
  parallelism: fc.integer({ min: 1, max: 4 }),
  byteOrderMark: fc.boolean(),
  lastNewline: fc.boolean(),
})

/** Bytes that meet often: line ends, and the beginnings and ends of characters of two, three and four bytes. */
const byte = fc.constantFrom(0x0a, 0x0d, 0x61, 0xc3, 0xbc, 0xef, 0xbb, 0xbf, 0xf0, 0x9f, 0x9a, 0x82)

describe("reading files", () => {
  it("the splits of an NDJSON file hold its values once and in order, for every chunk size, split size and resume position", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(jsonText, lineEnd), { maxLength: 40 }),
        shape,
        fc.boolean(),
        async (lines, how, gzip) => {
          const body = lines
            .map(([text, end], index) => text + (index === lines.length - 1 && !how.lastNewline ? "" : end))
            .join("")
          const text = (how.byteOrderMark ? "\uFEFF" : "") + body
          const path = newFile(gzip ? gzipSync(text) : text, "a.ndjson")
          const { values, bad } = await readEveryWay(ndjson(path, options(how)), how.parallelism)
          expect(bad).toEqual([])
          expect(values).toEqual(lines.map(([line]) => JSON.parse(line) as unknown))
        },
      ),
      { numRuns: 150 },
    )
  }, 60_000)

  it("among any lines, exactly those that are no JSON are malformed, each with its own text", async () => {
    const fragment = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      `"`,
      "1",
      `"a"`,
      `{"a":1}`,
      `{"b":{"c":2}}`,
      " ",
      "\\",
    )
    const line = fc.oneof(
      jsonText,
      fc.array(fragment, { maxLength: 6 }).map((parts) => parts.join("")),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 30 }), shape, async (lines, how) => {
        const path = newFile(lines.map((text) => `${text}\n`).join(""), "b.ndjson")
        const { values, bad } = await readEveryWay(ndjson(path, options(how)), how.parallelism)
        const filled = lines.filter((text) => text.trim() !== "")
        expect(values).toEqual(filled.filter(isJson).map((text) => JSON.parse(text) as unknown))
        expect(bad.map((record) => record.raw)).toEqual(filled.filter((text) => !isJson(text)))
      }),
      { numRuns: 300 },
    )
  }, 60_000)

  it("lines that joined by commas make one JSON array are still judged one by one", async () => {
    // The reader parses many lines as one array; here that array is always valid, and its lines mostly are not.
    const value = fc.constantFrom("1", "[1,2]", `{"a":1}`, `{"a":1,"b":2}`, `{"a":[{"b":1},{"c":2}]}`, `{"a":"x,y"}`)
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { minLength: 1, maxLength: 8 }),
        fc.array(fc.boolean(), { maxLength: 40 }),
        async (texts, cuts) => {
          let comma = 0
          const lines = texts
            .join(",")
            .replaceAll(",", () => (cuts[comma++] === true ? "\n" : ","))
            .split("\n")
          const path = newFile(lines.join("\n"), "d.ndjson")
          const { values, bad } = await readEveryWay(ndjson(path, { badRecords: "skip" }), 1)
          expect(values).toEqual(lines.filter(isJson).map((text) => JSON.parse(text) as unknown))
          expect(bad.map((record) => record.raw)).toEqual(lines.filter((text) => !isJson(text)))
        },
      ),
      { numRuns: 1000 },
    )
  }, 60_000)

  it("textLines() reads any bytes: each valid line once, each invalid one reported", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(byte, fc.nat({ max: 255 })), { maxLength: 200 }),
        shape,
        async (bytes, how) => {
          const path = newFile(Buffer.from(bytes), "c.txt")
          const { values, bad } = await readEveryWay(
            textLines(path, { ...options(how), keepEmpty: true }),
            how.parallelism,
          )
          const plain = Buffer.from(bytes)
            .toString("latin1")
            .replace(/^\xef\xbb\xbf/, "")
          const lines = plain
            .split("\n")
            .map((line, index, all) => ({ text: line.replace(/\r$/, ""), last: index === all.length - 1 }))
          const kept = lines
            .filter(({ text, last }) => !last || text !== "" || plain.endsWith("\r"))
            .map(({ text }) => text)
          const decoded = kept.map((line) => decode(Buffer.from(line, "latin1")))
          // A gzip header would make it another file, and a lone \r at the very end is the end of a line.
          fc.pre(!(bytes[0] === 0x1f && bytes[1] === 0x8b) && !plain.endsWith("\r"))
          expect(values).toEqual(decoded.filter((line) => line !== undefined))
          expect(bad).toHaveLength(decoded.filter((line) => line === undefined).length)
        },
      ),
      { numRuns: 200 },
    )
  }, 60_000)
})

describe("writing and reading back", () => {
  const cell = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(`"`, ",", "\n", "\r", " ", "a", "ü", "🚂") }))

  it("csv() reads back any strings that it wrote, for every chunk size and resume position", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ a: cell, "b,": cell }), { minLength: 1, maxLength: 30 }),
        shape,
        async (records, how) => {
          const out = join(directory, `csv-${files++}`)
          await writeAll(csv<(typeof records)[number]>(out, { rollBytes: 50 }), records)
          const { values, bad } = await readEveryWay(csv(out, options(how)), how.parallelism)
          expect(bad).toEqual([])
          expect(values).toEqual(records)
        },
      ),
      { numRuns: 150 },
    )
  }, 60_000)

  it("ndjson() reads back any JSON values that it wrote, whatever the batches and commits", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 10 }), { maxLength: 5 }),
        shape,
        async (batches, how) => {
          const out = join(directory, `ndjson-${files++}`)
          const sink = ndjson<unknown>(out)
          const job = { jobName: "j", runId: "r", operatorId: "o", parallelism: 1 }
          await sink.prepare!(job)
          const writer = await sink.writer({
            ...job,
            subtask: 0,
            attempt: 1,
            signal: new AbortController().signal,
            toMain: async () => undefined,
          })
          for (const batch of batches) {
            await writer.write(
              [...batch],
              batch.map(() => 0),
            )
            const prepared = await writer.prepareCommit!(1)
            for (let times = 0; times < 2; times++)
              await sink.commit!(structuredClone(prepared), { ...job, final: false })
          }
          await writer.close!(false)
          const written = batches.flat()
          if (written.length === 0) return
          const { values } = await readEveryWay(ndjson(out, options(how)), how.parallelism)
          expect(values).toEqual(JSON.parse(JSON.stringify(written)))
        },
      ),
      { numRuns: 60 },
    )
  }, 60_000)
})

async function writeAll<T>(sink: Sink<T>, values: readonly T[]): Promise<void> {
  const job = { jobName: "j", runId: "r", operatorId: "o", parallelism: 1 }
  await sink.prepare!(job)
  const writer = await sink.writer({
    ...job,
    subtask: 0,
    attempt: 1,
    signal: new AbortController().signal,
    toMain: async () => undefined,
  })
  const prepared: Committable[] = []
  for (let from = 0; from < values.length; from += 3) {
    const batch = values.slice(from, from + 3)
    await writer.write(
      batch,
      batch.map(() => 0),
    )
    prepared.push(...(await writer.prepareCommit!(1)))
  }
  await writer.close!(false)
  await sink.commit!(prepared, { ...job, final: true })
}

function options({ chunkBytes, splitBytes }: { chunkBytes: number; splitBytes: number }) {
  return { chunkBytes, splitBytes, badRecords: "skip" } as const
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    // That it is none is the answer.
    return false
  }
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    // Invalid: no text.
    return undefined
  }
}

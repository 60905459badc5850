import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { csv, ndjson } from "../connectors/files/index.ts"
import { generate } from "../connectors/memory/index.ts"
import { parquet } from "../connectors/parquet/index.ts"
import type { Position, Source } from "../contracts/index.ts"
import { tortureSource } from "./torture-source.ts"

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-torture-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ROWS = Array.from({ length: 600 }, (_, n) => ({ n, text: "x".repeat(n % 90) }))

/** Numbers in two splits, in batches of four. A mistake says what is wrong with it. */
function numbers(mistake?: "position" | "border" | "order" | "ids" | "overlap"): Source<number> {
  return {
    label: "numbers()",
    bounded: true,
    splitsInOrder: true,
    splits: ({ parallelism }) => [
      { id: "a", data: { from: 0, to: 10 } },
      {
        id: mistake === "ids" ? "a" : "b",
        data: { from: mistake === "overlap" && parallelism === 3 ? 9 : 10, to: 30 },
      },
    ],
    *read(split, position: Position | undefined) {
      const { from, to } = split.data as { from: number; to: number }
      const start =
        position === undefined ? from : Number(position) + (mistake === "border" && position !== from ? 1 : 0)
      for (let at = start; at < to; at += 4) {
        const values = Array.from({ length: Math.min(4, to - at) }, (_, index) => at + index)
        if (mistake === "order" && position !== undefined) values.reverse()
        yield { values, next: at + values.length - (mistake === "position" ? 1 : 0) }
      }
    },
  }
}

describe("tortureSource()", () => {
  test("finds nothing in a sound source", async () => {
    const { runs, crashes } = await tortureSource(() => numbers(), {
      expected: Array.from({ length: 30 }, (_, n) => n),
    })
    expect(runs).toBe(50)
    expect(crashes).toBeGreaterThanOrEqual(50)
  })

  test.each([
    ["a position off by one", "position"],
    ["a record lost at the border of two batches", "border"],
    ["another order after a restore", "order"],
    ["two splits of one name", "ids"],
    ["splits that overlap at one parallelism alone", "overlap"],
  ] as const)("finds %s", async (_words, mistake) => {
    await expect(tortureSource(() => numbers(mistake))).rejects.toMatchObject({ code: "SOURCE_TORTURE_FAILED" })
  })

  test("names the split, the crash and the seed", async () => {
    const error = await tortureSource(() => numbers("position"), { seed: 7 }).catch((thrown: Error) => thrown)
    expect(String(error)).toMatch(/record \d+ is \d+ .*where \d+ was to be; split [ab] of .*crashing after .*seed 7/)
  })
})

describe("the engine's sources", () => {
  test("ndjson()", async () => {
    const file = join(folder, "a.ndjson")
    writeFileSync(file, ROWS.map((row) => `${JSON.stringify(row)}\n`).join(""))
    await tortureSource(() => ndjson<unknown>(file, { chunkBytes: 700, splitBytes: 4_096 }), { expected: ROWS })
  })

  test("csv()", async () => {
    const file = join(folder, "a.csv")
    writeFileSync(file, `n,text\n${ROWS.map(({ n, text }) => `${n},"${text}\n"`).join("\n")}\n`)
    const expected = ROWS.map(({ n, text }) => ({ n: String(n), text: `${text}\n` }))
    await tortureSource(() => csv<unknown>(file, { chunkBytes: 700 }), { expected })
  })

  test("generate()", async () => {
    await tortureSource(() => generate({ record: (n) => n * 2, count: 3_000 }), { recordsPerSplit: 4_000 })
  })

  test("parquet()", async () => {
    const file = fileURLToPath(new URL("../connectors/parquet/fixtures/data-pages-v2.parquet", import.meta.url))
    await tortureSource(() => parquet<unknown>(file), { runs: 20 })
  })
})

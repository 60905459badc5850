import { createReadStream } from "node:fs"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { compareOracles } from "./airport-delays-duckdb.mjs"
import { compareWithOracle, type HourlyRow, hourlyOracle, worstOracle } from "./airport-delays-oracle.mjs"
import { readFlights } from "./read-flights.mjs"
import { writeShuffledFlights } from "./shuffled-flights.mjs"

// Ends within the fourth day, and within a row group.
const SUBSET = { rows: 60_000 }
const HOUR_MS = 3_600_000

let dir: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "millrace-oracle-"))
})

afterAll(() => rm(dir, { recursive: true }))

describe("the oracle of airport-delays", () => {
  it("agrees with DuckDB on every row", async () => {
    expect(await compareOracles(SUBSET)).toEqual({ differences: [], differenceCount: 0 })
  })

  it("finds rows that are missing, surplus, written twice or different in a single digit, and nothing else", async () => {
    const hourly = await hourlyOracle(SUBSET)
    const worst = await worstOracle(SUBSET)
    const write = async (name: string, parts: readonly (readonly object[])[]) => {
      await mkdir(join(dir, name), { recursive: true })
      for (const [index, rows] of parts.entries()) {
        const lines = rows.map((row) => `${JSON.stringify(row)}\n`)
        await writeFile(join(dir, name, `part-${index}.ndjson`), lines.join(""))
      }
    }
    await write("hourly", [hourly.slice(100).reverse(), hourly.slice(0, 100)])
    await write("worst", [worst])
    await writeFile(join(dir, "worst", ".part-9.ndjson.tmp"), "not committed\n")
    expect(await compareWithOracle(dir, SUBSET)).toEqual({
      hourlyRows: hourly.length,
      worstRows: worst.length,
      differences: [],
      differenceCount: 0,
    })

    const [first, second, third] = hourly as [HourlyRow, HourlyRow, HourlyRow]
    const rest = hourly.slice(3)
    const off = { ...second, meanDelay: second.meanDelay + 1e-12 }
    await write("hourly", [[off, third, third, ...rest], []])
    await write("worst", [[...worst, { ...worst[0], rank: 11 }]])
    const { differences, differenceCount } = await compareWithOracle(dir, SUBSET)
    expect(differenceCount).toBe(4)
    expect(differences[0]).toContain(`hourly ${second.airport} ${second.windowStart}: is`)
    expect(differences[1]).toContain(`hourly ${third.airport} ${third.windowStart}: surplus (written twice)`)
    expect(differences[2]).toContain(`hourly ${first.airport} ${first.windowStart}: missing`)
    expect(differences[3]).toContain(`worst ${worst[0]!.day} #11: surplus`)
  })
})

describe("writeShuffledFlights", () => {
  it("writes the same flights, none of them a full bound behind a newer one, the same for the same seed", async () => {
    const path = join(dir, "shuffled.ndjson")
    const facts = await writeShuffledFlights({ path, ...SUBSET, boundMs: HOUR_MS, seed: 7 })
    const text = await readFile(path, "utf8")
    let rows = 0
    let newest = 0
    let maxLatenessMs = 0
    const shuffled: string[] = []
    for await (const line of createInterface({ input: createReadStream(path) })) {
      const { date, delay, origin } = JSON.parse(line)
      rows++
      newest = Math.max(newest, date)
      maxLatenessMs = Math.max(maxLatenessMs, newest - date)
      shuffled.push(`${date} ${delay} ${origin}`)
    }
    expect(rows).toBe(SUBSET.rows)
    expect(maxLatenessMs).toBe(facts.maxLatenessMs)
    expect(maxLatenessMs).toBeLessThan(HOUR_MS)
    expect(facts.outOfOrder).toBeGreaterThan(rows / 2)

    const flights: string[] = []
    await readFlights(({ date, delay, origin }) => {
      for (const [row, at] of date.entries()) flights.push(`${at} ${delay[row]} ${origin[row]}`)
    }, SUBSET)
    expect(shuffled.sort()).toEqual(flights.sort())

    await writeShuffledFlights({ path, ...SUBSET, boundMs: HOUR_MS, seed: 7 })
    expect((await readFile(path, "utf8")) === text).toBe(true)
    await writeShuffledFlights({ path, ...SUBSET, boundMs: HOUR_MS, seed: 8 })
    expect((await readFile(path, "utf8")) === text).toBe(false)
  })
})

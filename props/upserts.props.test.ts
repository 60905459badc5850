import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { pipeline } from "../src/api/index.ts"
import { upsertSink } from "../src/connectors/sinks/index.ts"
import type { Source } from "../src/contracts/index.ts"
import { EXACTLY_ONCE } from "../src/proving/worlds.ts"
import { memorySource, type Outside } from "../src/sim/index.ts"
import { type Item, type SourceSpec, sources, splitsOf } from "./_pipelines.ts"
import { anyFault, runWorld, Tally, worlds } from "./_worlds.ts"

const tally = new Tally()
afterAll(() => console.log(String(tally)))

interface Total {
  readonly k: number
  readonly v: number
}

/** An outside that keeps one row per key, and rows that were written and not flushed in the connection, where a crash loses them. */
class Table {
  readonly rows = new Map<string, Total>()

  sink(outside: Outside, keeps: number) {
    return upsertSink<Total, Map<string, Total>>({
      label: "simulated table",
      key: ({ k }) => `${k}`,
      connect: () => new Map(),
      write: async (connection, entries) => {
        for (const [key, total] of entries) connection.set(key, total)
        if (connection.size > keeps) await this.#store(connection, outside)
      },
      flush: (connection) => this.#store(connection, outside),
    })
  }

  async #store(connection: Map<string, Total>, outside: Outside): Promise<void> {
    const entries = [...connection]
    connection.clear()
    await outside.turn("write rows")
    for (const [key, total] of entries) this.rows.set(key, total)
  }
}

/** Running sums by key, each written over the one before. */
function sums(
  { batches, inOrder, endless, everyMs, parallelism, ...spec }: SourceSpec,
  sink: ReturnType<Table["sink"]>,
) {
  return pipeline("sums", ({ source }) => {
    const items = source(
      memorySource({
        splits: splitsOf({ ...spec, batches, inOrder, everyMs, parallelism }),
        splitsInOrder: inOrder,
        bounded: endless !== true,
        batches,
        ...(everyMs === undefined ? {} : { everyMs }),
      }) as Source<Item>,
    )
    if (parallelism !== undefined) items.parallelism(parallelism)
    items
      .map(({ k, v }): Total => ({ k, v }))
      .keyBy(({ k }) => k)
      .reduce((a, b) => ({ k: a.k, v: a.v + b.v }))
      .to(sink)
  }).build()
}

describe("sinks that write over", () => {
  it("OUT-11: in the end each key has its last record, whatever dies", async () => {
    const modes = fc.constantFrom(...EXACTLY_ONCE)
    await fc.assert(
      fc.asyncProperty(sources(24), worlds(anyFault, 2), modes, fc.nat(6), async (spec, world, mode, keeps) => {
        const wanted = new Map<string, Total>()
        for (const { k, v } of spec.items) wanted.set(`${k}`, { k, v: (wanted.get(`${k}`)?.v ?? 0) + v })
        const table = new Table()
        await runWorld((outside) => sums(spec, table.sink(outside, keeps)), world, mode, tally)
        expect(Object.fromEntries(table.rows)).toEqual(Object.fromEntries(wanted))
      }),
    )
  })
})

import { describe, expect, it } from "vitest"
import type { Sink, SinkContext } from "../../contracts/index.ts"
import { collectSink } from "./collect-sink.ts"
import { printSink } from "./print-sink.ts"

async function writtenTo<T>(sink: Sink<T>, values: T[]): Promise<unknown[]> {
  const arrived: unknown[] = []
  const context: SinkContext = {
    jobName: "job",
    runId: "run",
    operatorId: "sink",
    parallelism: 1,
    subtask: 0,
    attempt: 1,
    signal: new AbortController().signal,
    toMain: async (batch) => {
      arrived.push(...batch)
    },
  }
  const writer = await sink.writer(context)
  await writer.write(
    values,
    values.map(() => 0),
  )
  return arrived
}

describe("printSink", () => {
  it("sends lines to main: strings as they are, other values on one line", async () => {
    const long = { list: Array.from({ length: 60 }, (_, n) => n), nested: { text: "a\nb", at: new Date(0) } }
    const lines = (await writtenTo(printSink<unknown>(), ["a 'b'", 1, null, { x: "y" }, long])) as string[]
    expect(lines.slice(0, 4)).toEqual(["a 'b'", "1", "null", "{ x: 'y' }"])
    expect(lines[4]).not.toContain("\n")
    expect(printSink().toMain).toBe("print")
  })

  it("prints what `format` makes", async () => {
    expect(await writtenTo(printSink<number>({ format: (n) => `n=${n}` }), [1, 2])).toEqual(["n=1", "n=2"])
  })
})

describe("collectSink", () => {
  it("sends the values themselves to main, in order", async () => {
    const values = [{ a: 1 }, { a: 2 }]
    expect(await writtenTo(collectSink<object>(), [...values])).toEqual(values)
    expect(collectSink().toMain).toBe("collect")
  })
})

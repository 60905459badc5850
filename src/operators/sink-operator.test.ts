import { describe, expect, it } from "vitest"
import type { SinkWriter } from "../contracts/index.ts"
import { HarnessContext } from "./operator-harness.ts"
import { SINK_BATCH_RECORDS, SinkOperator } from "./sink-operator.ts"

/** A writer whose promises the test settles. */
class SlowWriter implements SinkWriter<number> {
  readonly batches: { values: number[]; times: number[] }[] = []
  readonly settle: { resolve(): void; reject(error: Error): void }[] = []
  readonly log: string[] = []

  write(values: number[], times: number[]): Promise<void> {
    this.batches.push({ values, times })
    return new Promise<void>((resolve, reject) => this.settle.push({ resolve, reject }))
  }

  async prepareCommit(checkpointId: number) {
    this.log.push(`prepare ${checkpointId}`)
    return [{ file: `part-${checkpointId}` }]
  }

  close(failed: boolean): void {
    this.log.push(`close ${failed}`)
  }
}

function opened<W extends SinkWriter<number>>(writer: W) {
  const context = new HarnessContext()
  const operator = new SinkOperator<number>({ writer })
  operator.open(context)
  return { context, operator, writer }
}

/** A writer that takes everything at once and remembers it. */
function quickWriter() {
  const batches: number[][] = []
  const writer = { batches, write: (values: number[]) => void batches.push(values) }
  return writer
}

const tick = () => new Promise<void>((resolve) => setTimeout(resolve, 0))

function feed(operator: SinkOperator<number>, from: number, to: number): void {
  for (let i = from; i < to; i++) operator.onRecord(i, i * 10)
}

describe("SinkOperator", () => {
  it("hands on full batches at once and the rest at the end of the step", () => {
    const { operator, writer } = opened(quickWriter())
    feed(operator, 0, SINK_BATCH_RECORDS + 3)
    expect(writer.batches.map((batch) => batch.length)).toEqual([SINK_BATCH_RECORDS])
    expect(operator.gathered).toBe(3)
    operator.flush()
    expect(writer.batches.map((batch) => batch.length)).toEqual([SINK_BATCH_RECORDS, 3])
    expect(writer.batches.flat()).toEqual(Array.from({ length: SINK_BATCH_RECORDS + 3 }, (_, i) => i))
    expect(operator.recordsWritten).toBe(SINK_BATCH_RECORDS + 3)
    expect(operator.pending).toBe(false)
    operator.flush()
    expect(writer.batches.length).toBe(2)
  })

  it("gives the writer arrays of equal length, and its own", () => {
    const { operator, writer } = opened(new SlowWriter())
    feed(operator, 1, 3)
    operator.flush()
    feed(operator, 3, 4)
    expect(writer.batches).toEqual([{ values: [1, 2], times: [10, 20] }])
  })

  it("is pending and offers nothing while a write is under way, keeps what comes, and asks to be stepped after", async () => {
    const { operator, writer, context } = opened(new SlowWriter())
    feed(operator, 0, 2)
    operator.flush()
    expect(operator.pending).toBe(true)
    feed(operator, 2, 2 + SINK_BATCH_RECORDS + 5)
    operator.flush()
    operator.resume()
    expect(writer.batches.length).toBe(1)
    expect(operator.recordsWritten).toBe(0)
    writer.settle[0]!.resolve()
    await tick()
    expect(context.wakes).toBe(1)
    expect(operator.pending).toBe(false)
    expect(operator.recordsWritten).toBe(2)
    operator.resume()
    expect(writer.batches[1]!.values.length).toBe(SINK_BATCH_RECORDS)
    expect(writer.batches[1]!.times.length).toBe(SINK_BATCH_RECORDS)
    expect(operator.pending).toBe(true)
    writer.settle[1]!.resolve()
    await tick()
    operator.resume()
    expect(writer.batches.flatMap((batch) => batch.values)).toEqual(
      Array.from({ length: 2 + SINK_BATCH_RECORDS + 5 }, (_, i) => i),
    )
  })

  it.each(["onRecord", "resume", "flush", "finish"] as const)(
    "rethrows a failed write in the next %s(), and again",
    async (method) => {
      const { operator, writer, context } = opened(new SlowWriter())
      operator.onRecord(1, 1)
      operator.flush()
      writer.settle[0]!.reject(new Error("disk full"))
      await tick()
      expect(context.wakes).toBe(1)
      expect(operator.pending).toBe(true)
      expect(() => operator[method](2, 2)).toThrowError("disk full")
      expect(() => operator[method](2, 2)).toThrowError("disk full")
      expect(operator.recordsWritten).toBe(0)
      await expect(operator.prepareCommit(1)).rejects.toThrowError("disk full")
    },
  )

  it("throws what write() throws, and does not count the batch", () => {
    const { operator } = opened({
      write() {
        throw new Error("no such table")
      },
    })
    operator.onRecord(1, 1)
    expect(() => operator.flush()).toThrowError("no such table")
    expect(() => operator.flush()).toThrowError("no such table")
    expect(operator.recordsWritten).toBe(0)
  })

  it("does not wait for what is no promise", () => {
    const { operator } = opened({ write: () => true as unknown as undefined })
    operator.onRecord(1, 1)
    operator.flush()
    expect(operator.pending).toBe(false)
    expect(operator.recordsWritten).toBe(1)
  })

  it("prepareCommit() waits until all is written, in order", async () => {
    const { operator, writer } = opened(new SlowWriter())
    feed(operator, 0, 1)
    operator.flush()
    feed(operator, 1, 3)
    const prepared = operator.prepareCommit(4)
    await tick()
    expect(writer.batches.length).toBe(1)
    writer.settle[0]!.resolve()
    await tick()
    expect(writer.batches.map((batch) => batch.values)).toEqual([[0], [1, 2]])
    expect(writer.log).toEqual([])
    writer.settle[1]!.resolve()
    expect(await prepared).toEqual([{ file: "part-4" }])
    expect(operator.recordsWritten).toBe(3)
  })

  it("prepareCommit() answers nothing for a writer that has none", async () => {
    const { operator, writer } = opened(quickWriter())
    operator.onRecord(1, 1)
    expect(await operator.prepareCommit(1)).toEqual([])
    expect(writer.batches).toEqual([[1]])
  })

  it("close(false) writes what is left and closes the writer after the write under way", async () => {
    const { operator, writer } = opened(new SlowWriter())
    operator.onRecord(1, 1)
    operator.flush()
    operator.onRecord(2, 2)
    const closed = operator.close(false)
    writer.settle[0]!.resolve()
    await tick()
    expect(writer.log).toEqual([])
    writer.settle[1]!.resolve()
    await closed
    expect(writer.batches.length).toBe(2)
    expect(writer.log).toEqual(["close false"])
  })

  it("close(true) writes nothing more, and closes the writer as failed after the write under way", async () => {
    const { operator, writer } = opened(new SlowWriter())
    operator.onRecord(1, 1)
    operator.flush()
    operator.onRecord(2, 2)
    const closed = operator.close(true)
    await tick()
    expect(writer.log).toEqual([])
    writer.settle[0]!.reject(new Error("aborted"))
    await closed
    expect(writer.batches.length).toBe(1)
    expect(writer.log).toEqual(["close true"])
  })

  it("close(false) that cannot write the rest closes the writer as failed and rejects", async () => {
    const { operator, writer } = opened(new SlowWriter())
    operator.onRecord(1, 1)
    const closed = operator.close(false)
    await tick()
    writer.settle[0]!.reject(new Error("disk full"))
    await expect(closed).rejects.toThrowError("disk full")
    expect(writer.log).toEqual(["close true"])
  })

  it("leaves no rejection unhandled when nobody calls it again", async () => {
    const { operator, writer } = opened(new SlowWriter())
    operator.onRecord(1, 1)
    operator.flush()
    writer.settle[0]!.reject(new Error("lost connection"))
    // Vitest fails the run on an unhandled rejection.
    await tick()
    expect(operator.pending).toBe(true)
  })
})

import { Worker } from "node:worker_threads"
import { describe, expect, it } from "vitest"

// Against the built package: Node 20 cannot load TypeScript in a worker.
const dist = new URL("../../dist/", import.meta.url).href

/**
 * Two threads, one ring each way of waking. The producer offers numbered records in batches of changing size, with
 * watermarks and oversized records between; the consumer checks that each comes once, whole and in order.
 * Allowed outcome: all records in order, then the end, both threads done. Forbidden: a gap, a repetition, a torn record,
 * a watermark ahead of its records, credit left over, or no end within the time limit (a lost wake-up).
 */
const program = `
const { workerData, parentPort } = require("node:worker_threads")
// Keeps the thread alive: a waitAsync alone does not.
parentPort.on("message", () => {})

async function main() {
  const mailbox = await import(workerData.dist + "mailbox/index.js")
  const records = await import(workerData.dist + "records/index.js")
  const { role, ring, doorbells, count } = workerData
  const [own, peer] = role === "producer" ? [0, 1] : [1, 0]
  const sleeper = new mailbox.Sleeper(doorbells, own)
  const bell = new mailbox.SharedDoorbell(doorbells, peer)
  const codec = new records.RecordCodec()
  let sleeps = 0

  /** Runs step until it answers false, sleeping whenever it answers "idle". */
  async function loop(step) {
    for (;;) {
      let state = step()
      if (state === "done") return
      if (state !== "idle") continue
      sleeper.prepare()
      state = step()
      if (state === "idle") {
        sleeps++
        await sleeper.wait()
      } else {
        sleeper.cancel()
        if (state === "done") return
      }
    }
  }

  const recordAt = (index) => index % 5003 === 0
    ? { index, text: "large ".repeat(4000) }
    : { index, text: "record " + index, half: index / 2 }

  if (role === "producer") {
    const sender = new mailbox.RingSender({ ring, codec, receiverBell: bell })
    let next = 0
    let watermarked = -1
    await loop(() => {
      if (!sender.flush()) return "idle"
      if (next === count) {
        if (!sender.offerControl(records.END)) return "idle"
        return "done"
      }
      if (next % 97 === 0 && watermarked < next) {
        if (!sender.offerControl({ kind: records.ElementKind.WATERMARK, timeMs: next })) return "idle"
        watermarked = next
        return "progressed"
      }
      const size = Math.min(count - next, 1 + (next * 7) % 23)
      const batch = new records.RecordBatch()
      for (let i = 0; i < size; i++) {
        batch.values.push(recordAt(next + i))
        batch.times.push(next + i)
      }
      if (!sender.offerData(batch)) return "idle"
      next += size
      return "progressed"
    })
    await loop(() => (sender.inFlightRecords === 0 ? "done" : "idle"))
    parentPort.postMessage({ role, sent: next, inFlight: sender.inFlightRecords, sleeps })
  } else {
    const receiver = new mailbox.RingReceiver({ ring, codec, senderBell: bell })
    let expected = 0
    let watermarks = 0
    await loop(() => {
      const element = receiver.poll()
      if (element === undefined) return "idle"
      if (element.kind === records.ElementKind.DATA) {
        element.batch.values.forEach((record, i) => {
          const right = recordAt(expected)
          if (record.index !== expected || record.text !== right.text || record.half !== right.half || element.batch.times[i] !== expected) {
            throw new Error("expected record " + expected + ", found " + JSON.stringify(record).slice(0, 100))
          }
          expected++
        })
      } else if (element.kind === records.ElementKind.WATERMARK) {
        if (element.timeMs !== expected) throw new Error("watermark " + element.timeMs + " after " + expected + " records")
        watermarks++
      }
      receiver.release()
      return element.kind === records.ElementKind.END ? "done" : "progressed"
    })
    parentPort.postMessage({ role, received: expected, watermarks, sleeps })
  }
  parentPort.close()
}
main().catch((error) => { throw error })
`

interface Report {
  readonly role: string
  readonly sent?: number
  readonly inFlight?: number
  readonly received?: number
  readonly watermarks?: number
  readonly sleeps: number
}

function run(workerData: object): Promise<Report> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { eval: true, workerData })
    worker.once("message", resolve)
    worker.once("error", reject)
    worker.once("exit", (code) => reject(new Error(`the thread ended without a report, with code ${code}`)))
  })
}

describe("RingSender and RingReceiver on two threads", () => {
  it.each([
    { capacityRecords: 1, capacityBytes: 1 << 12, count: 3_000 },
    { capacityRecords: 3, capacityBytes: 1 << 10, count: 10_000 },
    { capacityRecords: 64, capacityBytes: 1 << 13, count: 50_000 },
    { capacityRecords: 4096, capacityBytes: 1 << 20, count: 200_000 },
  ])(
    "deliver $count records once and in order through $capacityRecords records, $capacityBytes bytes",
    async (options) => {
      const { createDoorbells, createRing } = (await import(`${dist}mailbox/index.js`)) as {
        createDoorbells(workers: number): SharedArrayBuffer
        createRing(options: { capacityRecords: number; capacityBytes: number }): SharedArrayBuffer
      }
      const shared = { dist, ring: createRing(options), doorbells: createDoorbells(2), count: options.count }
      const [producer, consumer] = await Promise.all([
        run({ ...shared, role: "producer" }),
        run({ ...shared, role: "consumer" }),
      ])
      expect(producer).toMatchObject({ sent: options.count, inFlight: 0 })
      expect(consumer.received).toBe(options.count)
      expect(consumer.watermarks).toBeGreaterThan(0)
      expect(producer.sleeps + consumer.sleeps).toBeGreaterThan(0)
    },
    60_000,
  )
})

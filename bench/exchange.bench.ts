/**
 * Question: how many records a second does one channel carry from thread to thread, and how much of that is the codec?
 * Topology: two threads, one channel. Ours is the ring of src/mailbox with doorbells and RecordCodec, as in a job. The receiver reads all
 * fields of every record into a checksum, which is compared with the sender's; "one field" reads one.
 * Baselines, in turn in one run: `postMessage` of the same batches (structured clone) with credits, msgpackr over a bare ring of slots, and
 * a copy of the same encoded bytes through that ring, which nobody decodes: what is left when a codec costs nothing.
 * Bounds: at least 5 times postMessage for records of numbers, at least 4 times for 7 fields with 3 strings, in batches of 64 and of 1,024.
 */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads"
import { alternate, type Bench, type BenchContext, check, ratios, spread } from "./bench.ts"

const DIST = new URL("../dist/", import.meta.url).href
const { createDoorbells, createRing } = (await import(`${DIST}mailbox/index.js`)) as {
  createDoorbells(workers: number): SharedArrayBuffer
  createRing(options: { capacityRecords: number; capacityBytes: number }): SharedArrayBuffer
}

type Transport = "mailbox" | "postMessage" | "msgpackr" | "memcpy"
const NAMES: Readonly<Record<Transport, string>> = {
  mailbox: "millrace",
  postMessage: "postMessage",
  msgpackr: "msgpackr, bare ring",
  memcpy: "memcpy, bare ring",
}
const BATCH_SIZES = { strings: [64, 1024, 1], numbers: [64, 1024, 1], nested: [64], "1 KB": [64] } as const
const BOUNDS: Readonly<Record<string, number>> = { numbers: 5, strings: 4 }
const LABELS: Readonly<Record<string, string>> = { numbers: "7 numbers", strings: "7 fields, 3 strings" }

interface Run {
  readonly transport: Transport
  readonly shape: string
  readonly batchSize: number
  readonly digest: "all" | "one"
  readonly seconds: number
}

/** Records a second that a transport is expected to carry, to choose how many to send. */
function guess({ transport, batchSize, shape }: Run): number {
  const perBatch = transport === "postMessage" ? 60_000 : 200_000
  const perRecord = { mailbox: 3e6, postMessage: 4e5, msgpackr: 6e5, memcpy: 2e7 }[transport]
  return 1 / (1 / (perBatch * batchSize) + (shape === "1 KB" ? 3 : 1) / perRecord)
}

/** @returns records per second, by the receiver's clock once both ends are warm */
async function measure(run: Run, cpu?: number[]): Promise<number> {
  const { batchSize, seconds } = run
  const timed = Math.max(20, Math.ceil((guess(run) * seconds) / batchSize))
  const warmUp = timed
  const shared = {
    ...run,
    timed,
    warmUp,
    dist: DIST,
    ring: createRing({ capacityRecords: 4096, capacityBytes: 4 * 2 ** 20 }),
    bare: createBareRing(2 ** 16 + 2048 * batchSize),
    doorbells: createDoorbells(2),
  }
  const { port1, port2 } = new MessageChannel()
  const [sent, received] = await Promise.all([
    peer({ ...shared, role: "sender", port: port1 }),
    peer({ ...shared, role: "receiver", port: port2 }),
  ])
  if (run.transport !== "memcpy") {
    const close = Math.abs(received.checksum - sent.checksum) <= 1e-9 * Math.abs(sent.checksum)
    check(close, `${run.transport}: the receiver read ${received.checksum}, the sender sent ${sent.checksum}`)
  }
  cpu?.push((received.cpuSeconds / (timed * batchSize)) * 1e9)
  return (timed * batchSize) / received.seconds
}

/** What exchange/bare-ring.mjs is made of. */
function createBareRing(slotBytes: number): object {
  return { words: new SharedArrayBuffer(256), data: new SharedArrayBuffer(16 * slotBytes), slotBytes }
}

interface Report {
  readonly checksum: number
  readonly seconds: number
  readonly cpuSeconds: number
}

function peer(data: { readonly port: MessagePort; readonly role: "sender" | "receiver" }): Promise<Report> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./exchange/peer.mjs", import.meta.url), {
      workerData: data,
      transferList: [data.port],
    })
    let report: Report | undefined
    worker.once("message", (message: Report) => (report = message))
    worker.once("error", reject)
    worker.once("exit", (code) => {
      if (report === undefined) reject(new Error(`a thread ended without a report, with code ${code}`))
      else resolve(report)
    })
  })
}

async function compare(context: BenchContext, shape: string, batchSize: number, rounds: number): Promise<void> {
  const { smoke, report, result } = context
  const seconds = smoke ? 0.01 : 0.25
  const cpu: Record<Transport, number[]> = { mailbox: [], postMessage: [], msgpackr: [], memcpy: [] }
  const variant = (transport: Transport) => () =>
    measure({ transport, shape, batchSize, digest: "all", seconds }, cpu[transport])
  report(`${shape}, ${batchSize} a batch`)
  const readings = await alternate(rounds, {
    mailbox: variant("mailbox"),
    postMessage: variant("postMessage"),
    msgpackr: variant("msgpackr"),
    memcpy: variant("memcpy"),
  })
  const label = (transport: Transport) =>
    `${LABELS[shape] ?? shape}, ${batchSize.toLocaleString("en")} a batch, ${NAMES[transport]}`
  for (const transport of Object.keys(readings) as Transport[]) {
    result({ variant: label(transport), metric: "throughput", unit: "records/s", readings: readings[transport] })
    result({ variant: label(transport), metric: "processor time", unit: "ns/record", readings: cpu[transport] })
  }
  const median = (values: readonly number[]) =>
    spread(
      values.map((each) => each / 1e6),
      2,
    )
  report(
    `  ${Object.entries(readings)
      .map(([name, each]) => `${name} ${median(each)}`)
      .join(", ")} M records/s`,
  )
  for (const transport of ["postMessage", "msgpackr"] as const) {
    const atLeast = transport === "postMessage" && batchSize > 1 ? BOUNDS[shape] : undefined
    result({
      variant: label("mailbox"),
      metric: "throughput",
      unit: "x",
      against: label(transport),
      readings: ratios(readings.mailbox, readings[transport]),
      ...(atLeast === undefined ? {} : { atLeast }),
    })
  }
}

/** A receiver that looks at one field of each record. */
async function compareOneField({ smoke, report, result }: BenchContext, rounds: number): Promise<void> {
  const seconds = smoke ? 0.01 : 0.25
  const variant = (transport: Transport) => () =>
    measure({ transport, shape: "strings", batchSize: 1024, digest: "one", seconds })
  report("strings, one field read")
  const readings = await alternate(rounds, { mailbox: variant("mailbox"), postMessage: variant("postMessage") })
  const label = (transport: Transport) => `7 fields, 3 strings, one field read, ${NAMES[transport]}`
  for (const transport of ["mailbox", "postMessage"] as const) {
    result({ variant: label(transport), metric: "throughput", unit: "records/s", readings: readings[transport] })
  }
  result({
    variant: label("mailbox"),
    metric: "throughput",
    unit: "x",
    against: label("postMessage"),
    readings: ratios(readings.mailbox, readings.postMessage),
  })
}

const bench: Bench = async (context) => {
  const rounds = context.smoke ? 1 : 5
  if (context.smoke) {
    await compare(context, "nested", 64, rounds)
    return
  }
  for (const [shape, sizes] of Object.entries(BATCH_SIZES)) {
    for (const batchSize of sizes) await compare(context, shape, batchSize, rounds)
  }
  await compareOneField(context, rounds)
}

export default bench

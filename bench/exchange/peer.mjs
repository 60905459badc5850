// One end of a channel of bench/exchange, on a thread of its own: sends or receives so many batches of one shape.
import { parentPort, workerData } from "node:worker_threads"
import { Packr, Unpackr } from "msgpackr"
import { BareRing } from "./bare-ring.mjs"
import { batchesOf, checksumOf, shapes } from "./shapes.mjs"

const { role, transport, shape, batchSize, warmUp, timed, digest, port, ring, bare, doorbells, dist } = workerData
const { RingSender, RingReceiver, Sleeper, SharedDoorbell } = await import(`${dist}mailbox/index.js`)
const { BatchCodec, ElementKind, RecordBatch, RecordCodec } = await import(`${dist}records/index.js`)
const total = warmUp + timed
// A thread whose only hope is a waitAsync ends.
const alive = setInterval(() => undefined, 1e6)
const digestOf = shapes[shape][digest]

/** A worker of the engine: works while there is something to do, looks around for a while, then sleeps until it is woken. */
async function loop(step) {
  const sleeper = new Sleeper(doorbells, role === "sender" ? 0 : 1)
  for (let idle = 0; ; ) {
    const state = step()
    if (state === "done") return
    if (state === "progressed") {
      idle = 0
      continue
    }
    idle += 1
    if (idle < 100) continue
    sleeper.prepare()
    const last = step()
    if (last === "idle") await sleeper.wait()
    else sleeper.cancel()
    if (last === "done") return
  }
}

const senders = {
  async mailbox(batches) {
    const receiverBell = new SharedDoorbell(doorbells, 1)
    const sender = new RingSender({ ring, codec: new RecordCodec(), receiverBell })
    const ready = batches.map(
      (values) =>
        new RecordBatch(
          values,
          values.map((_, index) => index),
        ),
    )
    let sent = 0
    await loop(() => {
      if (sent === total) return sender.flush() && sender.inFlightRecords === 0 ? "done" : "idle"
      if (!sender.offerData(ready[sent % ready.length])) return "idle"
      sent += 1
      return "progressed"
    })
  },
  async postMessage(batches) {
    let credit = Math.max(8, Math.ceil(4096 / batchSize))
    let resume
    port.on("message", (more) => {
      credit += more
      resume?.()
    })
    for (let sent = 0; sent < total; sent++) {
      while (credit === 0) await new Promise((resolve) => (resume = resolve))
      credit -= 1
      port.postMessage(batches[sent % batches.length])
    }
  },
  async msgpackr(batches) {
    const out = new BareRing(bare)
    const packr = new Packr()
    for (let sent = 0; sent < total; sent++) {
      out.send((slot) => {
        const bytes = packr.pack(batches[sent % batches.length])
        slot.set(bytes)
        return bytes.length
      })
    }
  },
  async memcpy(batches) {
    const out = new BareRing(bare)
    const frames = batches.map((values) =>
      new BatchCodec(new RecordCodec()).encode(
        new RecordBatch(
          values,
          values.map(() => 0),
        ),
      ),
    )
    for (let sent = 0; sent < total; sent++) {
      out.send((slot) => {
        const bytes = frames[sent % frames.length]
        slot.set(bytes)
        return bytes.length
      })
    }
  },
}

/** Each calls `take` with what came of a batch. */
const receivers = {
  async mailbox(take) {
    const receiver = new RingReceiver({ ring, codec: new RecordCodec(), senderBell: new SharedDoorbell(doorbells, 0) })
    let received = 0
    await loop(() => {
      const element = receiver.poll()
      if (element === undefined) return "idle"
      if (element.kind !== ElementKind.DATA) throw new Error(`an element of kind ${element.kind}`)
      take(element.batch.values)
      receiver.release()
      received += 1
      return received === total ? "done" : "progressed"
    })
  },
  postMessage(take) {
    const share = Math.max(4, Math.ceil(2048 / batchSize))
    let received = 0
    return new Promise((resolve) => {
      port.on("message", (values) => {
        take(values)
        received += 1
        if (received % share === 0) port.postMessage(share)
        if (received === total) resolve()
      })
    })
  },
  async msgpackr(take) {
    const from = new BareRing(bare)
    const unpackr = new Unpackr()
    for (let received = 0; received < total; received++) {
      // Copied out first: its native part is many times slower on shared memory.
      from.receive((slot) => take(unpackr.unpack(Buffer.from(slot))))
    }
  },
  async memcpy(take) {
    const from = new BareRing(bare)
    for (let received = 0; received < total; received++) from.receive((slot) => take(slot.slice()))
  },
}

if (role === "sender") {
  const batches = batchesOf(shape, batchSize)
  let checksum = 0
  const sums = batches.map((values) => checksumOf(values, digestOf))
  for (let sent = 0; sent < total; sent++) checksum += sums[sent % sums.length]
  await senders[transport](batches)
  parentPort.postMessage({ checksum })
} else {
  let received = 0
  let checksum = 0
  let startNs = 0n
  let startCpu
  await receivers[transport]((values) => {
    checksum += transport === "memcpy" ? values.length : checksumOf(values, digestOf)
    received += 1
    if (received === warmUp) {
      startNs = process.hrtime.bigint()
      startCpu = process.cpuUsage()
    }
  })
  const seconds = Number(process.hrtime.bigint() - startNs) / 1e9
  const { user, system } = process.cpuUsage(startCpu)
  parentPort.postMessage({ checksum, seconds, cpuSeconds: (user + system) / 1e6 })
}
port.close()
clearInterval(alive)

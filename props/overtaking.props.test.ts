import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Chain } from "../src/actors/chain.ts"
import type { ChannelPlace, InFlightSource } from "../src/actors/in-flight.ts"
import { InputGate } from "../src/actors/input-gate.ts"
import { OutChannel } from "../src/actors/out-channel.ts"
import { Pressure } from "../src/actors/pressure.ts"
import { placeInFlight, type RestoredChannel } from "../src/actors/restore-in-flight.ts"
import {
  type ChannelReceiver,
  type ChannelSender,
  createLocalChannel,
  createRing,
  RingReceiver,
  RingSender,
} from "../src/mailbox/index.ts"
import type { Edge } from "../src/plan/index.ts"
import { BatchCodec, ElementKind, IDLE, type RecordBatch, RecordCodec } from "../src/records/index.ts"
import { createBarrierHandler } from "../src/snapshot/index.ts"
import type { BlockInput } from "../src/snapshot/store/index.ts"

// Senders and one gate, driven by hand in any order; at a checkpoint each sender captures when it likes, and the gate when its
// barriers say so. What is saved is put together as a restore does it, and compared with a list of what was sent.

interface SentRecord {
  readonly from: number
  readonly number: number
  readonly pad: string
  /** Set by whoever got the record: its sender must not save it as it is then. */
  touched?: boolean
}

type Step =
  | { readonly do: "send"; readonly from: number; readonly pad: number }
  | { readonly do: "watermark" | "idle" | "flush" | "capture"; readonly from: number }
  /** `meanwhile`: a sender on another thread captures while records are being read, and goes on. */
  | { readonly do: "read"; readonly budget: number; readonly meanwhile: number | undefined }
  | { readonly do: "copy" | "tick" | "abort" }

interface Given {
  readonly senders: number
  readonly local: boolean
  readonly capacityRecords: number
  readonly timeoutMs: number
  readonly steps: readonly Step[]
}

/** What one sender counts as sent before a checkpoint's barrier. */
interface Cut {
  readonly records: number
}

const decoder = new BatchCodec(new RecordCodec())
const nobody = { ring: () => undefined }
const edge = { exchange: "forward", keyOf: undefined } as unknown as Edge

class Cluster {
  readonly given: Given
  readonly places: readonly ChannelPlace[]
  readonly senders: readonly OutChannel[]
  readonly gate: InputGate
  /** Records given to each channel, by number. */
  readonly sent: number[]
  readonly delivered: SentRecord[] = []
  nowMs = 0
  checkpointId = 0
  bornMs = 0
  /** Of the checkpoint under way. */
  cuts: (Cut | undefined)[]
  sources: InFlightSource[] = []
  blocks: BlockInput[] = []
  captured: { readonly delivered: readonly number[]; readonly watermarkMs: number } | undefined
  #watermarkMs: number[]
  completed = 0
  saved = 0

  constructor(given: Given) {
    this.given = given
    const numbers = Array.from({ length: given.senders }, (_, from) => from)
    this.places = numbers.map((from) => ({
      consumer: "to",
      edge: "e",
      from,
      to: 0,
      senders: given.senders,
      receivers: 1,
      exchange: "forward",
    }))
    const ends = numbers.map(() => this.#open())
    this.senders = ends.map(
      ({ sender }, from) =>
        new OutChannel(sender, new Pressure(), {
          checksRecords: false,
          producer: { operatorId: "from", subtask: from },
          place: this.places[from]!,
        }),
    )
    this.gate = new InputGate({
      channels: ends.map(({ receiver }) => receiver),
      barriers: createBarrierHandler({ kind: "unaligned", timeoutMs: given.timeoutMs }, given.senders),
      now: () => this.nowMs,
      overtaking: { places: this.places },
    })
    this.sent = numbers.map(() => 0)
    this.cuts = numbers.map(() => undefined)
    this.#watermarkMs = numbers.map(() => 0)
  }

  #open(): { sender: ChannelSender; receiver: ChannelReceiver } {
    const { local, capacityRecords } = this.given
    if (local) {
      return createLocalChannel({ capacityRecords, wakeReceiver: () => undefined, wakeSender: () => undefined })
    }
    const ring = createRing({ capacityRecords, capacityBytes: 1024 })
    return {
      sender: new RingSender({ ring, codec: new RecordCodec(), receiverBell: nobody }),
      receiver: new RingReceiver({ ring, codec: new RecordCodec(), senderBell: nobody }),
    }
  }

  /** Takes up to `budget` records, as a chain would, and spoils them: they belong to the receiver. */
  read(budget: number, meanwhile?: number): void {
    if (this.gate.barrierDue !== undefined) return
    const chain = {
      blocked: false,
      run: (batch: RecordBatch, from: number, to: number) => {
        for (const value of batch.values.slice(from, to)) {
          const record = value as SentRecord
          expect(record.touched).toBeUndefined()
          this.delivered.push({ ...record })
          record.touched = true
        }
        if (meanwhile !== undefined) {
          this.capture(meanwhile)
          this.senders[meanwhile]!.flush(true)
        }
        return to
      },
    }
    this.gate.step(chain as unknown as Chain, budget)
  }

  capture(from: number): void {
    if (this.cuts.every((cut) => cut === undefined)) {
      if (this.captured !== undefined) return
      this.checkpointId += 1
      this.bornMs = this.nowMs
    }
    if (this.cuts[from] !== undefined) return
    this.cuts[from] = { records: this.sent[from]! }
    const { checkpointId, bornMs } = this
    const rest = this.senders[from]!.overtake({ kind: ElementKind.BARRIER, checkpointId, bornMs })
    if (rest !== undefined) this.sources.push(rest)
  }

  /** What a subtask does in each step. */
  notice(): void {
    this.gate.notice()
    if (this.gate.barrierDue === undefined) return
    expect(this.gate.barrierDue.checkpointId).toBe(this.checkpointId)
    const { inFlight, received } = this.gate.passBarrier()
    this.sources.push(inFlight!)
    this.captured = { delivered: received, watermarkMs: this.gate.watermarkMs }
  }

  /** @returns whether the checkpoint is complete */
  copy(): boolean {
    for (const source of this.sources) {
      source.step()
      this.blocks.push(...source.takeBlocks())
    }
    return (
      this.captured !== undefined && this.cuts.every((cut) => cut !== undefined) && this.sources.every((s) => s.done)
    )
  }

  /** CUT-1, UC-1: what is saved of each channel is exactly what was sent before the barrier and not delivered before the capture. */
  check(): void {
    const channels: RestoredChannel[] = this.places.map((place) => ({ place, edge }))
    const blocks = this.blocks.map((block) => ({ table: block.table, bytes: block.bytes }))
    const queues = placeInFlight(blocks, channels, { checkpointId: this.checkpointId, subtask: 0, keyGroups: 128 })
    const restored = this.places.map(() => [] as number[])
    for (const queue of queues) {
      for (let element = queue.shift(); element !== undefined; element = queue.shift()) {
        if (element.kind !== ElementKind.DATA) continue
        for (const value of decoder.decode(element.content as Uint8Array).values as SentRecord[]) {
          expect(value.touched).toBeUndefined()
          expect(value.from).toBe(queue.account)
          restored[queue.account]!.push(value.number)
        }
      }
    }
    for (const [from, cut] of this.cuts.entries()) {
      const before = this.captured!.delivered[from]!
      expect(restored[from]).toEqual(Array.from({ length: cut!.records - before }, (_, index) => before + index))
    }
    this.completed += 1
    this.saved += restored.flat().length
    this.forget()
  }

  forget(): void {
    this.cuts = this.cuts.map(() => undefined)
    this.sources = []
    this.blocks = []
    this.captured = undefined
  }

  run(step: Step): void {
    switch (step.do) {
      case "send":
        this.senders[step.from]!.append(
          { from: step.from, number: this.sent[step.from]!, pad: "x".repeat(step.pad) },
          0,
        )
        this.sent[step.from]! += 1
        break
      case "watermark":
        this.#watermarkMs[step.from]! += 1
        this.senders[step.from]!.watermark(this.#watermarkMs[step.from]!)
        break
      case "idle":
        this.senders[step.from]!.mark(IDLE)
        break
      case "flush":
        this.senders[step.from]!.flush(true)
        break
      case "capture":
        this.capture(step.from)
        break
      case "read":
        this.notice()
        this.read(step.budget, step.meanwhile)
        break
      case "tick":
        this.nowMs += 10
        break
      case "copy":
        this.notice()
        if (this.copy()) this.check()
        break
      case "abort":
        if (this.cuts.every((cut) => cut === undefined)) break
        for (const source of this.sources) source.cancel()
        this.gate.abortCheckpoint(this.checkpointId)
        this.forget()
        break
    }
  }
}

const from = fc.nat(2)
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      from,
      pad: fc.oneof({ weight: 4, arbitrary: fc.nat(20) }, fc.constantFrom(300, 700, 2500)),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom("watermark" as const, "idle" as const, "flush" as const), from }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("capture" as const), from }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      budget: fc.integer({ min: 1, max: 6 }),
      meanwhile: fc.option(from, { nil: undefined }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("copy" as const, "copy" as const, "tick" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("abort" as const) }) },
)
const given: fc.Arbitrary<Given> = fc
  .record({
    senders: fc.integer({ min: 1, max: 3 }),
    local: fc.boolean(),
    capacityRecords: fc.integer({ min: 1, max: 8 }),
    timeoutMs: fc.constantFrom(0, 0, 15, 60),
    steps: fc.array(steps, { minLength: 20, maxLength: 160, size: "max" }),
  })
  .map((drawn) => ({
    ...drawn,
    steps: drawn.steps.map((step) => {
      if ("from" in step) return { ...step, from: step.from % drawn.senders }
      if (step.do === "read" && step.meanwhile !== undefined)
        return { ...step, meanwhile: step.meanwhile % drawn.senders }
      return step
    }),
  }))

/** Counts what the runs reached: a property that completes no checkpoint proves nothing. */
const reached = { completed: 0, saved: 0 }

describe("senders and a gate whose barriers overtake records", () => {
  it("CUT-1 CUT-2 UC-1 UC-2 UC-3 UC-5 BAR-5 BAR-6 save each record on its way once, by one end, in any order of steps", () => {
    fc.assert(
      fc.property(given, (drawn) => {
        const cluster = new Cluster(drawn)
        for (const step of drawn.steps) cluster.run(step)
        // BAR-7: without anything more being read, once every sender has captured and the time is out.
        for (let sender = 0; sender < drawn.senders; sender++) cluster.capture(sender)
        cluster.nowMs += 1000
        for (let rounds = 0; cluster.cuts.some((cut) => cut !== undefined); rounds++) {
          expect(rounds).toBeLessThan(200)
          cluster.run({ do: "copy" })
        }
        reached.completed += cluster.completed
        reached.saved += cluster.saved
        drain(cluster)
      }),
      { numRuns: 2 * fc.readConfigureGlobal().numRuns! },
    )
    for (const [name, times] of Object.entries(reached)) expect(times, name).toBeGreaterThan(100)
  })
})

/** Everything sent arrives, once, and in each channel's order: what was copied was not taken. */
function drain(cluster: Cluster): void {
  const total = cluster.sent.reduce((sum, count) => sum + count, 0)
  for (let rounds = 0; rounds < 5000 && cluster.delivered.length < total; rounds++) {
    for (const sender of cluster.senders) sender.flush(true)
    cluster.gate.notice()
    if (cluster.gate.barrierDue !== undefined) cluster.gate.passBarrier()
    cluster.read(100)
  }
  for (const [from, count] of cluster.sent.entries()) {
    const arrived = cluster.delivered.filter((record) => record.from === from).map(({ number }) => number)
    expect(arrived).toEqual(Array.from({ length: count }, (_, index) => index))
  }
}

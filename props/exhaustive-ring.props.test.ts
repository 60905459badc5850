import { afterAll, describe, expect, it } from "vitest"
import { type Announcement, createRing, RingReceiver, RingSender } from "../src/mailbox/index.ts"
import { MIN_DATA_BYTES, presetCursors, Word } from "../src/mailbox/layout.ts"
import {
  type ChannelElement,
  type ControlElement,
  ElementKind,
  END,
  IDLE,
  NO_TIME,
  RecordBatch,
  type ValueCodec,
} from "../src/records/index.ts"
import { bytesCodec } from "./_bytes-codec.ts"
import { bellOf, type Explored, explore, RECEIVER, SENDER, type Thread } from "./_interleavings.ts"

/** What the sender does, one after the other: a batch of so many records, a control element, an announcement. */
type Action =
  | { readonly batch: readonly string[] }
  | { readonly control: ControlElement }
  | { readonly announce: number }

interface Scenario {
  readonly name: string
  readonly capacityRecords: number
  readonly startCursor?: number
  readonly alarms?: number
  readonly actions: readonly Action[]
}

const barrier = (checkpointId: number): ControlElement => ({
  kind: ElementKind.BARRIER,
  checkpointId,
  bornMs: bornMs(checkpointId),
})
const bornMs = (checkpointId: number) => checkpointId * 1000.5
const watermark = (timeMs: number): ControlElement => ({ kind: ElementKind.WATERMARK, timeMs })

const SCENARIOS: readonly Scenario[] = [
  {
    name: "capacity 1, each record waits for the one before it",
    capacityRecords: 1,
    actions: [{ batch: ["a"] }, { batch: ["b"] }, { batch: ["c"] }, { control: END }],
  },
  {
    name: "capacity 2, control between data",
    capacityRecords: 2,
    actions: [{ batch: ["a"] }, { control: watermark(7) }, { batch: ["b", "c"] }, { control: IDLE }, { control: END }],
  },
  {
    name: "capacity 3, a batch above the credit waits until nothing is in flight",
    capacityRecords: 3,
    actions: [{ batch: ["a", "b"] }, { batch: ["c", "d"] }, { batch: ["e", "f", "g", "h"] }, { control: END }],
  },
  {
    name: "frames meet the end of the data, and cursors the end of 32 bits",
    capacityRecords: 2,
    startCursor: 2 ** 31 - 40,
    actions: [{ batch: ["a"] }, { batch: ["bcdefghi"] }, { control: barrier(1) }, { control: END }],
  },
  {
    name: "a barrier announced ahead of data that waits",
    capacityRecords: 1,
    actions: [{ batch: ["a"] }, { announce: 1 }, { batch: ["b"] }, { control: barrier(1) }, { control: END }],
  },
  {
    name: "one announcement replaces another",
    capacityRecords: 2,
    actions: [{ announce: 1 }, { batch: ["a"] }, { announce: 2 }, { control: barrier(2) }, { control: END }],
  },
  {
    name: "a record in fragments, larger than the ring",
    capacityRecords: 1,
    actions: [{ batch: ["x".repeat(MIN_DATA_BYTES + 200)] }, { control: END }],
  },
  {
    name: "an alarm of its own wakes the sender while it waits",
    capacityRecords: 1,
    alarms: 1,
    actions: [{ batch: ["a"] }, { batch: ["b"] }, { control: END }],
  },
]

const explored: [string, Explored][] = []

describe("RING-1 RING-3 RING-4 RING-5 RING-6, every interleaving of two threads", () => {
  it.each(SCENARIOS)("$name: FIFO, whole, credits kept, nobody sleeps for good", async (scenario) => {
    const ring = createRing({ capacityRecords: scenario.capacityRecords, capacityBytes: MIN_DATA_BYTES })
    presetCursors(ring, scenario.startCursor ?? 0)
    const words = new Int32Array(ring)
    const start = words[Word.RELEASED]!
    const result = await explore({
      ring,
      alarms: scenario.alarms ?? 0,
      sender: (thread) => send(thread, scenario),
      receiver: (thread) => receive(thread, scenario),
      holds: (now, [offered, taken]) => {
        const queued = (now[Word.PUBLISHED]! - now[Word.RELEASED]!) | 0
        if (queued < 0 || queued > MIN_DATA_BYTES) return `${queued} bytes are in a ring of ${MIN_DATA_BYTES}`
        const released = (now[Word.RELEASED_UNITS + ElementKind.DATA]! - start) | 0
        const inFlight = offered - released
        const alone = batches(scenario).some(({ before, size }) => offered === before + size && inFlight === size)
        if (released > taken) return `${released} records are released, and ${taken} taken`
        if (inFlight > scenario.capacityRecords && !alone) {
          return `${inFlight} records are in flight with credit for ${scenario.capacityRecords}`
        }
        return undefined
      },
    })
    explored.push([scenario.name, result])
    expect(result.states).toBeGreaterThan(100)
  })
})

afterAll(() => {
  for (const [name, { states, steps, interleavings, executions }] of explored) {
    const schedules = interleavings.toExponential(1)
    console.log(`${name}: ${states} states, ${steps} steps, ${schedules} interleavings, ${executions} executions`)
  }
})

async function send(thread: Thread, { actions }: Scenario): Promise<void> {
  const sender = new RingSender({ ring: thread.ring, codec: textCodec(), receiverBell: bellOf(thread, RECEIVER) })
  thread.start()
  let offered = 0
  for (const [index, action] of actions.entries()) {
    thread.remember(`action ${index}`)
    if ("announce" in action) {
      sender.announce({ checkpointId: action.announce, bornMs: bornMs(action.announce) })
    } else if ("control" in action) {
      await thread.until(() => sender.offerControl(action.control))
    } else {
      const batch = new RecordBatch(
        [...action.batch],
        action.batch.map(() => NO_TIME),
      )
      await thread.until(() => sender.offerData(batch))
      offered += batch.size
      thread.note(offered)
    }
  }
  thread.remember("flush")
  await thread.until(() => sender.flush())
  // All of it comes back.
  thread.remember("drain")
  await thread.until(() => sender.inFlightRecords === 0)
}

async function receive(thread: Thread, { actions }: Scenario): Promise<void> {
  const held: { bytes: Uint8Array | undefined } = { bytes: undefined }
  const codec = textCodec((bytes) => {
    held.bytes = bytes
  })
  const receiver = new RingReceiver({ ring: thread.ring, codec, senderBell: bellOf(thread, SENDER) })
  thread.start()
  const positions = unitsBefore(actions)
  let taken = 0
  let announced: Announcement | undefined
  for (const [index, action] of actions.entries()) {
    if ("announce" in action) continue
    let element: ChannelElement | undefined
    const remember = (what: string) =>
      thread.remember(`${what} ${index}, announced ${announced?.checkpointId} at ${announced?.position}`)
    remember("waits for")
    await thread.until(() => {
      element = receiver.poll()
      return element !== undefined
    })
    const expected = "control" in action ? action.control : [...action.batch]
    const found = element!.kind === ElementKind.DATA ? element!.batch.values : element
    same(found, expected, `element ${index}`)
    announced = receiver.announcement
    remember("holds")
    // Announced first, so what comes behind its place comes with it; unless the sender is writing the next one already.
    const latest = actions.slice(0, index).reduce((id, each) => ("announce" in each ? each.announce : id), 0)
    const replaced = actions.slice(index).some((each) => "announce" in each)
    if (!replaced && (announced?.checkpointId ?? 0) < latest)
      throw new Error(`barrier ${latest} was announced, and is not seen`)
    if (announced !== undefined) {
      same(announced.bornMs, bornMs(announced.checkpointId), "the time announced")
      const at = positions.get(announced.checkpointId)!
      if (!at.includes(announced.position)) throw new Error(`announced at ${announced.position}, not at ${at}`)
    }
    if (element!.kind === ElementKind.DATA) {
      thread.use()
      same(text(held.bytes!).split("|"), expected, "what is held")
      taken += element!.batch.size
      thread.note(taken)
    }
    receiver.release()
  }
  same(receiver.ready, false, "more is there")
}

/** Where each barrier may be announced: all that was accepted, or without what still waits to be sent. */
function unitsBefore(actions: readonly Action[]): Map<number, number[]> {
  const positions = new Map<number, number[]>()
  let units = 0
  for (const action of actions) {
    if ("announce" in action) positions.set(action.announce, [units])
    else units += "batch" in action ? action.batch.length : 1
  }
  return positions
}

function batches({ actions }: Scenario): { before: number; size: number }[] {
  let before = 0
  return actions.flatMap((action) => {
    if (!("batch" in action)) return []
    const batch = { before, size: action.batch.length }
    before += batch.size
    return [batch]
  })
}

/** Text with a bar between values. Shows the bytes it decodes as they lie in the ring. */
function textCodec(onDecode?: (bytes: Uint8Array) => void): ValueCodec {
  return bytesCodec(
    (values) => new Uint8Array(Buffer.from(values.join("|"), "latin1")),
    (bytes) => {
      onDecode?.(bytes)
      return text(bytes).split("|")
    },
  )
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1")
}

function same(found: unknown, expected: unknown, what: string): void {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)]
  if (one !== other) throw new Error(`${what} is ${one?.slice(0, 200)}, not ${other?.slice(0, 200)}`)
}

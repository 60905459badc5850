import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Chain } from "../src/actors/chain.ts"
import { type ChannelPlace, InFlightKind, InFlightRows } from "../src/actors/in-flight.ts"
import { InputGate } from "../src/actors/input-gate.ts"
import { placeInFlight } from "../src/actors/restore-in-flight.ts"
import { type ChannelSender, createLocalChannel } from "../src/mailbox/index.ts"
import type { Edge } from "../src/plan/index.ts"
import { ElementKind, RecordBatch } from "../src/records/index.ts"
import { createBarrierHandler } from "../src/snapshot/index.ts"
import type { BlockInput } from "../src/snapshot/store/index.ts"
import { hashKey, keyGroupOf, subtaskOfKeyGroup } from "../src/state/index.ts"

const KEY_GROUPS = 16
const SENDERS = 2
const edge = {
  id: 0,
  from: 0,
  to: 1,
  exchange: "hash",
  keyOf: (value: unknown) => (value as Sent).key,
} as unknown as Edge

interface Sent {
  readonly key: number
  readonly from: number
  readonly number: number
}

interface Saved {
  readonly blocks: readonly BlockInput[]
  /** By former subtask: what a manifest has of it, and where its operators stood. */
  readonly reachedMs: readonly number[]
  readonly operatorsMs: readonly number[]
}

function ownerOf(key: number, receivers: number): number {
  return subtaskOfKeyGroup(keyGroupOf(hashKey(key), KEY_GROUPS), KEY_GROUPS, receivers)
}

function placesOf(to: number, receivers: number): ChannelPlace[] {
  return Array.from({ length: SENDERS }, (_, from): ChannelPlace => {
    return { consumer: "windows", edge: "e", from, to, senders: SENDERS, receivers, exchange: "hash" }
  })
}

/** What the first run left: records queued before subtasks that have got as far as `reachedMs` says. */
function firstRun(records: readonly Sent[], reachedMs: readonly number[]): Saved {
  const receivers = reachedMs.length
  const blocks: BlockInput[] = []
  for (let to = 0; to < receivers; to++) {
    for (const place of placesOf(to, receivers)) {
      const state = new InFlightRows(place, InFlightKind.STATE)
      state.addState(0)
      const queue = new InFlightRows(place, InFlightKind.QUEUE)
      const mine = records.filter(({ key, from }) => from === place.from && ownerOf(key, receivers) === to)
      for (const [position, record] of mine.entries()) {
        const content = new RecordBatch([record], [0], [hashKey(record.key)])
        queue.add(position, { kind: ElementKind.DATA, records: 1, content })
      }
      blocks.push(...state.takeBlocks(), ...queue.takeBlocks())
    }
  }
  return { blocks, reachedMs, operatorsMs: reachedMs }
}

interface Delivered extends Sent {
  /** The operators' watermark. */
  readonly judgedMs: number
}

/** A subtask that goes on from what was saved: its gate, and a chain that knows nothing but its watermark. */
class Restored {
  readonly delivered: Delivered[] = []
  readonly #gate: InputGate
  readonly #senders: ChannelSender[] = []
  #watermarkMs: number

  constructor(saved: Saved, subtask: number, receivers: number) {
    const { blocks, reachedMs, operatorsMs } = saved
    const places = placesOf(subtask, receivers)
    const receiversEnds = places.map(() => {
      const { sender, receiver } = createLocalChannel({
        capacityRecords: 4,
        wakeReceiver: () => undefined,
        wakeSender: () => undefined,
      })
      this.#senders.push(sender)
      return receiver
    })
    this.#gate = new InputGate({
      channels: receiversEnds,
      barriers: createBarrierHandler({ kind: "unaligned", timeoutMs: 0 }, SENDERS),
      now: () => 0,
      overtaking: { places },
    })
    const channels = places.map((place) => ({ place, edge }))
    this.#gate.restore(placeInFlight(blocks, channels, { checkpointId: 1, subtask, keyGroups: KEY_GROUPS, reachedMs }))
    this.#watermarkMs = receivers === operatorsMs.length ? operatorsMs[subtask]! : Math.min(...operatorsMs)
  }

  get watermarkMs(): number {
    return this.#watermarkMs
  }

  /** Takes up to `budget` records; the operators follow the watermark now, or are still at the one before. */
  step(budget: number, follows: boolean): void {
    const chain = {
      blocked: false,
      watermarkMs: this.#watermarkMs,
      run: (batch: RecordBatch, from: number, to: number) => {
        for (const value of batch.values.slice(from, to)) {
          this.delivered.push({ ...(value as Sent), judgedMs: this.#watermarkMs })
        }
        return to
      },
    }
    this.#gate.step(chain as unknown as Chain, budget)
    if (follows && this.#gate.watermarkMs > this.#watermarkMs) this.#watermarkMs = this.#gate.watermarkMs
  }

  /** Everything that was restored is handed on, and the last watermark reached. */
  drain(): void {
    for (let before = -1; before !== this.delivered.length; ) {
      before = this.delivered.length
      for (let step = 0; step < 200; step++) this.step(3, true)
    }
  }

  /** A barrier that overtakes. */
  capture(): { readonly blocks: readonly BlockInput[]; readonly reachedMs: number; readonly operatorsMs: number } {
    for (const sender of this.#senders) {
      sender.announce({ checkpointId: 1, bornMs: 0 })
      sender.offerControl({ kind: ElementKind.BARRIER, checkpointId: 1, bornMs: 0 })
    }
    this.#gate.notice()
    const { inFlight, owedMs } = this.#gate.passBarrier()
    const blocks: BlockInput[] = []
    while (!inFlight!.done) {
      inFlight!.step()
      blocks.push(...inFlight!.takeBlocks())
    }
    blocks.push(...inFlight!.takeBlocks())
    return { blocks, reachedMs: Math.max(this.#watermarkMs, owedMs!), operatorsMs: this.#watermarkMs }
  }
}

const steps = fc.array(
  fc.record({ subtask: fc.nat(3), budget: fc.integer({ min: 1, max: 3 }), follows: fc.boolean() }),
  {
    maxLength: 12,
  },
)
const generations = fc.array(fc.record({ receivers: fc.integer({ min: 1, max: 4 }), steps }), {
  minLength: 1,
  maxLength: 4,
})

describe("records in flight that go to other subtasks", () => {
  it("UC-4, TIM-1: each comes once, in order, and is judged late by the watermark of whoever had it before it", () => {
    const sent = fc.array(fc.record({ key: fc.nat(30), from: fc.nat(SENDERS - 1) }), { maxLength: 24, size: "max" })
    const reached = fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(sent, reached, generations, (list, reachedMs, runs) => {
        const records = list.map((each, number): Sent => ({ ...each, number }))
        let saved = firstRun(records, reachedMs)
        const delivered: Delivered[] = []
        let subtasks: Restored[] = []
        for (const [index, { receivers, steps }] of runs.entries()) {
          subtasks = Array.from({ length: receivers }, (_, subtask) => new Restored(saved, subtask, receivers))
          for (const { subtask, budget, follows } of steps) subtasks[subtask % receivers]!.step(budget, follows)
          if (index === runs.length - 1) for (const each of subtasks) each.drain()
          else {
            const shares = subtasks.map((each) => each.capture())
            saved = {
              blocks: shares.flatMap(({ blocks }) => blocks),
              reachedMs: shares.map((share) => share.reachedMs),
              operatorsMs: shares.map((share) => share.operatorsMs),
            }
          }
          delivered.push(...subtasks.flatMap((each) => each.delivered))
        }
        const judged = records.map(
          (each): Delivered => ({ ...each, judgedMs: reachedMs[ownerOf(each.key, reachedMs.length)]! }),
        )
        const inOrder = [...delivered].sort((a, b) => a.number - b.number)
        expect(inOrder).toEqual(judged)
        for (const key of new Set(records.map((each) => each.key))) {
          for (let from = 0; from < SENDERS; from++) {
            const numbers = delivered
              .filter((each) => each.key === key && each.from === from)
              .map((each) => each.number)
            expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
          }
        }
        // What comes behind all of it is late to whomever it comes if it was late to one.
        const isMoved = runs.some(
          ({ receivers }, index) => receivers !== (runs[index - 1]?.receivers ?? reachedMs.length),
        )
        if (isMoved)
          expect(subtasks.map(({ watermarkMs }) => watermarkMs)).toEqual(subtasks.map(() => Math.max(...reachedMs)))
        else expect(subtasks.map(({ watermarkMs }) => watermarkMs)).toEqual(reachedMs)
      }),
    )
  })
})

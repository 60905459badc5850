import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { OutChannel } from "../src/actors/out-channel.ts"
import { Pressure } from "../src/actors/pressure.ts"
import { createLocalChannel } from "../src/mailbox/index.ts"
import { type ChannelElement, ElementKind, IDLE } from "../src/records/index.ts"

/** What a subtask says to one of its outputs, and what the receiver does. */
const step = fc.constantFrom(
  "record",
  "record",
  "record",
  "watermark",
  "barrier",
  "idle",
  "flush",
  "flush all",
  "take",
  "take",
)

const nothing = (): void => undefined

describe("an out-channel", () => {
  it("hands on records, barriers and idleness in the order in which it took them, whatever room there is", () => {
    let barriersInBatches = 0
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.array(step, { maxLength: 60, size: "max" }),
        (capacityRecords, steps) => {
          const { sender, receiver } = createLocalChannel({
            capacityRecords,
            wakeReceiver: nothing,
            wakeSender: nothing,
          })
          const producer = { operatorId: "map-1", subtask: 0 }
          const out = new OutChannel(sender, new Pressure(), { checksRecords: false, producer })
          const given: string[] = []
          const taken: string[] = []
          // A watermark w says that w records came before it.
          let records = 0
          let takenRecords = 0
          const receive = (element: ChannelElement): void => {
            if (element.kind === ElementKind.DATA) {
              for (const value of element.batch.values) taken.push(`record ${String(value)}`)
              takenRecords += element.batch.size
            } else if (element.kind === ElementKind.BARRIER) taken.push(`barrier ${element.checkpointId}`)
            else if (element.kind === ElementKind.IDLE) taken.push("idle")
            else if (element.kind === ElementKind.WATERMARK) {
              // It may come later, behind records that it says nothing of, but not before those that it counts.
              expect(element.timeMs).toBeLessThanOrEqual(takenRecords)
            }
          }
          const take = (): boolean => {
            const element = receiver.poll()
            if (element === undefined) return false
            receive(element)
            receiver.release()
            return true
          }
          for (const [at, what] of steps.entries()) {
            if (what === "record") {
              given.push(`record ${records}`)
              out.append(records, 0)
              records += 1
            } else if (what === "watermark") out.watermark(records)
            else if (what === "barrier") {
              if (steps[at - 1] === "record") barriersInBatches += 1
              given.push(`barrier ${at}`)
              out.mark({ kind: ElementKind.BARRIER, checkpointId: at, bornMs: 0 })
            } else if (what === "idle") {
              given.push("idle")
              out.mark(IDLE)
            } else if (what === "take") take()
            else out.flush(what === "flush all")
          }
          do out.flush(true)
          while (take())
          expect(taken).toEqual(given)
          expect(out.drained).toBe(true)
        },
      ),
    )
    expect(barriersInBatches).toBeGreaterThan(0)
  })
})

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { combineAggregates, count, countDistinct, max, mean } from "../src/operators/index.ts"
import {
  canonicalSnapshot,
  HarnessContext,
  type HarnessInput,
  OperatorCapture,
  type OperatorSnapshot,
  restoreSnapshots,
  runOperator,
} from "../src/operators/testing.ts"
import { hashKey, keyGroupOf, subtaskOfKeyGroup } from "../src/state/index.ts"
import { AlignedWindowOperator, type TumblingWindows, tumbling } from "../src/windows/index.ts"

/** So many times the usual number of cases. */
const runs = (times: number) => ({ numRuns: times * fc.readConfigureGlobal().numRuns! })

interface Item {
  readonly id: number
  readonly key: string
  readonly time: number
  readonly amount: number
}

const END = Number.POSITIVE_INFINITY

const windows = fc
  .integer({ min: 1, max: 20 })
  .chain((size) => fc.integer({ min: -50, max: 50 }).map((offset) => tumbling(size, { offset })))
const items = fc
  .array(
    fc.record({
      key: fc.constantFrom("a", "b", "c"),
      time: fc.integer({ min: -60, max: 60 }),
      amount: fc.integer({ min: -9, max: 9 }),
    }),
    { maxLength: 40, size: "max" },
  )
  .map((list): Item[] => list.map((item, id) => ({ ...item, id })))
/** Records and rising watermarks, in any order. */
const history = fc
  .record({
    items,
    marks: fc.array(fc.record({ after: fc.nat(40), timeMs: fc.integer({ min: -70, max: 70 }) }), {
      maxLength: 8,
      size: "max",
    }),
  })
  .map(({ items, marks }) => {
    const input: HarnessInput<Item>[] = []
    let watermarkMs = Number.NEGATIVE_INFINITY
    for (const [index, item] of items.entries()) {
      for (const mark of marks) {
        if (mark.after !== index || mark.timeMs <= watermarkMs) continue
        watermarkMs = mark.timeMs
        input.push({ watermarkMs })
      }
      input.push({ value: item, timeMs: item.time, key: item.key })
    }
    return input
  })
const room = fc.constantFrom(END, 1, 2, 3)

const combined = combineAggregates({
  records: count(),
  best: max((item: Item) => item.amount),
  mean: mean((item: Item) => item.amount),
  ids: countDistinct((item: Item) => item.id),
})

function newOperator(assigner: TumblingWindows) {
  return new AlignedWindowOperator({
    keyOf: (item: Item) => item.key,
    assigner,
    aggregate: combined,
    result: combined.windowed<string, { start: number; end: number }>,
  })
}

/** The first time of the window that holds a time, found by counting. */
function plainStart(time: number, { sizeMs, offsetMs }: TumblingWindows): number {
  let start = time
  while ((((start - offsetMs) % sizeMs) + sizeMs) % sizeMs !== 0) start--
  return start
}

/** The plainest evaluation: which records are late, and what each window holds. It says nothing of the order of results. */
function plainRun(input: readonly HarnessInput<Item>[], assigner: TumblingWindows) {
  let watermarkMs = Number.NEGATIVE_INFINITY
  const late: Item[] = []
  const held = new Map<string, Item[]>()
  for (const event of input) {
    if ("watermarkMs" in event) {
      watermarkMs = event.watermarkMs
      continue
    }
    const start = plainStart(event.timeMs, assigner)
    const name = `${start} ${event.value.key}`
    if (start + assigner.sizeMs - 1 <= watermarkMs) late.push(event.value)
    else held.set(name, [...(held.get(name) ?? []), event.value])
  }
  const results = [...held].map(([name, list]) => {
    const start = Number(name.split(" ")[0])
    const amounts = list.map((item) => item.amount)
    return {
      timeMs: start + assigner.sizeMs - 1,
      value: {
        key: list[0]!.key,
        window: { start, end: start + assigner.sizeMs },
        records: list.length,
        best: Math.max(...amounts) + 0,
        mean: amounts.reduce((a, b) => a + b, 0) / list.length,
        ids: list.length,
      },
    }
  })
  return { late, results }
}

function inOrder<R extends { readonly timeMs: number; readonly value: { readonly key: string } }>(
  results: readonly R[],
): R[] {
  return [...results].sort((a, b) => a.timeMs - b.timeMs || (a.value.key < b.value.key ? -1 : 1))
}

describe("WIN-1", () => {
  it("a time is in exactly the one window [start, start + size) that begins at offset + a multiple of size", () => {
    const time = fc.oneof(
      fc.integer({ min: -200, max: 200 }),
      fc.maxSafeInteger(),
      fc.double({ min: -1e15, max: 1e15, noNaN: true }),
    )
    const size = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 864_000_000 }))
    fc.assert(
      fc.property(time, size, fc.integer({ min: -1_000_000, max: 1_000_000 }), (timeMs, sizeMs, offset) => {
        const assigner = tumbling(sizeMs, { offset })
        // Starts before the smallest safe integer have no exact number.
        fc.pre(Math.abs(timeMs) + sizeMs + assigner.offsetMs <= Number.MAX_SAFE_INTEGER)
        const start = assigner.startOf(timeMs)
        expect(start <= timeMs && timeMs < start + sizeMs).toBe(true)
        expect(Number((BigInt(start) - BigInt(offset)) % BigInt(sizeMs))).toBe(0)
        if (Number.isInteger(timeMs) && sizeMs <= 50) expect(start === plainStart(timeMs, assigner)).toBe(true)
      }),
      runs(25),
    )
  })
})

describe("WIN-2", () => {
  it("the operator emits what the plainest evaluation does, whatever the room downstream, and every record once", () => {
    fc.assert(
      fc.property(windows, history, room, (assigner, input, roomFor) => {
        const { main, records, sides, counts } = runOperator(newOperator(assigner), input, { roomFor })
        const plain = plainRun(input, assigner)
        expect(inOrder(records)).toEqual(inOrder(plain.results))
        expect(records.map(({ timeMs }) => timeMs)).toEqual(
          records.map(({ timeMs }) => timeMs).toSorted((a, b) => a - b),
        )
        // Everything that is due leaves before the watermark is handed on, and nothing else.
        let newestMs = Number.NEGATIVE_INFINITY
        let watermarkMs = Number.NEGATIVE_INFINITY
        for (const output of main) {
          if ("value" in output) newestMs = output.timeMs
          else watermarkMs = output.watermarkMs
          if ("value" in output) expect(output.timeMs).toBeGreaterThan(watermarkMs)
          else expect(newestMs).toBeLessThanOrEqual(watermarkMs)
        }
        expect((sides.get("late") ?? []).map(({ value }) => value)).toEqual(plain.late)
        expect(counts.late).toBe(plain.late.length)
      }),
      runs(3),
    )
  })

  it("any order of the records between two watermarks gives the same results at each watermark", () => {
    fc.assert(
      fc.property(windows, history, fc.infiniteStream(fc.nat()), (assigner, input, choices) => {
        const permuted = [...input]
        // Swaps neighbours, as long as both are records: any order between two watermarks can come of it.
        for (let swap = 0; swap < permuted.length * 4; swap++) {
          const at = choices.next().value % Math.max(1, permuted.length - 1)
          const [a, b] = [permuted[at], permuted[at + 1]]
          if (a === undefined || b === undefined || "watermarkMs" in a || "watermarkMs" in b) continue
          permuted[at] = b
          permuted[at + 1] = a
        }
        const firings = (events: readonly HarnessInput<Item>[]) => {
          const perWatermark: ReturnType<typeof inOrder>[] = []
          let since: { timeMs: number; value: { key: string } }[] = []
          for (const output of runOperator(newOperator(assigner), events).main) {
            if ("value" in output) since.push(output)
            else {
              perWatermark.push(inOrder(since))
              since = []
            }
          }
          return perWatermark
        }
        expect(firings(permuted)).toEqual(firings(input))
      }),
      runs(1),
    )
  })

  it("any order of all records with no late one gives the same final results", () => {
    fc.assert(
      fc.property(
        windows,
        items.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        (assigner, [list, shuffled]) => {
          const results = (order: readonly Item[]) =>
            inOrder(
              runOperator(
                newOperator(assigner),
                order.map((item) => ({ value: item, timeMs: item.time, key: item.key })),
              ).records,
            )
          expect(results(shuffled)).toEqual(results(list))
        },
      ),
      runs(1),
    )
  })
})

describe("WIN-5", () => {
  it("after every event the operator holds the oracle's open windows and nothing else", () => {
    fc.assert(
      fc.property(windows, history, room, (assigner, input, roomFor) => {
        for (let length = 0; length <= input.length; length++) {
          const operator = newOperator(assigner)
          const events = input.slice(0, length)
          runOperator(operator, events, { roomFor, end: false })
          const watermarkMs = Math.max(
            ...events.map((event) => ("watermarkMs" in event ? event.watermarkMs : Number.NEGATIVE_INFINITY)),
          )
          const open = plainRun(events, assigner).results.filter(({ timeMs }) => timeMs > watermarkMs)
          expect(operator.windows).toBe(new Set(open.map(({ timeMs }) => timeMs)).size)
          expect(operator.accumulators).toBe(open.length)
        }
        const operator = newOperator(assigner)
        runOperator(operator, input, { roomFor })
        expect([operator.windows, operator.accumulators, operator.firing]).toEqual([0, 0, false])
      }),
      runs(1),
    )
  })
})

describe("WIN-7", () => {
  it("restored after every event, or captured while it goes on, the operator does as if nothing had happened", () => {
    fc.assert(
      fc.property(windows, history, room, (assigner, input, roomFor) => {
        const plain = runOperator(newOperator(assigner), input)
        for (const mode of ["restored", "restored from changes", "captured"] as const) {
          const { main, sides, counts } = runOperator(() => newOperator(assigner), input, { roomFor, mode })
          expect(main).toEqual(plain.main)
          expect([sides.get("late"), counts]).toEqual([plain.sides.get("late"), plain.counts])
        }
      }),
      runs(0.25),
    )
  })
})

/** An operator that is fed by hand, and what came out of it. */
class Driven {
  readonly operator: ReturnType<typeof newOperator>
  readonly context = new HarnessContext(0, true)
  readonly emitted: unknown[] = []
  readonly #out = { full: false, emit: (value: unknown, timeMs: number) => void this.emitted.push([value, timeMs]) }

  constructor(assigner: TumblingWindows) {
    this.operator = newOperator(assigner)
    this.operator.open(this.context)
  }

  take(event: HarnessInput<Item>): void {
    if ("watermarkMs" in event) this.operator.onWatermark(event.watermarkMs, this.#out)
    else {
      this.context.keyHash = hashKey(event.value.key)
      this.operator.onRecord(event.value, event.timeMs, this.#out)
    }
  }
}

describe("CUT-5, ST-7: windows", () => {
  const steps = fc.array(
    fc.record({
      after: fc.nat(40),
      kind: fc.constantFrom("all", "changes", "changes", "write", "write", "write", "cancel"),
      budget: fc.integer({ min: 1, max: 6 }),
    }),
    { maxLength: 60, size: "max" },
  )

  it("captures of everything and of changes add up to the windows that were open when they were taken, and go on", () => {
    fc.assert(
      fc.property(windows, history, steps, (assigner, input, asked) => {
        let driven = new Driven(assigner)
        let fed = 0
        let chain: OperatorSnapshot[] = []
        let running: { capture: OperatorCapture; expected: readonly string[]; all: boolean; index: number } | undefined
        let last: OperatorCapture | undefined
        /** The state after so many events, of an operator that was never captured before. */
        const contentAfter = (events: number) => {
          const fresh = new Driven(assigner)
          for (const event of input.slice(0, events)) fresh.take(event)
          return canonicalSnapshot([new OperatorCapture(fresh, "all").write(1_000)!])
        }
        const write = (budget: number) => {
          const snapshot = running?.capture.write(budget)
          if (running === undefined || snapshot === undefined) return
          chain = running.all ? [snapshot] : [...chain, snapshot]
          expect(canonicalSnapshot(chain)).toEqual(running.expected)
          const frames = snapshot.entries.get("$panes")!.map((frame) => frame.join())
          expect(new Set(frames).size).toBe(frames.length)
          const restored = new Driven(assigner)
          restoreSnapshots(restored, [chain])
          for (const event of input.slice(running.index)) restored.take(event)
          const undisturbed = new Driven(assigner)
          for (const event of input.slice(0, running.index)) undisturbed.take(event)
          const emittedBefore = undisturbed.emitted.length
          for (const event of input.slice(running.index)) undisturbed.take(event)
          expect(restored.emitted).toEqual(undisturbed.emitted.slice(emittedBefore))
          last = running.capture
          // A failure now: the job goes on from this checkpoint, and the next one is of the changes since.
          if (budget % 2 === 0) {
            const successor = new Driven(assigner)
            restoreSnapshots(successor, [chain])
            successor.emitted.push(...undisturbed.emitted.slice(0, emittedBefore))
            for (const event of input.slice(running.index, fed)) successor.take(event)
            driven = successor
            last = undefined
          }
          running = undefined
        }
        input.push({ watermarkMs: END })
        for (let index = 0; index <= input.length; index++) {
          for (const { after, kind, budget } of asked) {
            if (after !== index) continue
            if (kind === "write") write(budget)
            else if (kind === "cancel") {
              if (running !== undefined) running.capture.cancel()
              else if (last !== undefined) {
                last.cancel()
                chain = chain.slice(0, -1)
              }
              running = undefined
              last = undefined
            } else if (running === undefined) {
              const all = kind === "all" || chain.length === 0
              running = {
                capture: new OperatorCapture(driven, all ? "all" : "changes"),
                expected: contentAfter(index),
                all,
                index,
              }
            }
          }
          if (index < input.length) driven.take(input[index]!)
          fed = index + 1
        }
        while (running !== undefined) write(2)
        const plain = new Driven(assigner)
        for (const event of input) plain.take(event)
        expect(driven.emitted).toEqual(plain.emitted)
      }),
      runs(1),
    )
  })
})

describe("RSC-2: windows", () => {
  it("open windows of p subtasks, given to q by key group and back, fire as if nothing had happened", () => {
    const parallelism = fc.integer({ min: 1, max: 5 })
    fc.assert(
      fc.property(windows, history, fc.nat(40), parallelism, parallelism, (assigner, input, cut, p, q) => {
        const rescaled = (former: readonly Driven[], parallelism: number) =>
          Array.from({ length: parallelism }, (_, subtask) => {
            const driven = new Driven(assigner)
            const chains = former.map((of) => [new OperatorCapture(of, "all").write(1_000)!])
            restoreSnapshots(driven, chains, (keyHash) => ownerOf(keyHash, parallelism) === subtask)
            return driven
          })
        const ownerOf = (keyHash: number, parallelism: number) =>
          subtaskOfKeyGroup(keyGroupOf(keyHash, 128), 128, parallelism)
        const feed = (subtasks: readonly Driven[], events: readonly HarnessInput<Item>[]) => {
          for (const event of events) {
            if ("watermarkMs" in event) for (const subtask of subtasks) subtask.take(event)
            else subtasks[ownerOf(hashKey(event.value.key), subtasks.length)]!.take(event)
          }
        }
        const first = Array.from({ length: p }, () => new Driven(assigner))
        feed(first, input.slice(0, cut))
        const last = rescaled(rescaled(first, q), p)
        for (const [subtask, driven] of last.entries()) {
          expect([driven.operator.windows, driven.operator.accumulators]).toEqual([
            first[subtask]!.operator.windows,
            first[subtask]!.operator.accumulators,
          ])
        }
        feed(last, [...input.slice(cut), { watermarkMs: END }])
        const found = [...first, ...last].flatMap(({ emitted }) => emitted)
        const { records } = runOperator(newOperator(assigner), input)
        const lines = (of: readonly unknown[]) => of.map((value) => JSON.stringify(value)).sort()
        expect(lines(found)).toEqual(lines(records.map(({ value, timeMs }) => [value, timeMs])))
      }),
      runs(1),
    )
  })
})

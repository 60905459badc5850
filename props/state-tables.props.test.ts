import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ProcessOperator, valueState } from "../src/operators/index.ts"
import {
  canonicalSnapshot,
  HarnessContext,
  type HarnessInput,
  type OperatorSnapshot,
  restoreSnapshots,
  runOperator,
  takeSnapshot,
} from "../src/operators/testing.ts"
import { MsgpackCodec } from "../src/records/index.ts"
import {
  type EntrySink,
  HeapKeyedStore,
  hashKey,
  type Key,
  keyGroupOf,
  keyIdentity,
  keyOfIdentity,
  type StateTable,
  subtaskOfKeyGroup,
  type TableCapture,
  type TableEntry,
  TimerTable,
} from "../src/state/index.ts"
import { TimerQueue } from "../src/time/index.ts"

/** So many times the usual number of cases. */
const runs = (times: number) => ({ numRuns: times * fc.readConfigureGlobal().numRuns! })

const codec = new MsgpackCodec()

/** Serializes at once, as the engine's does. */
class Sink implements EntrySink {
  readonly entries: TableEntry[] = []

  put(entry: TableEntry): void {
    const copy = codec.decode(codec.encode([{ ...entry }]))[0] as TableEntry
    expect(keyGroupOf(copy.keyHash, 128)).toBe(keyGroupOf(hashKey(copy.key), 128))
    this.entries.push(copy)
  }
}

const placeOf = ({ key, namespace }: { readonly key: Key; readonly namespace: number | null }) =>
  `${namespace} ${typeof keyIdentity(key)} ${String(keyIdentity(key))}`

/** What captures add up to: by key and namespace, the value. */
function fold(captures: readonly (readonly TableEntry[])[]): Map<string, TableEntry> {
  const content = new Map<string, TableEntry>()
  for (const entry of captures.flat()) {
    if (entry.deleted) content.delete(placeOf(entry))
    else content.set(placeOf(entry), entry)
  }
  return content
}

const valuesOf = (content: ReadonlyMap<string, { readonly value: unknown }>) =>
  new Map([...content].map(([place, { value }]) => [place, value]))

/**
 * Captures a table again and again while it changes, and keeps the chain of good captures: everything, and the changes since.
 * Each must add up, together with its chain, to a copy of the model that was made when it was taken.
 */
class Captures {
  readonly #table: StateTable
  readonly #model: () => Map<string, unknown>
  #chain: (readonly TableEntry[])[] = []
  #running: { readonly capture: TableCapture; readonly sink: Sink; readonly expected: Map<string, unknown> } | undefined
  #last: TableCapture | undefined
  #runningIsAll = false
  finished = 0

  /** @param model by place, the values that the table holds: a copy */
  constructor(table: StateTable, model: () => Map<string, unknown>) {
    this.#table = table
    this.#model = model
  }

  start(kind: "all" | "changes"): void {
    if (this.#running !== undefined) return
    this.#runningIsAll = kind === "all" || this.#chain.length === 0
    const expected = this.#model()
    const sink = new Sink()
    const capture = this.#table.capture(this.#runningIsAll ? "all" : "changes", sink)
    this.#running = { capture, sink, expected }
    // What became of the one before must be known by now.
    this.#last = undefined
  }

  write(budget: number): void {
    if (this.#running?.capture.write(budget) !== true) return
    const { capture, sink, expected } = this.#running
    const chain = this.#runningIsAll ? [sink.entries] : [...this.#chain, sink.entries]
    expect(valuesOf(fold(chain))).toEqual(expected)
    const put = sink.entries.filter((entry) => !entry.deleted)
    expect(new Set(put.map(placeOf)).size).toBe(put.length)
    if (this.#runningIsAll) expect(put.length).toBe(sink.entries.length)
    this.#chain = chain
    this.#last = capture
    this.#running = undefined
    this.finished += 1
  }

  /** The checkpoint did not complete: while its capture ran, or after it was written. */
  cancel(): void {
    if (this.#running !== undefined) {
      this.#running.capture.cancel()
      this.#running = undefined
    } else if (this.#last !== undefined) {
      this.#last.cancel()
      this.#last = undefined
      this.#chain = this.#chain.slice(0, -1)
    }
  }

  /** Writes a last capture of each kind to the end. */
  finish(): void {
    for (const kind of ["changes", "changes", "all"] as const) {
      this.start(kind)
      while (this.#running !== undefined) this.write(3)
    }
  }

  get chain(): readonly (readonly TableEntry[])[] {
    return this.#chain
  }
}

const keyPart = fc.oneof(
  fc.constantFrom("a", "b", "", "\u0000", "\u0000[", 0, 1, -1.5, Number.NaN, true, false, 0n, 12345678901234567890n),
  fc.string({ maxLength: 4, unit: "binary" }),
  fc.double(),
)
const key: fc.Arbitrary<Key> = fc.oneof(keyPart, fc.array(keyPart, { maxLength: 3 }))
const keys = fc.uniqueArray(key, {
  minLength: 1,
  maxLength: 12,
  selector: (of) => placeOf({ key: of, namespace: null }),
})
const captureStep = fc.oneof(
  fc.record({ kind: fc.constant("capture" as const), changes: fc.boolean() }),
  fc.record({ kind: fc.constant("write" as const), budget: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant("cancel" as const) }),
)

describe("keyOfIdentity()", () => {
  it("gives back the key, as a Map tells keys apart", () => {
    fc.assert(
      fc.property(key, (of) => {
        const back = keyOfIdentity(keyIdentity(of))
        expect(Array.isArray(back)).toBe(Array.isArray(of))
        expect(new Map([[keyIdentity(of), 1]]).get(keyIdentity(back))).toBe(1)
        expect(hashKey(back)).toBe(hashKey(of))
      }),
      runs(10),
    )
  })
})

type Held = { n: number; list: number[] } | number | undefined

const storeHistory = fc.record({
  keys,
  keyGroups: fc.constantFrom(1, 2, 128),
  steps: fc.array(
    fc.oneof(
      { weight: 3, arbitrary: captureStep },
      {
        weight: 7,
        arbitrary: fc.record({
          kind: fc.constantFrom("get", "mutate", "mutate", "set", "setPlain", "delete", "walk"),
          index: fc.nat(11),
          n: fc.nat(99),
        }),
      },
    ),
    { maxLength: 120, size: "max" },
  ),
})

describe("CUT-5, ST-4, ST-7: HeapKeyedStore", () => {
  it("a capture is what the store held when it was taken, and captures of changes add up to it, whatever goes on", () => {
    fc.assert(
      fc.property(storeHistory, ({ keys: names, keyGroups, steps }) => {
        const store = new HeapKeyedStore<Held>(keyGroups, { trackChanges: true })
        const model = new Map<string, Held>()
        const captures = new Captures(store, () => structuredClone(model))
        for (const step of steps) {
          if (step.kind === "capture") captures.start(step.changes ? "changes" : "all")
          else if (step.kind === "write") captures.write(step.budget)
          else if (step.kind === "cancel") captures.cancel()
          else {
            const at = names[step.index % names.length]!
            const [hash, place] = [hashKey(at), placeOf({ key: at, namespace: null })]
            const { kind, n } = step
            if (kind === "get") expect(store.get(at, hash)).toEqual(model.get(place))
            else if (kind === "mutate") {
              // In place, without `set`: what a user may do by mistake.
              const [held, copy] = [store.get(at, hash), model.get(place)]
              if (typeof held === "object" && typeof copy === "object") {
                held.list.push(n)
                copy.list.push(n)
              }
            } else if (kind === "set" || kind === "setPlain") {
              const value = (): Held => (kind === "set" ? { n, list: [n] } : n < 9 ? undefined : n)
              store.set(at, hash, value())
              model.set(place, value())
            } else if (kind === "delete") expect(store.delete(at, hash)).toBe(model.delete(place))
            else {
              for (const [held, value] of store.entries()) {
                if (typeof value !== "object") continue
                value.n += 1
                ;(model.get(placeOf({ key: held, namespace: null })) as { n: number }).n += 1
              }
            }
          }
        }
        captures.finish()
      }),
      runs(5),
    )
  })

  it("a capture of changes holds nothing that was not touched since the one before it", () => {
    fc.assert(
      fc.property(keys, fc.array(fc.nat(11)), fc.array(fc.nat(11)), (names, before, after) => {
        const store = new HeapKeyedStore<number>(undefined, { trackChanges: true })
        const setAll = (indexes: readonly number[]) => {
          for (const index of indexes) {
            const at = names[index % names.length]!
            store.set(at, hashKey(at), index)
          }
        }
        setAll(before)
        store.capture("all", new Sink()).write(1_000)
        setAll(after)
        const sink = new Sink()
        store.capture("changes", sink).write(1_000)
        const touched = after.map((index) => placeOf({ key: names[index % names.length]!, namespace: null }))
        expect(sink.entries.map(placeOf).toSorted()).toEqual([...new Set(touched)].toSorted())
      }),
      runs(1),
    )
  })

  it("RST-3: what was restored from a chain is captured as it was, by any number of key groups", () => {
    fc.assert(
      fc.property(storeHistory, fc.constantFrom(1, 7, 128), ({ keys: names, steps }, keyGroups) => {
        const store = new HeapKeyedStore<number>(undefined, { trackChanges: true })
        const captures = new Captures(store, () => {
          const held = new Map<string, unknown>()
          for (const [at, value] of store.entries()) held.set(placeOf({ key: at, namespace: null }), value)
          return held
        })
        for (const step of steps) {
          if (step.kind === "capture") captures.start("changes")
          else if (step.kind === "write") captures.write(step.budget)
          else if ("index" in step) {
            const at = names[step.index % names.length]!
            if (step.kind === "delete") store.delete(at, hashKey(at))
            else store.set(at, hashKey(at), step.n)
          }
        }
        captures.write(Number.POSITIVE_INFINITY)
        const restored = new HeapKeyedStore<number>(keyGroups, { trackChanges: true })
        for (const entry of captures.chain.flat()) restored.load(entry)
        for (const twice of captures.chain.flat()) restored.load(twice)
        const changes = new Sink()
        restored.capture("changes", changes).write(1_000)
        expect(changes.entries).toEqual([])
        const all = new Sink()
        restored.capture("all", all).write(1_000)
        expect(fold([all.entries])).toEqual(fold(captures.chain))
      }),
      runs(1),
    )
  })
})

const timerHistory = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: captureStep },
    {
      weight: 7,
      arbitrary: fc.record({
        kind: fc.constantFrom("register", "register", "register", "delete", "take"),
        at: fc.constantFrom<Key>("a", "b", "c", ["a", 1]),
        timeMs: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant(Number.POSITIVE_INFINITY)),
      }),
    },
  ),
  { maxLength: 150, size: "max" },
)

describe("CUT-5, ST-7: timers", () => {
  it("a capture is the timers that were registered when it was taken, whatever is deleted, fired or registered anew", () => {
    fc.assert(
      fc.property(timerHistory, (steps) => {
        const queue = new TimerQueue<Key>(keyIdentity)
        queue.trackChanges()
        const model = new Map<string, { timeMs: number; sequence: number }>()
        let sequence = 0
        const captures = new Captures(
          new TimerTable(queue),
          () => new Map([...model].map(([place, timer]) => [place, timer.sequence])),
        )
        for (const step of steps) {
          if (step.kind === "capture") captures.start(step.changes ? "changes" : "all")
          else if (step.kind === "write") captures.write(step.budget)
          else if (step.kind === "cancel") captures.cancel()
          else {
            const { at, timeMs } = step
            const place = placeOf({ key: at, namespace: timeMs })
            if (step.kind === "register") {
              const isNew = queue.register(at, hashKey(at), timeMs)
              expect(isNew).toBe(!model.has(place))
              if (isNew) model.set(place, { timeMs, sequence: sequence++ })
            } else if (step.kind === "delete") expect(queue.delete(at, hashKey(at), timeMs)).toBe(model.delete(place))
            else {
              const due = [...model]
                .filter(([, timer]) => timer.timeMs <= timeMs)
                .sort(([, a], [, b]) => (a.timeMs < b.timeMs ? -1 : a.timeMs > b.timeMs ? 1 : a.sequence - b.sequence))
              const taken = queue.nextDue(timeMs)
              expect(taken && placeOf({ key: taken.key, namespace: taken.timeMs })).toBe(due[0]?.[0])
              model.delete(due[0]?.[0] ?? "")
            }
          }
        }
        captures.finish()
      }),
      runs(5),
    )
  })

  it("TIM-4: a queue restored at any moment, from any chain, gives the same timers in the same order", () => {
    fc.assert(
      fc.property(timerHistory, (steps) => {
        const undisturbed = new TimerQueue<Key>(keyIdentity)
        let queue = new TimerQueue<Key>(keyIdentity)
        queue.trackChanges()
        let chain: (readonly TableEntry[])[] = []
        for (const step of steps) {
          if (step.kind === "capture") {
            const sink = new Sink()
            if (!step.changes) chain = []
            new TimerTable(queue).capture(chain.length > 0 ? "changes" : "all", sink).write(1_000)
            chain.push(sink.entries)
            queue = new TimerQueue<Key>(keyIdentity)
            queue.trackChanges()
            for (const entry of chain.flat()) new TimerTable(queue).load(entry)
          } else if ("at" in step) {
            const { kind, at, timeMs } = step
            const act = (on: TimerQueue<Key>) =>
              kind === "register"
                ? on.register(at, hashKey(at), timeMs)
                : kind === "delete"
                  ? on.delete(at, hashKey(at), timeMs)
                  : on.nextDue(timeMs)
            const [found, expected] = [act(queue), act(undisturbed)]
            if (typeof expected !== "object") expect(found).toBe(expected)
            else expect(found).toMatchObject({ key: expected.key, timeMs: expected.timeMs, keyHash: expected.keyHash })
          }
          expect(queue.size).toBe(undisturbed.size)
        }
      }),
      runs(5),
    )
  })
})

interface Reading {
  readonly device: string
  readonly at: number
}

const KEY_GROUPS = 16

/** Counts readings, and tells the count ten ms after each reading; forgets a device at its third. */
function newProcess() {
  return new ProcessOperator<Reading, string, string, { seen: ReturnType<typeof valueState<number[]>> }>({
    keyOf: (reading) => reading.device,
    spec: {
      state: { seen: valueState<number[]>() },
      onRecord(reading, ctx) {
        const seen = ctx.state.seen.get() ?? []
        seen.push(reading.at)
        if (seen.length === 3) {
          ctx.emit(`${ctx.key} forgotten at ${ctx.watermarkMs}`)
          ctx.state.seen.clear()
          ctx.timers.delete(seen[1]! + 10)
        } else ctx.state.seen.set(seen)
        ctx.timers.register(reading.at + 10)
      },
      onTimer(timeMs, ctx) {
        ctx.emit(`${ctx.key} ${timeMs} ${ctx.state.seen.get()?.join() ?? "none"} of ${ctx.watermarkMs}`)
      },
    },
  })
}

const readings = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          device: fc.constantFrom(..."abcdefghij"),
          at: fc.integer({ min: 0, max: 60 }),
        }),
      },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 12 }) },
    ),
    { maxLength: 60, size: "max" },
  )
  .map((events) => {
    let watermarkMs = 0
    return events.map((event): HarnessInput<Reading> => {
      if (typeof event === "object") return { value: event, timeMs: event.at, key: event.device }
      watermarkMs += event
      return { watermarkMs }
    })
  })

describe("ProcessOperator", () => {
  it("TIM-4, RST-3: restored after every event, or captured while it goes on, it does as if nothing had happened", () => {
    fc.assert(
      fc.property(readings, fc.constantFrom(Number.POSITIVE_INFINITY, 1), (input, roomFor) => {
        const { main } = runOperator(newProcess, input)
        for (const mode of ["restored", "restored from changes", "captured"] as const) {
          expect(runOperator(newProcess, input, { roomFor, mode }).main).toEqual(main)
        }
      }),
      runs(0.25),
    )
  })
})

/** Several subtasks of one operator, each with the records of its key groups. */
class Subtasks {
  readonly #members: { readonly operator: ReturnType<typeof newProcess>; readonly context: HarnessContext }[]
  readonly #emitted: string[]

  constructor(parallelism: number, emitted: string[], former?: Subtasks) {
    this.#emitted = emitted
    const chains = (former === undefined ? [] : former.#members).map((member): OperatorSnapshot[] => [
      takeSnapshot(member, "all"),
    ])
    const ownerOf = (keyHash: number) => subtaskOfKeyGroup(keyGroupOf(keyHash, KEY_GROUPS), KEY_GROUPS, parallelism)
    this.#members = Array.from({ length: parallelism }, (_, subtask) => {
      const member = { operator: newProcess(), context: new HarnessContext() }
      member.operator.open(member.context)
      if (chains.length > 0) restoreSnapshots(member, chains, (keyHash) => ownerOf(keyHash) === subtask)
      return member
    })
  }

  take(event: HarnessInput<Reading>): void {
    const out = { full: false, emit: (value: string) => void this.#emitted.push(value) }
    if ("watermarkMs" in event) {
      for (const { operator } of this.#members) operator.onWatermark(event.watermarkMs, out)
      return
    }
    const keyHash = hashKey(event.key!)
    const { operator, context } = this.#members[this.ownerOf(keyHash)]!
    context.keyHash = keyHash
    operator.onRecord(event.value, event.timeMs, out)
  }

  ownerOf(keyHash: number): number {
    return subtaskOfKeyGroup(keyGroupOf(keyHash, KEY_GROUPS), KEY_GROUPS, this.#members.length)
  }

  get content(): readonly (readonly string[])[] {
    return this.#members.map((member) => canonicalSnapshot([takeSnapshot(member, "all")]))
  }
}

describe("RSC-2", () => {
  const parallelism = fc.integer({ min: 1, max: 8 })
  it("state and timers of p subtasks, given to q by key group and back, are as before, and the job goes on", () => {
    fc.assert(
      fc.property(readings, fc.nat(60), parallelism, parallelism, (input, cut, p, q) => {
        const emitted: string[] = []
        let subtasks = new Subtasks(p, emitted)
        for (const event of input.slice(0, cut)) subtasks.take(event)
        const before = subtasks.content
        const middle = new Subtasks(q, emitted, subtasks)
        subtasks = new Subtasks(p, emitted, middle)
        expect(subtasks.content.map((lines) => lines.slice(0, -1))).toEqual(before.map((lines) => lines.slice(0, -1)))
        const all = middle.content.flatMap((lines) => lines.slice(0, -1))
        expect(all.toSorted()).toEqual(before.flatMap((lines) => lines.slice(0, -1)).toSorted())
        subtasks = new Subtasks(q, emitted, subtasks)
        for (const event of [...input.slice(cut), { watermarkMs: Number.POSITIVE_INFINITY }]) subtasks.take(event)
        const { records } = runOperator(newProcess, input)
        expect(emitted.toSorted()).toEqual(records.map(({ value }) => value).toSorted())
      }),
      runs(1),
    )
  })
})

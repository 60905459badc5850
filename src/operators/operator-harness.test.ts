import { expect, it } from "vitest"
import type { Operator } from "../contracts/index.ts"
import { HeapKeyedStore, hashKey } from "../state/index.ts"
import { runOperator } from "./operator-harness.ts"

it("runOperator() refuses an operator that stays pending and emits nothing", () => {
  expect(() =>
    runOperator({ pending: true, onRecord: () => undefined, resume: () => undefined }, [{ value: 1, timeMs: 0 }]),
  ).toThrowError(/pending for \d+ steps and emitted nothing/)
})

it("runOperator() calls open, records, watermarks, the end and finish in order", () => {
  const calls: unknown[] = []
  runOperator(
    {
      open: () => void calls.push("open"),
      onRecord: (value) => void calls.push(value),
      onWatermark: (watermarkMs) => void calls.push(watermarkMs),
      finish: () => void calls.push("finish"),
    },
    [{ value: "a", timeMs: 1 }, { watermarkMs: 5 }, { value: "b", timeMs: 6 }],
  )
  expect(calls).toEqual(["open", "a", 5, "b", Number.POSITIVE_INFINITY, "finish"])
})

/** Numbers records; forgets, or hands out, what it should not. */
class Counter implements Operator<string, string> {
  readonly #flaw: "none" | "forgets" | "moves"
  readonly #store = new HeapKeyedStore<{ count: number }>(128, { name: "$counts", trackChanges: true })
  readonly #held = new Map<string, { count: number }>()

  constructor(flaw: "none" | "forgets" | "moves") {
    this.#flaw = flaw
  }

  onRecord(key: string, timeMs: number, out: { emit(value: string, timeMs: number): void }): void {
    // An object kept from an earlier call changes behind the capture's back.
    const held = (this.#flaw === "moves" ? this.#held.get(key) : undefined) ?? this.#store.get(key, hashKey(key))
    const value = held ?? { count: 0 }
    value.count += 1
    this.#held.set(key, value)
    if (held === undefined || this.#flaw !== "moves") this.#store.set(key, hashKey(key), value)
    out.emit(`${key}${value.count}`, timeMs)
  }

  tables() {
    return this.#flaw === "forgets" ? [] : [this.#store]
  }
}

const letters = [..."aabababbcbacbbabc"].map((value) => ({ value, timeMs: 0 }))

it.each(["restored", "restored from changes", "captured"] as const)("runOperator() changes nothing when %s", (mode) => {
  const plain = runOperator(new Counter("none"), letters).main
  expect(runOperator(() => new Counter("none"), letters, { mode }).main).toEqual(plain)
})

it("runOperator() shows state that is not in any table", () => {
  const plain = runOperator(new Counter("forgets"), letters).main
  for (const mode of ["restored", "restored from changes"] as const) {
    expect(runOperator(() => new Counter("forgets"), letters, { mode }).main).not.toEqual(plain)
  }
})

it("runOperator() refuses an operator that changes what is being captured", () => {
  expect(() => runOperator(() => new Counter("moves"), letters, { mode: "captured" })).toThrowError(/a capture wrote/)
})

it("runOperator() refuses to restore the only instance it was given", () => {
  expect(() => runOperator(new Counter("none"), letters, { mode: "restored" })).toThrowError(/not how to make one/)
})

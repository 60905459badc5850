import { describe, expect, test } from "vitest"
import type { Operator, OperatorContext } from "../contracts/index.ts"
import type { KeyedStore } from "../state/index.ts"
import { testOperator } from "./test-operator.ts"

/** How many records of a key have come; forgets them when it is restored if its state is not the engine's. */
class Counter implements Operator<string, string> {
  #context: OperatorContext | undefined
  #counts: KeyedStore<number> | undefined
  readonly #forgetful = new Map<string, number>()
  readonly #forgets: boolean

  constructor(forgets = false) {
    this.#forgets = forgets
  }

  open(context: OperatorContext): void {
    this.#context = context
    this.#counts = context.keyedStore<number>("counts")
  }

  onRecord(value: string, timeMs: number, out: { emit(value: string, timeMs: number): void }): void {
    const { keyHash } = this.#context!
    const before = this.#forgets ? this.#forgetful.get(value) : this.#counts!.get(value, keyHash)
    const count = (before ?? 0) + 1
    if (this.#forgets) this.#forgetful.set(value, count)
    else this.#counts!.set(value, keyHash, count)
    out.emit(`${value}${count}`, timeMs)
  }
}

const INPUT = ["a", "b", "a"].map((value, timeMs) => ({ value, timeMs, key: value }))

describe("testOperator()", () => {
  test("gives what comes out, in every world the same", () => {
    const { records } = testOperator(() => new Counter(), { input: INPUT })
    expect(records.map(({ value }) => value)).toEqual(["a1", "b1", "a2"])
  })

  test("finds state that no snapshot holds", () => {
    expect(() => testOperator(() => new Counter(true), { input: INPUT })).toThrow(
      /restored after every event it gave "a1" at 2, where "a2" at 2 was to be/,
    )
  })

  test("finds output that is not the expected one", () => {
    const expected = [{ value: "a1", timeMs: 0 }]
    expect(() => testOperator(() => new Counter(), { input: INPUT, expected })).toThrow(/gave "b1" at 1, where 0 late/)
  })
})

import { expectTypeOf, it } from "vitest"
import type { Key } from "../state/index.ts"
import { type NoStates, type ProcessSpec, recordType, type StateDeclarations, valueState } from "./process-spec.ts"

interface Reading {
  readonly device: string
  readonly celsius: number
}

/** A keyed stream's method of this signature. */
declare function process<Out, States extends StateDeclarations = NoStates>(
  spec: ProcessSpec<Reading, Out, string, States>,
): Out

it("a literal infers what is emitted, the state and the key without annotations", () => {
  const emitted = process({
    emits: recordType<{ device: string }>(),
    state: { newest: valueState<number>(), names: valueState<string[]>() },
    onRecord(reading, ctx) {
      expectTypeOf(reading).toEqualTypeOf<Reading>()
      expectTypeOf(ctx.key).toEqualTypeOf<string>()
      expectTypeOf(ctx.state.newest.get()).toEqualTypeOf<number | undefined>()
      expectTypeOf(ctx.state.names.get()).toEqualTypeOf<string[] | undefined>()
      ctx.emit({ device: reading.device })
      // @ts-expect-error not what it said it emits
      ctx.emit({ name: reading.device })
      // @ts-expect-error not declared
      ctx.state.oldest
      // @ts-expect-error a number is declared
      ctx.state.newest.set("1")
    },
    onTimer(timeMs, ctx) {
      expectTypeOf(timeMs).toEqualTypeOf<number>()
      expectTypeOf(ctx.state.newest.get()).toEqualTypeOf<number | undefined>()
    },
  })
  expectTypeOf(emitted).toEqualTypeOf<{ device: string }>()
})

it("what is emitted can be named as a type argument where there is no state", () => {
  const emitted = process<number>({ onRecord: (reading, ctx) => ctx.emit(reading.celsius) })
  expectTypeOf(emitted).toEqualTypeOf<number>()
})

it("a spec for any key knows no more than that it is a key", () => {
  const spec: ProcessSpec<Reading, number> = {
    onRecord: (_reading, ctx) => expectTypeOf(ctx.key).toEqualTypeOf<Key>(),
  }
  expectTypeOf(spec.onRecord).toBeFunction()
})

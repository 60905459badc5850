import { expect, it } from "vitest"
import type { StraightStep } from "../operators/index.ts"
import { StraightEntry } from "./straight-entry.ts"

function row(steps: readonly (StraightStep & { readonly name: string })[]) {
  const emitted: unknown[] = []
  const target = { full: false, emit: (value: unknown, timeMs: number) => void emitted.push([value, timeMs]) }
  const entry = steps.reduceRight<typeof target | StraightEntry>(
    (next, { name, kind, fn }) =>
      StraightEntry.before(next, {
        kind,
        fn,
        failure: (error, value) => new Error(`${name} on ${String(value)}: ${(error as Error).message}`),
      }),
    target,
  )
  return { entry, emitted }
}

it("StraightEntry runs its steps in order, hands on the record's time, and stops at a filter", () => {
  const seen: unknown[] = []
  const { entry, emitted } = row([
    { name: "source", kind: "pass", fn: () => undefined },
    { name: "double", kind: "map", fn: (value: number) => value * 2 },
    { name: "large", kind: "filter", fn: (value: number) => (value > 4 ? "truthy" : 0) },
    { name: "look", kind: "tap", fn: (value: number, timeMs) => void seen.push([value, timeMs]) },
    { name: "text", kind: "map", fn: (value: number) => `<${value}>` },
  ])
  for (const value of [1, 2, 3, 4]) entry.emit(value, value + 100)
  expect(emitted).toEqual([
    ["<6>", 103],
    ["<8>", 104],
  ])
  expect(seen).toEqual([
    [6, 103],
    [8, 104],
  ])
})

it("StraightEntry names the step that threw and the record that it was given, and takes the next one", () => {
  const boom = (value: number): number => {
    if (value === 14) throw new Error("boom")
    return value
  }
  for (const kind of ["map", "filter", "tap"] as const) {
    const { entry, emitted } = row([
      { name: "plus", kind: "map", fn: (value: number) => value + 10 },
      { name: "fails", kind, fn: boom },
      { name: "after", kind: "tap", fn: () => undefined },
    ])
    entry.emit(1, 0)
    expect(() => entry.emit(4, 0)).toThrow("fails on 14: boom")
    entry.emit(5, 0)
    expect(emitted).toEqual([
      [11, 0],
      [15, 0],
    ])
  }
})

it("StraightEntry passes a failure of what stands behind it on as it is", () => {
  const target = {
    full: true,
    emit: () => {
      throw new Error("behind")
    },
  }
  const entry = StraightEntry.before(target, {
    kind: "map",
    fn: (value: number) => value,
    failure: () => new Error("named"),
  })
  expect(() => entry.emit(1, 0)).toThrow("behind")
  expect(entry.full).toBe(true)
})

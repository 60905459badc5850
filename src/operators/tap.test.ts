import { expect, it } from "vitest"
import { HARNESS_WORLDS, runOperator } from "./operator-harness.ts"
import { TapOperator } from "./tap.ts"

it.each(HARNESS_WORLDS)(
  "TapOperator shows each record and hands on the same one (room for $roomFor, $mode)",
  (world) => {
    const seen: unknown[] = []
    const record = { id: 1 }
    const make = () => new TapOperator<object>({ fn: (value, timeMs) => seen.push([value, timeMs]) })
    const { records } = runOperator(make, [{ value: record, timeMs: 5 }], world)
    expect(seen).toEqual([[record, 5]])
    expect(records[0]!.value).toBe(record)
  },
)

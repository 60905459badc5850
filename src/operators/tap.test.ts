import { expect, it } from "vitest"
import { runOperator } from "./operator-harness.ts"
import { TapOperator } from "./tap.ts"

it.each([Number.POSITIVE_INFINITY, 1])(
  "TapOperator shows each record and hands on the same one (room for %d)",
  (roomFor) => {
    const seen: unknown[] = []
    const record = { id: 1 }
    const operator = new TapOperator<object>({ fn: (value, timeMs) => seen.push([value, timeMs]) })
    const { records } = runOperator(operator, [{ value: record, timeMs: 5 }], { roomFor })
    expect(seen).toEqual([[record, 5]])
    expect(records[0]!.value).toBe(record)
  },
)

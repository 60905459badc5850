import type { Operator } from "../contracts/index.ts"
import { FilterOperator } from "./filter.ts"
import { MapOperator } from "./map.ts"
import { PassOnOperator } from "./pass-on.ts"
import { TapOperator } from "./tap.ts"

/** What an operator does whose whole work is one call per record: such steps in a row are compiled into one (chain.ts). */
export interface StraightStep {
  /** `map`: goes on with what `fn` answers. `filter`: goes on if that is truthy. `tap`: calls it and goes on. `pass`: goes on. */
  readonly kind: "map" | "filter" | "tap" | "pass"
  readonly fn: (value: never, timeMs: number) => unknown
}

/** undefined for an operator that does more, and for one whose `onRecord` somebody has replaced: a proof watches it there. */
export function straightStepOf(operator: Operator): StraightStep | undefined {
  if (Object.hasOwn(operator, "onRecord")) return undefined
  if (
    operator instanceof MapOperator ||
    operator instanceof FilterOperator ||
    operator instanceof TapOperator ||
    operator instanceof PassOnOperator
  ) {
    return operator.step
  }
  return undefined
}

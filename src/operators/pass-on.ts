import type { Operator, Output } from "../contracts/index.ts"
import type { StraightStep } from "./straight-step.ts"

/** The head of a source's chain: records enter the operators as they were read. */
export class PassOnOperator<T> implements Operator<T, T> {
  readonly step: StraightStep = { kind: "pass", fn: () => undefined }

  onRecord(value: T, timeMs: number, out: Output<T>): void {
    out.emit(value, timeMs)
  }
}

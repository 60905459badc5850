import type { Operator, OperatorContext, Output } from "../contracts/index.ts"

interface Branch<T> {
  readonly tag: string
  readonly predicate: (value: T) => boolean
  side: Output<unknown> | undefined
}

/**
 * Sends each record to exactly one output: the side output named for the first predicate that is true of it, in the order
 * in which they are given, or else the main output. Times stay.
 */
export class SplitOperator<T> implements Operator<T, T> {
  readonly #branches: readonly Branch<T>[]

  constructor(options: { readonly predicates: Readonly<Record<string, (value: T) => boolean>> }) {
    this.#branches = Object.entries(options.predicates).map(([tag, predicate]) => ({ tag, predicate, side: undefined }))
  }

  open(context: OperatorContext): void {
    for (const branch of this.#branches) branch.side = context.side(branch.tag)
  }

  onRecord(value: T, timeMs: number, out: Output<T>): void {
    for (const { predicate, side } of this.#branches) {
      if (!predicate(value)) continue
      side!.emit(value, timeMs)
      return
    }
    out.emit(value, timeMs)
  }
}

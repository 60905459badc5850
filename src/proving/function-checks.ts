import type { Operator, Output } from "../contracts/index.ts"
import type { LogicalNode } from "../plan/index.ts"
import { NO_TIME } from "../records/index.ts"
import { valueText } from "./value-text.ts"

/** What one instance of an operator was given, and what it made of it. */
interface Step {
  readonly input: string
  readonly emitted: string[]
}

/** Watches the operators of one run: what goes in, what comes out, and whether the input is left as it was. */
export class OperatorTrace {
  readonly #steps = new Map<string, Step[]>()
  /** The first operator that changed a record it was given. */
  mutation: { readonly operator: string; readonly before: string; readonly after: string } | undefined

  /** Steps by operator id. */
  get steps(): ReadonlyMap<string, readonly Step[]> {
    return this.#steps
  }

  watch(id: string, operator: Operator): Operator {
    const steps = this.#steps.get(id) ?? []
    this.#steps.set(id, steps)
    let current: Step = { input: "", emitted: [] }
    const outputs = new WeakMap<Output<unknown>, Output<unknown>>()
    const traced = (out: Output<unknown>): Output<unknown> => {
      const known = outputs.get(out)
      if (known !== undefined) return known
      const made: Output<unknown> = {
        emit(value, timeMs) {
          current.emitted.push(recordText(value, timeMs))
          out.emit(value, timeMs)
        },
        get full() {
          return out.full
        },
      }
      outputs.set(out, made)
      return made
    }
    const begin = (input: string): void => {
      current = { input, emitted: [] }
      steps.push(current)
    }
    const { onRecord, onWatermark, resume, finish } = operator
    operator.onRecord = (value, timeMs, out) => {
      const before = valueText(value)
      begin(recordText(value, timeMs))
      onRecord.call(operator, value, timeMs, traced(out))
      const after = valueText(value)
      if (after !== before) this.mutation ??= { operator: id, before, after }
    }
    if (onWatermark !== undefined) {
      operator.onWatermark = (watermarkMs, out) => {
        begin(`watermark ${watermarkMs}`)
        onWatermark.call(operator, watermarkMs, traced(out))
      }
    }
    if (resume !== undefined) operator.resume = (out) => resume.call(operator, traced(out))
    if (finish !== undefined) {
      operator.finish = (out) => {
        begin("the end of the input")
        finish.call(operator, traced(out))
      }
    }
    return operator
  }
}

function recordText(value: unknown, timeMs: number): string {
  return timeMs === NO_TIME ? valueText(value) : `${valueText(value)} at ${timeMs}`
}

/** An operator that answered the same input in two ways. */
export interface Divergence {
  readonly operator: string
  readonly input: string
  readonly first: readonly string[]
  readonly second: readonly string[]
}

/** Compares two runs that should be alike, and finds the operator where they part. @param order ids, producers before consumers */
export function findDivergence(a: OperatorTrace, b: OperatorTrace, order: readonly string[]): Divergence | undefined {
  for (const operator of order) {
    const first = a.steps.get(operator) ?? []
    const second = b.steps.get(operator) ?? []
    for (let index = 0; index < Math.max(first.length, second.length); index++) {
      const [one, other] = [first[index], second[index]]
      // Another input: whoever made it is to blame, and stands before; a keyBy may be, which is checked by itself.
      if (one === undefined || other === undefined || one.input !== other.input) break
      if (valueText(one.emitted) === valueText(other.emitted)) continue
      return { operator, input: one.input, first: one.emitted, second: other.emitted }
    }
  }
  return undefined
}

/** Ids of a graph's operators, producers before consumers. */
export function topologicalIds(nodes: readonly LogicalNode[], ids: ReadonlyMap<LogicalNode, string>): string[] {
  const found: string[] = []
  const seen = new Set<LogicalNode>()
  const visit = (node: LogicalNode): void => {
    if (seen.has(node)) return
    seen.add(node)
    for (const input of node.inputs) visit(input.node)
    found.push(ids.get(node)!)
  }
  for (const node of nodes) visit(node)
  return found
}

const HOUR_MS = 3_600_000

/** Runs something while clocks are an hour ahead and chance is another: whoever looks at them answers otherwise. */
export async function inAnotherHour<T>(act: () => Promise<T>): Promise<T> {
  const { Date: RealDate, Math: RealMath } = globalThis
  const { random } = RealMath
  const { now } = RealDate
  let draws = 0
  RealMath.random = () => (draws++ * 0.618_033_988_749_895 + 0.1) % 1
  class LaterDate extends RealDate {
    constructor(...given: [] | [number]) {
      if (given.length === 0) super(now() + HOUR_MS)
      else super(...given)
    }
    static override now(): number {
      return now() + HOUR_MS
    }
  }
  globalThis.Date = LaterDate as DateConstructor
  try {
    return await act()
  } finally {
    globalThis.Date = RealDate
    RealMath.random = random
  }
}

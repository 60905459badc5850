import type { Operator } from "../contracts/index.ts"
import { EngineError } from "../errors/index.ts"
import { type Emission, HARNESS_WORLDS, type HarnessEvent, runOperator } from "../operators/testing.ts"
import { valueText } from "../proving/value-text.ts"

export interface TestOperatorOptions<In, Out> {
  /** Records, watermarks and moments of processing time, in this order; +Infinity and the end follow. */
  readonly input: Iterable<HarnessEvent<In>>
  /** What is to come out of the main output, in order. Default: what comes out when nothing disturbs. */
  readonly expected?: readonly Emission<Out>[]
}

/** What came out, the same in every world. */
export interface OperatorTest<Out> {
  readonly records: readonly Emission<Out>[]
  readonly sides: ReadonlyMap<string, readonly Emission<unknown>[]>
  readonly counts: { readonly late: number; readonly skipped: number }
}

/**
 * Takes an operator through its whole life in every world that a job may give it, as Jet's TestSupport does: an output that is
 * full after each record, or each second one; all of its state written and restored into a new instance after every event, from a
 * whole capture or from changes; captures that are written while it goes on. What comes out must be the same everywhere.
 *
 * @param make makes the operator, each time anew
 * @throws {EngineError} OPERATOR_TEST_FAILED with the world and the first difference; INVARIANT_BROKEN when it stays pending
 *   without emitting, or a capture changes while it is written; what the operator itself throws
 */
export function testOperator<In, Out>(
  make: () => Operator<In, Out>,
  { input, expected }: TestOperatorOptions<In, Out>,
): OperatorTest<Out> {
  const events = [...input]
  const plain = runOperator<In, Out>(make, events, { mode: "plain" })
  const wanted = textsOf({ ...plain, records: expected ?? plain.records })
  for (const { roomFor, mode } of HARNESS_WORLDS) {
    const found = textsOf(runOperator<In, Out>(make, structuredClone(events), { roomFor, mode }))
    for (let index = 0; index < Math.max(found.length, wanted.length); index++) {
      if (found[index] === wanted[index]) continue
      const [one, other] = [found[index] ?? "nothing", wanted[index] ?? "nothing"]
      throw new EngineError(
        "OPERATOR_TEST_FAILED",
        `Cannot expect this operator to give the same in every job: with room for ${roomFor} and ${WORDS[mode]} it gave ${one}, where ${other} was to be; check what its snapshot leaves out, and what it does when its output is full`,
        { details: { roomFor, mode, found: one, expected: other } },
      )
    }
  }
  return { records: plain.records, sides: plain.sides, counts: plain.counts }
}

const WORDS = {
  plain: "never restored",
  restored: "restored after every event",
  "restored from changes": "restored from changes after every event",
  captured: "captured while it goes on",
} as const

function textsOf({ records, sides, counts }: OperatorTest<unknown>): string[] {
  const texts = records.map(({ value, timeMs }) => `${valueText(value)} at ${timeMs}`)
  for (const [tag, emissions] of [...sides].sort(([a], [b]) => (a < b ? -1 : 1))) {
    texts.push(...emissions.map(({ value, timeMs }) => `${valueText(value)} at ${timeMs} to ${tag}`))
  }
  return [...texts, `${counts.late} late, ${counts.skipped} skipped`]
}

import { describe, expect, it } from "vitest"
import { Corpus, makeCorpus } from "../../bench/nexmark/corpus.ts"
import { digestOf, streamDigest } from "../../bench/nexmark/digest.ts"
import { differenceFrom, GOLDEN_STREAM } from "../../bench/nexmark/golden.ts"
import { QUERIES } from "../../bench/nexmark/queries/index.ts"
import { linesOf, twinLines } from "../../bench/nexmark/run-query.ts"

const EVENTS = 100_000
const inOrder = makeCorpus({ events: EVENTS })
/** The same events, shuffled within 100 ms. */
const shuffled = makeCorpus({ events: EVENTS, groupSize: 1_000 })

describe("the generator of Nexmark", () => {
  it("makes Beam's events, byte for byte", () => {
    expect(streamDigest(new Corpus(inOrder))).toBe(GOLDEN_STREAM[EVENTS])
  })

  it("makes the same events out of order within groups", () => {
    expect(streamDigest(new Corpus(shuffled))).not.toBe(GOLDEN_STREAM[EVENTS])
    expect(new Corpus(shuffled).end).toBe(new Corpus(inOrder).end)
    expect(new Corpus(shuffled).disorderMs).toBe(100)
  })
})

describe.each(QUERIES)("Nexmark %s", (query) => {
  const expected = (lines: readonly string[]): void => {
    expect(differenceFrom({ query, events: EVENTS }, lines, () => twinLines(query, inOrder))).toBeUndefined()
  }

  it("has the known rows when written by hand", () => expected(twinLines(query, inOrder)))

  it("has the known rows with two workers", async () => {
    expected(await linesOf(query, inOrder, { workers: 2, parallelism: 2 }))
  })

  it("has the same rows of events that come out of order, but for those that depend on the order of equals", async () => {
    const lines = await linesOf(query, shuffled, { workers: 0, parallelism: 4 })
    if (query === "q18" || query === "q19") expect(digestOf(lines)).toEqual(digestOf(twinLines(query, shuffled)))
    else expected(lines)
  })
})

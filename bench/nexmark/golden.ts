import { type Digest, digestOf } from "./digest.ts"

/** So many events there are known results for. */
export type KnownEvents = 100_000 | 1_000_000

/** By query: of the rows, for the first 100,000 and 1,000,000 events of Beam's generator (10,000 a second, one generator). */
const GOLDEN: Readonly<Record<string, Readonly<Record<KnownEvents, Digest>>>> = {
  q1: {
    100000: { rows: 92_000, md5: "2725fc471fa08f8ddcc53f667910c215" },
    1000000: { rows: 920_000, md5: "26c556917e23c32604e107470255815e" },
  },
  q2: {
    100000: { rows: 351, md5: "ecca488d9b2cf44a1ce0db2101ea25ae" },
    1000000: { rows: 8_308, md5: "0525d60e5fe999a5f4542e56001102bb" },
  },
  q5: {
    100000: { rows: 15, md5: "3a4a4112efa46b4a6873bbac8d288e40" },
    1000000: { rows: 172, md5: "e7952f14526f58b9becd2a635314d3ee" },
  },
  q7: {
    100000: { rows: 1, md5: "c619ddee04c31bdbce0184b5894ef19c" },
    1000000: { rows: 10, md5: "1457069c32f1e7b7aac788f87ea81ec2" },
  },
  q11: {
    100000: { rows: 1_919, md5: "a6804aebcaf7e515b1f5bcd97334070a" },
    1000000: { rows: 19_922, md5: "7ecddeb4a04ecc9d0d986d3c4c9f76f3" },
  },
  q14: {
    100000: { rows: 26_069, md5: "42e0e3473a25aec7070daf94a0434bf9" },
    1000000: { rows: 260_563, md5: "a650f2ad6fb5d1ed0c583ac3878338c9" },
  },
  q17: {
    100000: { rows: 4_657, md5: "ce3a69ad5a28a09789b46b30b038b722" },
    1000000: { rows: 48_148, md5: "70b4f998126e6b7ded96e6a1145ced80" },
  },
  q18: {
    100000: { rows: 25_248, md5: "4e822fb8113ffaf410a291c14c3e15e0" },
    1000000: { rows: 265_594, md5: "eadc14c47ce9ee94ff951445abc6a8f3" },
  },
  q19: {
    100000: { rows: 35_135, md5: "6b885555a85431c366a06ba18571f3b0" },
    1000000: { rows: 367_246, md5: "806f7d4bf2c5758bf1d069738292f87d" },
  },
}

/** q15 has one row, which can be read: bids, bidders and auctions, each in all and by price. What is not known is left out. */
const GOLDEN_Q15: Readonly<Record<KnownEvents, string>> = {
  100000: "92000,30655,30660,30685,1919,1735,1753,1745,4657,4113,4159,4170",
  1000000: "920000,*,*,*,19922,19332,19358,19366,48148,43341,43349,43360",
}

/** MD5 of all events as lines, in order. */
export const GOLDEN_STREAM: Readonly<Record<KnownEvents, string>> = {
  100000: "527b3067bb0275bd9b0db1bf0784f36b",
  1000000: "fe59fa4dd0ad7320ce1287d917e70e19",
}

/**
 * Compares the rows of a query with what is known of them.
 * @param twin the rows of the program written by hand: of q0, which hands on what it gets, they are all that is known
 * @returns what is wrong, or undefined
 */
export function differenceFrom(
  { query, events }: { readonly query: string; readonly events: KnownEvents },
  lines: readonly string[],
  twin: () => readonly string[],
): string | undefined {
  if (query === "q15") {
    const known = GOLDEN_Q15[events].split(",")
    const found = lines.join(" ").split(",")
    const same = found.length === known.length && known.every((count, index) => count === "*" || count === found[index])
    return same ? undefined : `${query}: ${lines.join(" ")} in place of ${GOLDEN_Q15[events]}`
  }
  const golden = GOLDEN[query]?.[events] ?? digestOf(twin())
  const { rows, md5 } = digestOf(lines)
  if (rows === golden.rows && md5 === golden.md5) return undefined
  return `${query}: ${rows} rows with digest ${md5} in place of ${golden.rows} with ${golden.md5}`
}

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  HeapKeyedStore,
  hashKey,
  type Key,
  type KeyPart,
  keyGroupOf,
  keyGroupRange,
  keyIdentity,
  subtaskOfKeyGroup,
} from "../src/state/index.ts"

/** So many times the usual number of cases. */
const runs = (times: number) => ({ numRuns: times * fc.readConfigureGlobal().numRuns! })

const keyPart = fc.oneof(
  fc.string({ maxLength: 6, unit: "binary" }),
  // Few letters, those of which the spelling of composite keys is made: two of them are often equal, or nearly so.
  fc.string({ maxLength: 4, unit: fc.constantFrom("s", ";", ":", "1") }),
  fc.string({ maxLength: 2, unit: fc.constantFrom("\u0000", "[") }),
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, 1, Number.NaN),
  fc.boolean(),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.constantFrom(0n, 1n),
)
const anyKey: fc.Arbitrary<Key> = fc.oneof(keyPart, fc.array(keyPart, { maxLength: 4 }))
/** Also strings that are spelled like a composite key. */
const key: fc.Arbitrary<Key> = fc.oneof(
  { weight: 9, arbitrary: anyKey },
  { weight: 1, arbitrary: anyKey.map(keyIdentity) },
)

/** Two keys that may well be taken for one another. */
const keyPair: fc.Arbitrary<readonly [Key, Key]> = fc.oneof(
  fc.tuple(key, key),
  key.map((of) => [of, keyIdentity(of)] as const),
  key.map((of) => [of, [of].flat()] as const),
  key.map((of) => [of, Array.isArray(of) ? of.map(otherZero) : otherZero(of as KeyPart)] as const),
  // Texts with what might separate parts inside of a part.
  fc
    .tuple(
      fc.string({ maxLength: 2 }),
      fc.string({ maxLength: 2 }),
      fc.string({ maxLength: 2 }),
      fc.constantFrom(";s", ";", "", ":"),
    )
    .map(([a, b, c, separator]): [Key, Key] => [
      [a, b + separator + c],
      [a + separator + b, c],
    ]),
)

function otherZero(part: KeyPart): KeyPart {
  return part === 0 ? -part : part
}

/** Whether two keys are one, told by their parts as a Map would tell primitives. */
function sameKey(a: Key, b: Key): boolean {
  const same = (x: unknown, y: unknown) => x === y || (Number.isNaN(x) && Number.isNaN(y))
  if (!Array.isArray(a) || !Array.isArray(b)) return same(a, b)
  return a.length === b.length && a.every((part, index) => same(part, b[index]))
}

describe("RSC-1", () => {
  it("one key has one identity and one hash, two keys have two identities", () => {
    fc.assert(
      fc.property(keyPair, ([a, b]) => {
        const same = sameKey(a, b)
        expect(Object.is(keyIdentity(a), keyIdentity(b)) || keyIdentity(a) === keyIdentity(b)).toBe(same)
        if (same) expect(hashKey(a)).toBe(hashKey(b))
        const copy = Array.isArray(a) ? [...a] : a
        expect(hashKey(copy)).toBe(hashKey(a))
        expect(hashKey(a)).toBe(hashKey(a) >>> 0)
      }),
      runs(25),
    )
  })

  it("each key group belongs to the one subtask in whose range it lies, for every parallelism", () => {
    const shape = fc
      .integer({ min: 1, max: 32_768 })
      .chain((keyGroups) =>
        fc.tuple(fc.constant(keyGroups), fc.integer({ min: 1, max: keyGroups }), fc.nat(keyGroups - 1)),
      )
    fc.assert(
      fc.property(shape, key, ([keyGroups, parallelism, anyGroup], at) => {
        for (const group of [anyGroup, keyGroupOf(hashKey(at), keyGroups)]) {
          const owner = subtaskOfKeyGroup(group, keyGroups, parallelism)
          const { first, end } = keyGroupRange(owner, keyGroups, parallelism)
          expect(first <= group && group < end).toBe(true)
        }
        expect(keyGroupRange(0, keyGroups, parallelism).first).toBe(0)
        expect(keyGroupRange(parallelism - 1, keyGroups, parallelism).end).toBe(keyGroups)
      }),
      runs(10),
    )
  })
})

describe("ST-1", () => {
  it("the heap store answers as a plain list of entries, in any order of get, set, delete and iteration", () => {
    // Few keys, so that they meet again: drawn first, then used by index.
    const run = fc.record({
      keys: fc.array(key, { minLength: 1, maxLength: 8 }),
      keyGroups: fc.constantFrom(1, 2, 128),
      commands: fc.array(
        fc.record({
          kind: fc.constantFrom("get", "set", "set", "delete", "entries"),
          index: fc.nat(7),
          value: fc.nat(),
        }),
        {
          maxLength: 100,
        },
      ),
    })
    fc.assert(
      fc.property(run, ({ keys, keyGroups, commands }) => {
        const store = new HeapKeyedStore<number>(keyGroups)
        let model: { key: Key; value: number }[] = []
        for (const { kind, index, value } of commands) {
          const at = keys[index % keys.length]!
          const hash = hashKey(at)
          const entry = model.find((known) => sameKey(known.key, at))
          if (kind === "get") expect(store.get(at, hash)).toBe(entry?.value)
          else if (kind === "set") {
            store.set(at, hash, value)
            if (entry === undefined) model.push({ key: at, value })
            else entry.value = value
          } else if (kind === "delete") {
            expect(store.delete(at, hash)).toBe(entry !== undefined)
            model = model.filter((known) => known !== entry)
          } else {
            const groupOf = (of: Key) => keyGroupOf(hashKey(of), keyGroups)
            // A stable sort: first insertion breaks ties.
            const expected = [...model].sort((a, b) => groupOf(a.key) - groupOf(b.key))
            const entries = [...store.entries()]
            expect(entries.map(([, held]) => held)).toEqual(expected.map((known) => known.value))
            expect(entries.every(([held], place) => sameKey(held, expected[place]!.key))).toBe(true)
          }
          expect(store.size).toBe(model.length)
        }
      }),
      runs(3),
    )
  })
})

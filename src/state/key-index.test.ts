import fc from "fast-check"
import { expect, it } from "vitest"
import { hashKey } from "./key-hash.ts"
import { keyIdentity } from "./key-identity.ts"
import { KeyIndex } from "./key-index.ts"
import type { Key, KeyPart } from "./keyed-store.ts"

const part = fc.oneof(
  fc.string({ maxLength: 2 }),
  fc.integer({ min: -2, max: 2 }),
  fc.constantFrom<KeyPart>(0, -0, Number.NaN, 0.5, true, false, 1n, -1n),
)
const key = fc.oneof<fc.Arbitrary<Key>[]>(part, fc.array(part, { maxLength: 2 }))

it("KeyIndex finds what a Map would, whatever is added and deleted and however hashes collide", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ key, deletes: fc.boolean() }), { maxLength: 200 }),
      fc.constantFrom(0xffff_ffff, 0xff00_0000, 0x3, 0),
      (steps, bits) => {
        const hashOf = (key: Key): number => (hashKey(key) & bits) >>> 0
        const index = new KeyIndex<{ readonly key: Key; readonly keyHash: number }>()
        const model = new Map<KeyPart, { readonly key: Key; readonly keyHash: number }>()
        for (const { key, deletes } of steps) {
          const held = index.get(key, hashOf(key))
          expect(held).toBe(model.get(keyIdentity(key)))
          if (held === undefined) {
            const entry = { key, keyHash: hashOf(key) }
            index.add(entry)
            model.set(keyIdentity(key), entry)
          } else if (deletes) {
            index.delete(held)
            model.delete(keyIdentity(key))
          }
        }
        expect(index.size).toBe(model.size)
        expect(new Set(index)).toEqual(new Set(model.values()))
        for (const entry of model.values()) expect(index.get(entry.key, entry.keyHash)).toBe(entry)
      },
    ),
  )
})

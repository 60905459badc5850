import { Buffer } from "node:buffer"
import { describe, expect, it } from "vitest"
import { keyGroupOf } from "./key-groups.ts"
import { hashKey } from "./key-hash.ts"
import type { Key } from "./keyed-store.ts"

/** MurmurHash3_x86_32 as published, byte by byte. */
function murmur3(bytes: Uint8Array, seed: number): number {
  const rotl = (x: number, r: number) => (x << r) | (x >>> (32 - r))
  const scramble = (k: number) => Math.imul(rotl(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593)
  let h = seed
  const whole = bytes.length - (bytes.length % 4)
  for (let i = 0; i < whole; i += 4) {
    h ^= scramble(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
    h = (Math.imul(rotl(h, 13), 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let i = bytes.length - 1; i >= whole; i--) tail = (tail << 8) | bytes[i]!
  h ^= scramble(tail) ^ bytes.length
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

describe("hashKey()", () => {
  it("is compared here with a true MurmurHash3 (published test vectors)", () => {
    expect(murmur3(new Uint8Array(), 0)).toBe(0)
    expect(murmur3(new Uint8Array(), 1)).toBe(0x514e28b7)
    expect(murmur3(Buffer.from("Hello, world!"), 0x9747b28c)).toBe(0x24884cba)
    expect(murmur3(Buffer.from("The quick brown fox jumps over the lazy dog"), 0x9747b28c)).toBe(0x2fa826cd)
  })

  it("of a string is MurmurHash3 over its UTF-16LE bytes", () => {
    for (const text of ["", "a", "ab", "abc", "abcd", "Zürich", "日本語", "x".repeat(1_001), "\ud800"]) {
      expect(hashKey(text)).toBe(murmur3(Buffer.from(text, "utf16le"), 0x73747231))
    }
  })

  it("of a number is MurmurHash3 over four bytes when it is an int32, else over its IEEE bytes", () => {
    for (const value of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      const bytes = Buffer.alloc(4)
      bytes.writeInt32LE(value)
      expect(hashKey(value)).toBe(murmur3(bytes, 0x6e756d31))
    }
    for (const value of [2 ** 31, 0.5, -1e300, Number.POSITIVE_INFINITY, Number.NaN]) {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleLE(value)
      expect(hashKey(value)).toBe(murmur3(bytes, 0x6e756d31))
    }
  })

  // RSC-1. If this test fails, do not update it: savepoints of earlier releases would no longer find their keys.
  it.each<[Key, number, number]>([
    ["", 0x8a1bcbf3, 115],
    ["a", 0x5b8899fa, 122],
    ["ATL", 0x5e6cfd04, 4],
    ["JFK", 0xe233f138, 56],
    ["key-42", 0xea5f8ec5, 69],
    ["Zürich", 0x866902fc, 124],
    ["日本", 0x16afad71, 113],
    ["\ud800", 0x61c26ba1, 33],
    [0, 0x62859bad, 45],
    [1, 0x42d1ffbc, 60],
    [-1, 0x22923bc5, 69],
    [42, 0x97513491, 17],
    [2147483647, 0x55dfbdc2, 66],
    [-2147483648, 0xd6b760b2, 50],
    [2147483648, 0x28b3ff00, 0],
    [0.5, 0xbbc0440a, 10],
    [1e300, 0xf22ba32a, 42],
    [Number.NaN, 0x39d4ba0a, 10],
    [Number.POSITIVE_INFINITY, 0x8465a7d6, 86],
    [true, 0xc706a84a, 74],
    [false, 0x3ba4ceaa, 42],
    [0n, 0x40d93544, 68],
    [1n, 0x3e6b1c10, 16],
    [-1n, 0x6fb3626f, 111],
    [1180591620717411303424n, 0xe09eba9a, 26],
    [[], 0xb14fc7a9, 41],
    [["a"], 0xb56f9019, 25],
    [["a", "b"], 0x149bc2b3, 51],
    [["ab"], 0xb2b20a9e, 30],
    [[1, "1", true, 1n], 0x6630d9bb, 59],
  ])("of %s never changes between releases", (key, hash, group) => {
    expect(hashKey(key)).toBe(hash)
    expect(keyGroupOf(hash, 128)).toBe(group)
  })

  it("tells types apart, and takes for one what a Map takes for one", () => {
    const hashes = [1, "1", true, 1n, [1], ["1"]].map((key) => hashKey(key as Key))
    expect(new Set(hashes).size).toBe(hashes.length)
    expect(hashKey(-0)).toBe(hashKey(0))
    expect(hashKey([-0])).toBe(hashKey([0]))
    const otherNaN = new Float64Array(new BigUint64Array([0xfff8_0000_0000_0001n]).buffer)[0]!
    expect(hashKey(otherNaN)).toBe(hashKey(Number.NaN))
  })

  it("spreads similar keys evenly over the key groups", () => {
    const sizes = new Array<number>(128).fill(0)
    for (let i = 0; i < 128_000; i++) sizes[keyGroupOf(hashKey(`user-${i}`), 128)]!++
    for (let i = 0; i < 128_000; i++) sizes[keyGroupOf(hashKey(i), 128)]!++
    // 2,000 each on average, standard deviation 45.
    expect(Math.min(...sizes)).toBeGreaterThan(1_750)
    expect(Math.max(...sizes)).toBeLessThan(2_250)
  })

  it.each([
    [undefined, "undefined"],
    [null, "null"],
    [{ id: 1 }, "an object"],
    [new Date(0), "an object"],
    [() => 1, "a function"],
    [Symbol("s"), "a symbol"],
  ])("refuses %s with KEY_INVALID, the kind found and what is allowed", (key, kind) => {
    expect(() => hashKey(key as unknown as Key)).toThrowError(
      expect.objectContaining({
        code: "KEY_INVALID",
        message: expect.stringMatching(
          new RegExp(`it is ${kind}, and keys are strings, numbers, booleans, bigints, or arrays`),
        ),
      }),
    )
  })

  it("refuses a bad part of a composite key, and shows both", () => {
    expect(() => hashKey(["ATL", undefined] as unknown as Key)).toThrowError(
      /the key \["ATL",null\] with the part undefined/,
    )
    expect(() => hashKey([["ATL"]] as unknown as Key)).toThrowError(/an array inside an array/)
  })
})

import { keyInvalid } from "./_key-invalid.ts"
import type { Key, KeyPart } from "./keyed-store.ts"

// One seed per type, so that 1, "1", true, 1n and [1] are five keys. These numbers, the mixing and what is fed to it are
// the format of every savepoint: key -> group must never change (RSC-1).
const STRING_SEED = 0x73747231
const NUMBER_SEED = 0x6e756d31
const BOOLEAN_SEED = 0x626f6f31
const BIGINT_SEED = 0x62696731
const ARRAY_SEED = 0x61727231

const WORD_BITS = 32n
const WORD_MASK = 0xffffffffn

/** Numbers as IEEE bytes in a stated order, so that the hash is the same on every machine. */
const numberBytes = new DataView(new ArrayBuffer(8))
const CANONICAL_NAN_HIGH = 0x7ff80000

/**
 * The hash of a key: unsigned 32-bit, well mixed in all bits, the same in every release and on every machine.
 * Keys that are one key to a Map (0 and -0, every NaN) have one hash; arrays are compared by their parts.
 *
 * @throws {EngineError} KEY_INVALID for undefined, null, objects, functions, symbols and nested arrays
 * Cost: O(length); some 20 million a second for strings of three letters.
 * Source: MurmurHash3_x86_32 (Appleby, 2011) over: strings, their UTF-16LE bytes; numbers that fit in int32, four bytes, all
 * others their IEEE bytes; arrays, the hashes of their parts. A test compares it with a byte-wise implementation.
 */
export function hashKey(key: Key): number {
  return typeof key === "string" ? hashString(key) : Array.isArray(key) ? hashArray(key) : hashPart(key as KeyPart, key)
}

function hashString(text: string): number {
  const length = text.length
  let hash = STRING_SEED
  let index = 0
  for (const pairsEnd = length & ~1; index < pairsEnd; index += 2) {
    hash = mixWord(hash, text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16))
  }
  if (index < length) hash ^= scramble(text.charCodeAt(index))
  return finalise(hash ^ (length << 1))
}

function hashArray(parts: readonly KeyPart[]): number {
  let hash = ARRAY_SEED
  for (let index = 0; index < parts.length; index++) hash = mixWord(hash, hashPart(parts[index]!, parts))
  return finalise(hash ^ (parts.length << 2))
}

/** @param whole the key that holds the part, for the message */
function hashPart(part: KeyPart, whole: unknown): number {
  switch (typeof part) {
    case "string":
      return hashString(part)
    case "number":
      return hashNumber(part)
    case "boolean":
      return finalise(mixWord(BOOLEAN_SEED, part ? 1 : 0) ^ 4)
    case "bigint":
      return hashBigint(part)
    default:
      throw keyInvalid(part, whole)
  }
}

function hashNumber(value: number): number {
  // True for -0 too, which so becomes 0.
  if ((value | 0) === value) return finalise(mixWord(NUMBER_SEED, value | 0) ^ 4)
  let low = 0
  let high = CANONICAL_NAN_HIGH
  if (!Number.isNaN(value)) {
    numberBytes.setFloat64(0, value, true)
    low = numberBytes.getInt32(0, true)
    high = numberBytes.getInt32(4, true)
  }
  return finalise(mixWord(mixWord(NUMBER_SEED, low), high) ^ 8)
}

function hashBigint(value: bigint): number {
  let hash = mixWord(BIGINT_SEED, value < 0n ? 1 : 0)
  let words = 1
  for (let rest = value < 0n ? -value : value; rest > 0n; rest >>= WORD_BITS) {
    hash = mixWord(hash, Number(rest & WORD_MASK) | 0)
    words++
  }
  return finalise(hash ^ (words << 2))
}

function scramble(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51)
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593)
}

function mixWord(hash: number, word: number): number {
  const h = hash ^ scramble(word)
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

function finalise(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

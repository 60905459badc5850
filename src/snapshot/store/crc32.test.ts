import { crc32 as native } from "node:zlib"
import { describe, expect, test } from "vitest"
import { encodeUtf8 } from "./_utf8.ts"
import { crc32 } from "./crc32.ts"

describe("crc32", () => {
  test("gives the check value of the standard", () => {
    expect(crc32(encodeUtf8("123456789"))).toBe(0xcbf43926)
    expect(crc32(new Uint8Array())).toBe(0)
  })

  test("agrees with zlib at every length and alignment up to 40 bytes, whole and in two pieces", () => {
    const bytes = Uint8Array.from({ length: 64 }, (_, i) => (i * 151 + 7) & 0xff)
    for (let start = 0; start < 8; start++) {
      for (let length = 0; length <= 40; length++) {
        const piece = bytes.subarray(start, start + length)
        expect(crc32(piece)).toBe(native(piece))
        const cut = length >> 1
        expect(crc32(piece.subarray(cut), crc32(piece.subarray(0, cut)))).toBe(native(piece))
      }
    }
  })
})

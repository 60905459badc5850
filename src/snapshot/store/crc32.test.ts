import { describe, expect, test } from "vitest"
import { encodeUtf8 } from "./_utf8.ts"
import { crc32 } from "./crc32.ts"

describe("crc32", () => {
  test("gives the check value of the standard, whole and in two pieces", () => {
    const bytes = encodeUtf8("123456789")
    expect(crc32(bytes)).toBe(0xcbf43926)
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(0xcbf43926)
    }
    expect(crc32(new Uint8Array())).toBe(0)
    expect(crc32(new Uint8Array(), 0xcbf43926)).toBe(0xcbf43926)
  })
})

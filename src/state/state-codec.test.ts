import { expect, it } from "vitest"
import { stateCodecOf } from "./state-codec.ts"

it("stateCodecOf() calls the owner's methods as methods", () => {
  const owner = {
    factor: 3,
    encode(value: number) {
      return value * this.factor
    },
    decode(plain: unknown) {
      return (plain as number) / this.factor
    },
  }
  const codec = stateCodecOf<number>(owner, "the state")!
  expect(codec.encode(2)).toBe(6)
  expect(codec.decode(6)).toBe(2)
})

it("stateCodecOf() gives none for an owner without one, and refuses half of one with STATE_CODEC_INCOMPLETE", () => {
  expect(stateCodecOf({}, "the state")).toBeUndefined()
  expect(() => stateCodecOf({ encode: () => 1 }, 'the aggregate "x"')).toThrowError(
    expect.objectContaining({
      code: "STATE_CODEC_INCOMPLETE",
      message: expect.stringMatching(/aggregate "x": it has encode but no decode/),
    }),
  )
  expect(() => stateCodecOf({ decode: () => 1 }, "the state")).toThrowError(/it has decode but no encode/)
})

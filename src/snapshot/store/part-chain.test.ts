import { describe, expect, it } from "vitest"
import { PartChain } from "./part-chain.ts"

const part = (id: number, bytes: number) => ({ file: `parts/${id}-1-a-0.part`, bytes, checksum: id, blocks: 1 })

describe("PartChain", () => {
  it("begins with everything, goes on with changes, and names the parts in their order", () => {
    const chain = new PartChain()
    expect(chain.next(undefined)).toBe("all")
    chain.extend("all", part(1, 100), 1)
    expect(chain.next(undefined)).toBe("changes")
    chain.extend("changes", part(2, 10), 1)
    chain.extend("changes", undefined, 1)
    expect(chain.next(undefined)).toBe("changes")
    expect(chain.parts).toEqual([part(1, 100), part(2, 10)])
  })

  it("asks for everything once the changes weigh twice what the base does, and then leaves the old parts behind", () => {
    const chain = new PartChain()
    chain.extend("all", part(1, 100), 1)
    chain.extend("changes", part(2, 199), 1)
    expect(chain.next(undefined)).toBe("changes")
    chain.extend("changes", part(3, 1), 1)
    expect(chain.next(undefined)).toBe("all")
    chain.extend("all", part(4, 100), 1)
    expect(chain.parts).toEqual([part(4, 100)])
    expect(chain.next(undefined)).toBe("changes")
  })

  it("does not write anew what has only grown, and does once the chain weighs three times what there is", () => {
    const chain = new PartChain()
    chain.extend("all", part(1, 100), 10)
    chain.extend("changes", part(2, 300), 30)
    expect([chain.next(40), chain.next(14), chain.next(13), chain.next(undefined)]).toEqual([
      "changes",
      "changes",
      "all",
      "all",
    ])
  })

  it("asks for everything once there are 32 parts", () => {
    const chain = new PartChain()
    chain.extend("all", part(1, 1e6), 1)
    for (let id = 2; id <= 31; id++) chain.extend("changes", part(id, 1), 1)
    expect(chain.next(undefined)).toBe("changes")
    chain.extend("changes", part(32, 1), 1)
    expect(chain.parts.length).toBe(32)
    expect(chain.next(undefined)).toBe("all")
  })

  it("stays where it is as long as a capture of everything has not succeeded", () => {
    const chain = new PartChain()
    chain.extend("all", part(1, 5), 1)
    chain.extend("changes", part(2, 10), 1)
    expect([chain.next(undefined), chain.next(undefined), chain.parts.length]).toEqual(["all", "all", 2])
  })

  it("begins anew after a subtask with nothing to save", () => {
    const chain = new PartChain()
    chain.extend("all", undefined, 1)
    expect([chain.next(undefined), chain.parts]).toEqual(["all", []])
  })
})

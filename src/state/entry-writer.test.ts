import { describe, expect, it } from "vitest"
import { MsgpackCodec } from "../records/index.ts"
import { EntryWriter } from "./entry-writer.ts"
import type { TableEntry } from "./state-table.ts"

class Sketch {
  readonly registers = [1]
}

function newSink() {
  const codec = new MsgpackCodec()
  const entries: TableEntry[] = []
  return {
    entries,
    put: (entry: TableEntry) => void entries.push(codec.decode(codec.encode([entry]))[0] as TableEntry),
  }
}

describe("EntryWriter", () => {
  it("hands over what the codec makes of a value, and deletions", () => {
    const sink = newSink()
    const writer = new EntryWriter<Sketch>("sketches", sink, ({ registers }) => registers)
    writer.put(7, "a", 3, new Sketch())
    writer.remove(8, ["b", 1], null)
    writer.check()
    expect(sink.entries).toEqual([
      { keyHash: 7, key: "a", namespace: 3, value: [1], deleted: false },
      { keyHash: 8, key: ["b", 1], namespace: null, value: undefined, deleted: true },
    ])
  })

  it("keeps a refusal for the next check, names the state, the key and the part, and hands over nothing more", () => {
    const sink = newSink()
    const writer = new EntryWriter<unknown>("aggregate", sink, undefined)
    writer.put(7, "ATL", null, { flights: 1, carriers: new Sketch() })
    writer.put(8, "JFK", null, 1)
    expect(sink.entries).toEqual([])
    const refused = expect.objectContaining({
      code: "STATE_NOT_SERIALIZABLE",
      message: expect.stringMatching(
        /the state "aggregate" of key "ATL".*part "carriers" is an instance of the class Sketch.*`encode` and `decode`/,
      ),
      details: expect.objectContaining({ path: "carriers" }),
    })
    expect(() => writer.check()).toThrowError(refused)
    expect(() => writer.check()).toThrowError(refused)
  })

  it("says so when the value itself is no plain data", () => {
    const writer = new EntryWriter<unknown>("seen", newSink(), undefined)
    writer.put(7, "a", null, () => 1)
    expect(() => writer.check()).toThrowError(/: it is a function; keep plain data/)
  })

  it("hands on what a user's encode or the sink throws as it is", () => {
    const failing = new EntryWriter<number>("seen", newSink(), () => {
      throw new RangeError("too large")
    })
    failing.put(1, "a", null, 1)
    expect(() => failing.check()).toThrowError(RangeError)
    const full = new EntryWriter<number>(
      "seen",
      {
        put() {
          throw new Error("disk full")
        },
      },
      undefined,
    )
    full.remove(1, "a", null)
    expect(() => full.check()).toThrowError("disk full")
  })
})

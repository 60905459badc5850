import { describe, expect, test } from "vitest"
import { manifestOf } from "./_fixtures.ts"
import { seal } from "./_sealed-json.ts"
import { decodeUtf8 } from "./_utf8.ts"
import { decodeManifest, encodeManifest, type Manifest } from "./manifest.ts"

const part = { file: "parts/3-1-count-0.part", bytes: 100, checksum: 0xffff_ffff, blocks: 2 }
const manifest = manifestOf(3, [part])

/** The manifest's JSON with changes, properly sealed: what only a strict reader refuses. */
function sealed(change: (json: Record<string, unknown>) => unknown): Uint8Array {
  const json = JSON.parse(decodeUtf8(encodeManifest(manifest))!.split("\n")[0]!) as Record<string, unknown>
  change(json)
  return seal(JSON.stringify(json))
}

function refusal(bytes: Uint8Array): { code: string; message: string } {
  try {
    decodeManifest(bytes, "m.json")
  } catch (error) {
    return error as { code: string; message: string }
  }
  throw new Error("it was accepted")
}

describe("decodeManifest()", () => {
  test("gives back what was encoded", () => {
    expect(decodeManifest(encodeManifest(manifest), "m.json")).toEqual(manifest)
  })

  test("keeps infinite watermarks, -0, deep positions and odd text", () => {
    const odd: Manifest = {
      ...manifest,
      jobName: 'a "job" \u2028 \ud800',
      watermarks: [
        { operatorId: "a", watermarkMs: Number.POSITIVE_INFINITY },
        { operatorId: "b", watermarkMs: -0 },
      ],
      sources: [
        {
          operatorId: "s",
          assigned: [
            { id: "1", data: { constructor: [null, true, { toString: -0 }] }, subtask: 3, skip: 0 },
            { id: "2", data: null, subtask: 3, skip: 0, position: { offset: 1e300, line: null } },
          ],
          remaining: [],
        },
      ],
    }
    expect(decodeManifest(encodeManifest(odd), "m.json")).toEqual(odd)
  })

  test("refuses a wrong type, an unknown field, a missing one and a thing named twice, and says where", () => {
    const cases: readonly [(json: Record<string, unknown>) => unknown, string][] = [
      [(json) => Object.assign(json, { checkpointId: "3" }), 'manifest.checkpointId is "3" and not an integer'],
      [(json) => Object.assign(json, { checkpointId: -1 }), "manifest.checkpointId is -1"],
      [(json) => Object.assign(json, { extra: 1 }), 'manifest has the unknown field "extra"'],
      [(json) => Reflect.deleteProperty(json, "audit"), "manifest has no field audit"],
      [(json) => Object.assign(json, { kind: "toString" }), "manifest.kind is"],
      [(json) => Object.assign(json, { subtasks: {} }), "manifest.subtasks is {} and not a list"],
      [(json) => Object.assign(json, { watermarks: [null] }), "manifest.watermarks[0] is null and not an object"],
      [(json) => Object.assign(json, { watermarks: [{ operatorId: "a", watermarkMs: "NaN" }] }), "watermarkMs is"],
      [
        (json) => Object.assign(json, { committables: [{ operatorId: "a", committables: [[]] }] }),
        "committables[0] is [] and not an object",
      ],
      [(json) => Object.assign(json, { subtasks: [...(json.subtasks as []), ...(json.subtasks as [])] }), "twice"],
    ]
    for (const [change, found] of cases) {
      const { code, message } = refusal(sealed(change))
      expect(code).toBe("CHECKPOINT_MANIFEST_DAMAGED")
      expect(message).toContain(found)
    }
  })

  test("refuses names of parts that lead out of the parts directory or into the future", () => {
    for (const file of [
      "../../etc/passwd",
      "parts/../x.part",
      "parts/4-1-count-0.part",
      "parts/3-1-a/b-0.part",
      "/parts/3-1-count-0.part",
    ]) {
      const bytes = sealed((json) => Object.assign((json.subtasks as { parts: object[] }[])[0]!.parts[0]!, { file }))
      expect(refusal(bytes).code).toBe("CHECKPOINT_MANIFEST_DAMAGED")
    }
  })

  test("lets nothing reach a prototype", () => {
    const text = decodeUtf8(encodeManifest(manifest))!.split("\n")[0]!
    const poisoned = text.replace('{"path":"a.csv"}', '{"__proto__":{"polluted":true}}')
    expect(poisoned).not.toBe(text)
    expect(refusal(seal(poisoned)).message).toContain("__proto__")
    expect(refusal(seal(`{"__proto__":${text}}`)).code).toBe("CHECKPOINT_MANIFEST_DAMAGED")
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  test("refuses a version it does not know, and says what to do; damage is no version", () => {
    const bytes = sealed((json) => Object.assign(json, { formatVersion: 2 }))
    expect(refusal(bytes)).toMatchObject({
      code: "CHECKPOINT_MANIFEST_VERSION",
      message: expect.stringContaining(
        "format version 2, this release reads 1; restore with the release of millrace that wrote it",
      ),
    })
    bytes[20] = bytes[20]! ^ 1
    expect(refusal(bytes).code).toBe("CHECKPOINT_MANIFEST_DAMAGED")
  })

  test("refuses values that nest without end", () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`
    const text = decodeUtf8(encodeManifest(manifest))!.split("\n")[0]!
    expect(refusal(seal(text.replace('{"path":"a.csv"}', deep))).message).toContain("levels")
  })

  test("reads version 1 as it was first written (golden file, STO-6)", () => {
    expect(decodeUtf8(encodeManifest(manifest))).toMatchInlineSnapshot(`
      "{"formatVersion":1,"jobName":"hourly-delays","runId":"run-1","checkpointId":3,"attempt":1,"createdAtMs":1700000000003,"kind":"checkpoint","plan":{"keyGroups":128,"operators":[{"operatorId":"count","kind":"keyed-aggregate","parallelism":1}]},"subtasks":[{"vertexId":"count","subtask":0,"finished":false,"watermarkMs":1000,"parts":[{"file":"parts/3-1-count-0.part","bytes":100,"checksum":4294967295,"blocks":2}]}],"sources":[{"operatorId":"flights","assigned":[{"id":"a.csv@0","data":{"path":"a.csv"},"subtask":0,"skip":2,"position":30}],"remaining":[{"id":"b.csv@0","data":{"path":"b.csv"}}]}],"watermarks":[{"operatorId":"flights","watermarkMs":"-Infinity"}],"committables":[{"operatorId":"out","committables":[{"file":"part-3","records":7}]}],"audit":[{"channel":0,"edge":"flights -> count","from":"flights/0","to":"count/0","sent":5,"received":3,"saved":2}]}
      #crc32 db6e59d9
      "
    `)
  })
})

describe("encodeManifest()", () => {
  test("refuses what JSON cannot hold, and names the place", () => {
    const withData = (data: unknown): Manifest => ({
      ...manifest,
      sources: [{ operatorId: "s", assigned: [], remaining: [{ id: "1", data: data as null }] }],
    })
    for (const value of [
      Number.NaN,
      undefined,
      new Date(0),
      new Map(),
      [1, undefined, 2],
      1n,
      { a: { b: Number.POSITIVE_INFINITY } },
    ]) {
      expect(() => encodeManifest(withData(value))).toThrow(/\$\.sources\[0\]\.remaining\[0\]\.data/)
    }
    const circular: unknown[] = []
    circular.push(circular)
    expect(() => encodeManifest(withData(circular))).toThrow(/at most 64 levels/)
    expect(() => encodeManifest(withData(JSON.parse('{"__proto__":1}')))).toThrow(/__proto__/)
  })

  test("refuses what the reader would refuse", () => {
    expect(() => encodeManifest({ ...manifest, checkpointId: 1.5 })).toThrow(/checkpointId is 1.5/)
    expect(() => encodeManifest({ ...manifest, checkpointId: 2 })).toThrow(/of a later checkpoint/)
  })
})

import { invariant } from "../../errors/index.ts"
import type { KeyIdentity } from "../key-identity.ts"

// u16 table, u16 key group, u8 kind, the identity. Big-endian: the entries of a table, and of a group in it, stand together.
const TABLE_BYTES = 2
const KIND_AT = 4
const IDENTITY_AT = 5
/** LMDB takes keys of up to 1,978 bytes. What is longer goes by its hash. */
const MAX_PLACE_BYTES = 1024

const Kind = {
  FALSE: 0,
  TRUE: 1,
  NUMBER: 2,
  BIGINT: 3,
  /** UTF-8. */
  TEXT: 4,
  /** UTF-16, big-endian: for strings with half a surrogate pair, which UTF-8 would make one. */
  ODD_TEXT: 5,
  /** The hash of a long identity: several may stand there. */
  LONG: 6,
} as const

interface TextCodec {
  encode(text: string): Uint8Array
}
interface TextDecoding {
  decode(bytes: Uint8Array): string
}
const { TextEncoder, TextDecoder } = globalThis as unknown as {
  TextEncoder: new () => TextCodec
  TextDecoder: new (label: string, options: { ignoreBOM: boolean }) => TextDecoding
}
const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** The bytes that all places of a table begin with. */
export function tablePrefix(table: number): Uint8Array {
  return new Uint8Array([table >>> 8, table & 0xff])
}

/** Where the entry of an identity stands. Different identities have different places, unless `isShared`. */
export function placeOf(table: number, group: number, keyHash: number, identity: KeyIdentity): Uint8Array {
  const [kind, content] = contentOf(identity)
  if (IDENTITY_AT + content.length <= MAX_PLACE_BYTES) return assemble(table, group, kind, content)
  const hash = new Uint8Array(4)
  new DataView(hash.buffer).setUint32(0, keyHash)
  return assemble(table, group, Kind.LONG, hash)
}

/** Whether identities share this place, so that it holds a list of them. */
export function isShared(place: Uint8Array): boolean {
  return place[KIND_AT] === Kind.LONG
}

/** The identity whose place this is, if it is not shared. */
export function identityAt(place: Uint8Array): KeyIdentity {
  const content = place.subarray(IDENTITY_AT)
  switch (place[KIND_AT]) {
    case Kind.FALSE:
      return false
    case Kind.TRUE:
      return true
    case Kind.NUMBER:
      return new DataView(content.buffer, content.byteOffset).getFloat64(0)
    case Kind.BIGINT:
      return BigInt(decoder.decode(content))
    case Kind.TEXT:
      return decoder.decode(content)
    default: {
      invariant(place[KIND_AT] === Kind.ODD_TEXT, () => `a place of kind ${place[KIND_AT]} has no identity`)
      let text = ""
      for (let at = 0; at < content.length; at += 2) text += String.fromCharCode((content[at]! << 8) | content[at + 1]!)
      return text
    }
  }
}

function contentOf(identity: KeyIdentity): [kind: number, content: Uint8Array] {
  switch (typeof identity) {
    case "boolean":
      return [identity ? Kind.TRUE : Kind.FALSE, new Uint8Array(0)]
    case "number": {
      const content = new Uint8Array(8)
      // One zero and one NaN, as in a Map.
      new DataView(content.buffer).setFloat64(0, Number.isNaN(identity) ? Number.NaN : identity + 0)
      return [Kind.NUMBER, content]
    }
    case "bigint":
      return [Kind.BIGINT, encoder.encode(String(identity))]
    default:
      // Of lib.es2024; every Node we run on has it.
      return (identity as string & { isWellFormed(): boolean }).isWellFormed()
        ? [Kind.TEXT, encoder.encode(identity)]
        : [Kind.ODD_TEXT, oddText(identity)]
  }
}

function oddText(text: string): Uint8Array {
  const content = new Uint8Array(2 * text.length)
  for (let at = 0; at < text.length; at++) {
    content[2 * at] = text.charCodeAt(at) >>> 8
    content[2 * at + 1] = text.charCodeAt(at) & 0xff
  }
  return content
}

function assemble(table: number, group: number, kind: number, content: Uint8Array): Uint8Array {
  const place = new Uint8Array(IDENTITY_AT + content.length)
  place[0] = table >>> 8
  place[1] = table & 0xff
  place[TABLE_BYTES] = group >>> 8
  place[TABLE_BYTES + 1] = group & 0xff
  place[KIND_AT] = kind
  place.set(content, IDENTITY_AT)
  return place
}

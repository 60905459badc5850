import { EngineError } from "../errors/index.ts"

/** How a state's values become plain data in a snapshot, and values again. For values that are not plain, e.g. instances of a class. */
export interface StateCodec<V> {
  /** @returns plain data: what can be sent to another thread. It is serialized at once and may share parts with the value */
  encode(value: V): unknown
  /** @param plain equal to what `encode` returned, and nobody else's */
  decode(plain: unknown): V
}

/**
 * The codec of something that may bring one, e.g. an aggregate; undefined when its values are plain.
 * @param owner its methods stay methods: they may use `this`
 * @param what names it in the refusal
 * @throws {EngineError} STATE_CODEC_INCOMPLETE when it has one of the two methods only
 */
export function stateCodecOf<V>(
  owner: { encode?(value: V): unknown; decode?(plain: unknown): V },
  what: string,
): StateCodec<V> | undefined {
  const missing = owner.encode === undefined ? "encode" : owner.decode === undefined ? "decode" : undefined
  if (missing === undefined) return owner as StateCodec<V>
  if (owner.encode === undefined && owner.decode === undefined) return undefined
  throw new EngineError(
    "STATE_CODEC_INCOMPLETE",
    `Cannot use ${what}: it has ${missing === "encode" ? "decode" : "encode"} but no ${missing}, and what one writes in a ` +
      "checkpoint the other must read; give both, or neither for plain data",
    { details: { missing } },
  )
}

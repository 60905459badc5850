import { EngineError } from "../errors/index.ts"
import { stateCodecOf } from "./state-codec.ts"

/** What may say how its values are copied. */
export interface CopyOwner<V> {
  copy?(value: V): V
  encode?(value: V): unknown
  decode?(plain: unknown): V
}

/**
 * How values are copied: by the owner's `copy`, else by way of its codec, else part by part as plain data.
 *
 * @param owner its methods stay methods: they may use `this`
 * @param what names it in the refusal
 * @returns throws STATE_NOT_COPYABLE for a value that is an instance of a class, when the owner has neither
 */
export function copierOf<V>(owner: CopyOwner<V>, what: string): (value: V) => V {
  if (owner.copy !== undefined) return (value) => owner.copy!(value)
  const codec = stateCodecOf<V>(owner, what)
  const copy = (value: unknown): unknown => (isPrimitive(value) ? value : copyPlain(value as object, what))
  return codec === undefined ? (copy as (value: V) => V) : (value) => codec.decode(copy(codec.encode(value)))
}

function isPrimitive(value: unknown): boolean {
  return (typeof value !== "object" && typeof value !== "function") || value === null
}

function copyPlain(value: object, what: string): unknown {
  const part = (each: unknown): unknown => (isPrimitive(each) ? each : copyPlain(each as object, what))
  if (Array.isArray(value)) return value.map(part)
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [part(key), part(each)]))
  if (value instanceof Set) return new Set([...value].map(part))
  if (value instanceof Date) return new Date(value)
  if (ArrayBuffer.isView(value) && "slice" in value) return (value as unknown as { slice(): unknown }).slice()
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    const name = value.constructor?.name ?? "unknown"
    throw new EngineError(
      "STATE_NOT_COPYABLE",
      `Cannot copy a value of ${what}: it is, or holds, an instance of the class ${name}, and windows that share or fire again need ` +
        "copies; give it `copy`, or `encode` and `decode`, or keep plain data",
      { details: { class: name } },
    )
  }
  const copied: Record<string, unknown> = {}
  for (const [key, each] of Object.entries(value)) copied[key] = part(each)
  return copied
}

import { difference, valueText } from "./value-text.ts"

/** What must agree between the output of a plain run and that of another. */
export interface Agreement {
  /** Records may come more than once. */
  readonly mayRepeat: boolean
  /** Records of one key come in the same order. Left out: in any. */
  readonly keyOf: ((value: never) => unknown) | undefined
}

/** @returns how the output of a run disagrees with that of a plain one, in words; undefined when it does not */
export function disagreement(
  wanted: readonly unknown[],
  found: readonly unknown[],
  { mayRepeat, keyOf }: Agreement,
): string | undefined {
  const textsOf = (values: readonly unknown[]): readonly string[] => {
    const texts = values.map(valueText)
    return mayRepeat ? [...new Set(texts)] : texts
  }
  const { missing, extra } = difference(textsOf(wanted), textsOf(found))
  if (missing.length > 0 || extra.length > 0) {
    const parts = [listed("missing", missing), listed("beyond that", extra)].filter((part) => part !== "")
    return `receives something else than in a plain run of the same records: ${parts.join("; ")}`
  }
  if (keyOf === undefined) return undefined
  const orders = byKey(found, keyOf)
  for (const [key, values] of byKey(wanted, keyOf)) {
    const [before, after] = [textsOf(values), textsOf(orders.get(key)!)]
    const at = before.findIndex((text, index) => text !== after[index])
    if (at === -1) continue
    return `receives the records of key ${key} in another order than in a plain run of the same records: ${after[at]} where ${before[at]} was to be`
  }
  return undefined
}

function byKey(values: readonly unknown[], keyOf: (value: never) => unknown): Map<string, unknown[]> {
  const groups = new Map<string, unknown[]>()
  for (const value of values) {
    const key = valueText(keyOf(value as never))
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [value])
    else group.push(value)
  }
  return groups
}

const SHOWN = 5

function listed(what: string, texts: readonly string[]): string {
  if (texts.length === 0) return ""
  const more = texts.length > SHOWN ? ` and ${texts.length - SHOWN} more` : ""
  return `${what}: ${texts.slice(0, SHOWN).join(", ")}${more}`
}

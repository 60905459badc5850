/** A value as a text that is equal for equal values: for comparing without an order. 0 and -0 are one value here. */
export function valueText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => plain(inner)) ?? String(value)
}

function plain(value: unknown): unknown {
  if (value === 0) return 0
  if (typeof value === "bigint") return `${value}n`
  if (typeof value === "number" && !Number.isFinite(value)) return String(value)
  if (value instanceof Map) return { map: [...value] }
  if (value instanceof Set) return { set: [...value] }
  if (ArrayBuffer.isView(value)) return { bytes: [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)] }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const fields = value as Readonly<Record<string, unknown>>
    return Object.fromEntries(
      Object.keys(fields)
        .sort()
        .map((name) => [name, fields[name]]),
    )
  }
  return value
}

/** How two lists differ when their order does not count: what is missing from the second, and what it has beyond the first. */
export function difference(
  wanted: readonly string[],
  found: readonly string[],
): { readonly missing: readonly string[]; readonly extra: readonly string[] } {
  const counts = new Map<string, number>()
  for (const text of wanted) counts.set(text, (counts.get(text) ?? 0) + 1)
  const extra: string[] = []
  for (const text of found) {
    const left = counts.get(text) ?? 0
    if (left === 0) extra.push(text)
    else counts.set(text, left - 1)
  }
  return { missing: [...counts].flatMap(([text, left]) => Array.from({ length: left }, () => text)), extra }
}

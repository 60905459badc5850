// How figures are written, on the terminal and on the page.

export function median(readings) {
  const sorted = [...readings].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Three digits that say something, thousands parted: 1,234,567 -> "1,230,000", 0.012345 -> "0.0123". */
export function number(value) {
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  if (size === 0) return "0"
  const digits = Math.max(0, 2 - Math.floor(Math.log10(size)))
  if (digits > 0) return value.toFixed(Math.min(digits, 6))
  const unit = 10 ** (Math.floor(Math.log10(size)) - 2)
  return (Math.round(value / unit) * unit).toLocaleString("en-US", { maximumFractionDigits: 0 })
}

const LARGE = [
  [1e9, "G", "GB"],
  [1e6, "M", "MB"],
  [1e3, "k", "kB"],
]

/** A figure with its unit: 1.23 M records/s, 45.6 MB, 12.3 ms, 3.20 x. */
export function figure(value, unit) {
  for (const [size, prefix, bytes] of LARGE) {
    if (Math.abs(value) < size) continue
    if (unit === "bytes") return `${number(value / size)} ${bytes}`
    if (/\/s$| per /.test(unit)) return `${number(value / size)} ${prefix} ${unit}`
  }
  return `${number(value)} ${unit}`
}

/** `min–max`, for a median that stands beside it with its unit. */
export function range(readings, unit) {
  if (readings.length < 2) return ""
  const least = Math.min(...readings)
  const most = Math.max(...readings)
  const [size] = LARGE.find(([size]) => most >= size && (unit === "bytes" || /\/s$| per /.test(unit))) ?? [1]
  return `${number(least / size)}–${number(most / size)}`
}

/** @returns undefined where there is no bound, else whether the median keeps it and how it reads: "at least 5" */
export function boundOf({ readings, atLeast, atMost }) {
  if (atLeast === undefined && atMost === undefined) return undefined
  const value = median(readings)
  const holds = (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost)
  const texts = [
    ...(atLeast === undefined ? [] : [`at least ${number(atLeast)}`]),
    ...(atMost === undefined ? [] : [`at most ${number(atMost)}`]),
  ]
  return { holds, text: texts.join(", ") }
}

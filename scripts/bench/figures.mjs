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

/** What to divide figures of such a size by, and their unit then: 5.6e6 records/s are millions of records/s. */
export function scaleOf(value, unit) {
  const found = LARGE.find(([size]) => Math.abs(value) >= size)
  if (found !== undefined && unit === "bytes") return { size: found[0], unitText: found[2] }
  if (found !== undefined && /\/s$| per /.test(unit)) return { size: found[0], unitText: `${found[1]} ${unit}` }
  return { size: 1, unitText: unit }
}

/** A figure with its unit: 1.23 M records/s, 45.6 MB, 12.3 ms, 3.20 x. */
export function figure(value, unit) {
  const { size, unitText } = scaleOf(value, unit)
  return `${number(value / size)} ${unitText}`
}

/** A figure where its unit stands at the axis: 1.23 M, 45.6 MB, 12.3 ms. */
export function brief(value, unit) {
  const { size, unitText } = scaleOf(value, unit)
  const short = unitText.endsWith(unit) && /[ /]/.test(unit) ? unitText.slice(0, -unit.length).trim() : unitText
  return `${number(value / size)} ${short}`.trim()
}

/** `min–max`, for a median that stands beside it with its unit. */
export function range(readings, unit) {
  if (readings.length < 2) return ""
  const { size } = scaleOf(median(readings), unit)
  return `${number(Math.min(...readings) / size)}–${number(Math.max(...readings) / size)}`
}

/** @returns undefined where there is no bound, else whether the median keeps it and how it reads: "at least 5" */
export function boundOf({ readings, unit, atLeast, atMost }) {
  if (atLeast === undefined && atMost === undefined) return undefined
  const value = median(readings)
  const holds = (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost)
  const texts = [
    ...(atLeast === undefined ? [] : [`at least ${boundFigure(atLeast, unit)}`]),
    ...(atMost === undefined ? [] : [`at most ${boundFigure(atMost, unit)}`]),
  ]
  return { holds, text: texts.join(", ") }
}

/** A figure of an axis or a bound, as someone would write it: 5 and not 5.00. */
export function plain(value) {
  return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 6 })
}

function boundFigure(value, unit) {
  const { size, unitText } = scaleOf(value, unit)
  return `${plain(value / size)} ${unitText}`
}

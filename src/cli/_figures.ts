const LARGE = [
  { unit: "G", size: 1e9 },
  { unit: "M", size: 1e6 },
  { unit: "k", size: 1e3 },
]

/** `9,999`, then three digits and a unit: `12.3 k`, `4.57 M`. */
export function shortCount(count: number): string {
  if (!Number.isFinite(count)) return "-"
  if (Math.abs(count) < 9_999.5) return wholeCount(Math.round(count))
  // 999,950 rounds to 1.00 M, not to 1000 k.
  const { unit, size } = LARGE.find((step) => Math.abs(count) >= step.size * 0.9995) ?? LARGE[2]!
  const value = count / size
  return `${value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2)} ${unit}`
}

/** `1,234,567`, the same in every locale. */
export function wholeCount(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(\d{3})+(?!\d))/g, ",")
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"]

/** A size at a glance: `512 B`, `3.2 KiB`, `47 MiB`. */
export function shortBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return "-"
  let value = bytes
  let unit = 0
  // 1023.96 KiB would be shown as 1024.
  for (; value >= 1023.5 && unit < BYTE_UNITS.length - 1; unit++) value /= 1024
  return `${value.toFixed(unit === 0 || value >= 9.95 ? 0 : 1)} ${BYTE_UNITS[unit]}`
}

/** A length of time at a glance: `850ms`, `3.2s`, `1m 05s`, `2h 03m`, `3d 04h`. */
export function shortDuration(ms: number): string {
  if (!Number.isFinite(ms)) return "-"
  if (ms < 999.5) return `${Math.round(ms)}ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)}s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${twoDigits(seconds % 60)}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${twoDigits(minutes % 60)}m`
  const hours = Math.floor(minutes / 60)
  return `${Math.floor(hours / 24)}d ${twoDigits(hours % 24)}h`
}

/** A share of 0..1 as whole percent. */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${Math.round(Math.min(1, Math.max(0, share)) * 100)}%` : "-"
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0")
}

import { boundOf, figure, median, range } from "./figures.mjs"

/**
 * The results of one bench as lines of a table. A ratio stands in a column of its own with what it is a ratio of.
 *
 * @param checked false at the small size, where bounds of time say nothing
 */
export function table(results, { checked }) {
  const head = ["variant", "metric", "median", "min–max", "runs", "ratio", "bound"]
  const rows = results.map((result) => {
    const { variant, metric, unit, readings, against } = result
    const value = figure(median(readings), unit)
    const isRatio = unit === "x"
    const bound = boundOf(result)
    const verdict = bound === undefined ? "" : checked ? `${bound.holds ? "ok" : "BROKEN"}: ${bound.text}` : bound.text
    return [
      variant,
      metric,
      isRatio ? "" : value,
      range(readings, unit),
      String(readings.length),
      isRatio ? (against === undefined ? value : `${value} of ${against}`) : "",
      verdict,
    ]
  })
  return aligned([head, ...rows])
}

/** Rows of cells as lines, the first being the head; a column in which no row has anything is left out. */
export function aligned([head, ...rows]) {
  const used = head.map((_, column) => rows.some((row) => row[column] !== ""))
  const lines = [head, ...rows].map((row) => row.filter((_, column) => used[column]))
  const widths = lines[0].map((_, column) => Math.max(...lines.map((row) => row[column].length)))
  return lines.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column])).join("  ")}`.trimEnd())
}

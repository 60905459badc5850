import { figure, median, number } from "./figures.mjs"
import { aligned } from "./table.mjs"

/**
 * @param pairs of runs, one `here` and one `there`, each the results of a bench
 * @returns a row for every figure that both have in every pair
 */
export function compareRuns(pairs) {
  const rows = []
  for (const { variant, metric, unit, against } of pairs[0].here) {
    const same = (result) =>
      result.variant === variant && result.metric === metric && result.unit === unit && result.against === against
    const medians = (side) =>
      pairs
        .map((pair) => pair[side].find(same))
        .filter((found) => found !== undefined)
        .map(({ readings }) => median(readings))
    const [here, there] = [medians("here"), medians("there")]
    if (here.length < pairs.length || there.length < pairs.length) continue
    const ratios = here.map((value, index) => (value === there[index] ? 1 : value / there[index]))
    rows.push({
      variant,
      metric,
      unit,
      here: median(here),
      there: median(there),
      ratios,
      verdict: verdictOf(ratios, unit),
    })
  }
  return rows
}

/** So many coins fall on one side once in sixteen times. */
const LEAST_PAIRS = 5

/** Pairs that disagree in which side is ahead show no difference; few that agree may do so by chance. */
function verdictOf(ratios, unit) {
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)]
  if (ratios.length < LEAST_PAIRS) return `fewer than ${LEAST_PAIRS} pairs`
  if (!(least > 1 || most < 1)) return "within noise"
  const grew = least > 1
  const better = moreIsBetter(unit)
  const word = better === undefined ? (grew ? "more" : "less") : grew === better ? "better" : "WORSE"
  return `${word} in all ${ratios.length} pairs`
}

/** @returns undefined for a ratio, which may be either */
function moreIsBetter(unit) {
  if (unit === "x") return undefined
  return /\/s$|per (?:CPU-)?second$/.test(unit)
}

export function comparisonTable(rows) {
  const head = ["variant", "metric", "there", "here", "here / there", "min–max", ""]
  return aligned([
    head,
    ...rows.map(({ variant, metric, unit, here, there, ratios, verdict }) => [
      ...[variant, metric, figure(there, unit), figure(here, unit), number(median(ratios))],
      ...[`${number(Math.min(...ratios))}–${number(Math.max(...ratios))}`, verdict],
    ]),
  ])
}

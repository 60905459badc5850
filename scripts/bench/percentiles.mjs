import { median, plain } from "./figures.mjs"
import { axis, document, label, line, path, STYLE, text, textWidth, wrap } from "./svg.mjs"

const WIDTH = 860
const HEIGHT = 420
const MARGIN = 16
const LEFT = 70
const TOP = 56
const BOTTOM = HEIGHT - 58
const LABEL = 12
const PERCENTILE = /^p(\d+(?:\.\d+)?)$/

/** Whether a result is a point of a curve of latencies, which has a table and a plot of its own. */
export function isPercentile({ metric }) {
  return PERCENTILE.test(metric) || metric === "max"
}

/** @returns the results by variant, of those variants that have a curve: at least four percentiles */
export function curvesOf(results) {
  const curves = new Map()
  for (const result of results.filter(isPercentile)) {
    curves.set(result.variant, [...(curves.get(result.variant) ?? []), result])
  }
  return new Map([...curves].filter(([, points]) => points.filter(({ metric }) => PERCENTILE.test(metric)).length >= 4))
}

/** Latency by percentile, as HdrHistogram draws it: every further digit of the percentile is as wide as the one before. */
export function percentiles({ title, curves, unit }) {
  const lines = [...curves].map(([variant, results], index) => ({
    variant,
    colour: STYLE.series[index % STYLE.series.length],
    points: results
      .flatMap(({ metric, readings }) => {
        const percentile = PERCENTILE.exec(metric)?.[1]
        return percentile === undefined ? [] : [{ rank: rankOf(Number(percentile)), value: median(readings) }]
      })
      .filter(({ value }) => value > 0)
      .sort((a, b) => a.rank - b.rank),
  }))
  const values = lines.flatMap(({ points }) => points.map(({ value }) => value))
  const bounds = [...curves].flatMap(([, results]) =>
    results.flatMap(({ metric, atMost }) =>
      atMost === undefined || !PERCENTILE.test(metric) ? [] : [{ metric, atMost }],
    ),
  )
  const ranks = lines.flatMap(({ points }) => points.map(({ rank }) => rank))
  const labels = lines.map(({ variant }) => wrap(variant, LABEL, 190))
  const labelWidth = Math.max(...labels.flat().map((each) => textWidth(each, LABEL)))
  const right = WIDTH - MARGIN - labelWidth - 14
  const x = axis({ from: Math.min(...ranks), to: Math.max(...ranks), start: LEFT, end: right, log: false })
  const high = Math.max(...values, ...bounds.map(({ atMost }) => atMost)) * 1.15
  const y = axis({ from: Math.min(...values) / 1.15, to: high, start: BOTTOM, end: TOP, log: true })
  const parts = [text(MARGIN, MARGIN + 12, title, { size: 14, weight: 600 })]
  for (const tick of y.ticks) {
    parts.push(line(LEFT, y.at(tick), right, y.at(tick)))
    parts.push(text(LEFT - 8, y.at(tick) + 4, plain(tick), { size: 11, anchor: "end", fill: STYLE.faint }))
  }
  for (const percentile of [50, 90, 99, 99.9, 99.99, 99.999]) {
    const rank = rankOf(percentile)
    if (rank < Math.min(...ranks) || rank > Math.max(...ranks)) continue
    parts.push(line(x.at(rank), TOP, x.at(rank), BOTTOM))
    parts.push(text(x.at(rank), BOTTOM + 18, `${percentile} %`, { size: 11, anchor: "middle", fill: STYLE.faint }))
  }
  parts.push(
    text((LEFT + right) / 2, BOTTOM + 40, "percentile of the results", {
      size: 11,
      anchor: "middle",
      fill: STYLE.faint,
    }),
  )
  parts.push(
    text(22, (TOP + BOTTOM) / 2, `latency, ${unit} (logarithmic)`, {
      size: 11,
      anchor: "middle",
      fill: STYLE.faint,
      rotate: -90,
    }),
  )
  for (const { points, colour } of lines) {
    parts.push(
      path(
        points.map(({ rank, value }) => [x.at(rank), y.at(value)]),
        { stroke: colour },
      ),
    )
  }
  for (const { metric, atMost } of bounds) {
    const at = x.at(rankOf(Number(PERCENTILE.exec(metric)[1])))
    const [from, to] = [Math.max(LEFT, at - 26), Math.min(right, at + 26)]
    parts.push(line(from, y.at(atMost), to, y.at(atMost), { stroke: STYLE.bound, width: 2, dash: "4 3" }))
    const words = `${metric} at most ${plain(atMost)} ${unit}`
    const atEnd = at + textWidth(words, 11) / 2 > right
    const anchor = atEnd ? "end" : "start"
    parts.push(label(atEnd ? to : from, y.at(atMost) - 6, words, { size: 11, anchor, fill: STYLE.bound }))
  }
  // Each name stands at the end of its line, moved as far as the names above it need.
  const ends = lines.map((each, index) => ({ ...each, text: labels[index], at: y.at(each.points.at(-1).value) }))
  ends.sort((a, b) => a.at - b.at)
  let free = TOP - 10
  const places = ends.map(({ at, text: words }) => {
    const height = words.length * 14
    const place = Math.max(at - height / 2, free)
    free = place + height + 4
    return place
  })
  const over = Math.max(0, free - (BOTTOM + 10))
  for (const [index, { colour, text: words, at }] of ends.entries()) {
    const place = places[index] - over
    parts.push(line(right + 2, at, right + 10, place + words.length * 7, { stroke: colour }))
    for (const [row, each] of words.entries()) {
      parts.push(text(right + 13, place + 11 + 14 * row, each, { size: LABEL, fill: colour }))
    }
  }
  return document(WIDTH, HEIGHT, title, parts)
}

/** 90 -> 1, 99 -> 2, 99.9 -> 3. */
function rankOf(percentile) {
  return -Math.log10(1 - percentile / 100)
}

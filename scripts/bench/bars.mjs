import { boundOf, brief, median, plain, scaleOf } from "./figures.mjs"
import { axis, document, line, rect, STYLE, text, textWidth, wrap } from "./svg.mjs"

const WIDTH = 860
const MARGIN = 16
const SIZE = 12
const LINE = 15
const BAR = 14
const KINDS = [STYLE.series[0], STYLE.series[5], STYLE.series[3], STYLE.series[4]]
/** From here on the least bar would be a hair. */
const LOG_FROM = 60

/**
 * Horizontal bars of the medians of one metric, a row per variant, with the least and the most as a thin line and the bound,
 * where there is one, as a dashed one.
 *
 * @param results of one metric and unit
 */
export function bars({ title, results, unit, axisTitle }) {
  const rows = results.map((result) => ({
    result,
    value: median(result.readings),
    bound: result.atLeast ?? result.atMost,
  }))
  const figures = rows.flatMap(({ result, bound }) => [...result.readings, ...(bound === undefined ? [] : [bound])])
  const most = Math.max(...figures)
  const least = Math.min(...rows.map(({ value }) => value))
  const log = least > 0 && most / least > LOG_FROM
  const labels = rows.map(({ result }) => wrap(result.variant, SIZE, 300))
  const labelWidth = Math.max(...labels.flat().map((each) => textWidth(each, SIZE)))
  const notes = rows.map(({ result, value }) => `${brief(value, unit)}${noteOf(result, unit)}`)
  const colours = coloursOf(rows)
  const noteWidth = Math.max(...notes.map((each) => textWidth(each, SIZE)))
  const left = MARGIN + labelWidth + 10
  const right = WIDTH - MARGIN - noteWidth - 8
  const titles = wrap(title, 14, WIDTH - 2 * MARGIN)
  const top = MARGIN + 20 * titles.length + 12
  const heights = labels.map((lines) => Math.max(BAR + 10, lines.length * LINE + 8))
  const bottom = top + heights.reduce((sum, height) => sum + height, 0)
  const from = log
    ? 10 ** Math.floor(Math.log10(Math.min(...figures.filter((each) => each > 0))))
    : Math.min(0, ...figures)
  const scale = axis({ from, to: most, start: left, end: right, log })
  const { size, unitText } = scaleOf(most, unit)
  const parts = titles.map((each, index) => text(MARGIN, MARGIN + 12 + 20 * index, each, { size: 14, weight: 600 }))
  let shown = Number.NEGATIVE_INFINITY
  for (const tick of scale.ticks) {
    const x = scale.at(tick)
    parts.push(line(x, top - 4, x, bottom))
    const label = plain(tick / size)
    if (x - textWidth(label, 11) / 2 < shown + 6) continue
    shown = x + textWidth(label, 11) / 2
    parts.push(text(x, bottom + 16, label, { size: 11, anchor: "middle", fill: STYLE.faint }))
  }
  parts.push(
    text((left + right) / 2, bottom + 34, `${axisTitle ?? unitText}${log ? " (logarithmic)" : ""}`, {
      size: 11,
      anchor: "middle",
      fill: STYLE.faint,
    }),
  )
  let y = top
  for (const [index, { result, value, bound }] of rows.entries()) {
    const height = heights[index]
    const middle = y + height / 2
    const lines = labels[index]
    for (const [at, each] of lines.entries()) {
      parts.push(
        text(left - 10, middle + 4 + (at - (lines.length - 1) / 2) * LINE, each, { size: SIZE, anchor: "end" }),
      )
    }
    const zero = scale.at(log ? from : 0)
    const end = scale.at(value)
    const holds = boundOf(result)?.holds ?? true
    const fill = colours[index]
    parts.push(rect(Math.min(zero, end), middle - BAR / 2, Math.max(1, Math.abs(end - zero)), BAR, fill, { radius: 2 }))
    const ends = [Math.min(...result.readings), Math.max(...result.readings)].map((each) =>
      scale.at(Math.max(each, from)),
    )
    if (result.readings.length > 1) {
      parts.push(line(ends[0], middle, ends[1], middle, { stroke: STYLE.ink, width: 1.5 }))
      for (const x of ends) parts.push(line(x, middle - 4, x, middle + 4, { stroke: STYLE.ink, width: 1.5 }))
    }
    if (bound !== undefined) {
      const x = scale.at(Math.max(bound, from))
      const [above, below] = [middle - height / 2 + 1, middle + height / 2 - 1]
      // The light edge keeps it apart from a bar behind it.
      parts.push(line(x, above, x, below, { stroke: STYLE.background, width: 5 }))
      parts.push(line(x, above, x, below, { stroke: STYLE.bound, width: 2, dash: "4 3" }))
    }
    const after = Math.max(end, ends[1], bound === undefined ? 0 : scale.at(bound))
    parts.push(text(after + 8, middle + 4, notes[index], { size: SIZE, fill: holds ? STYLE.ink : STYLE.bound }))
    y += height
  }
  return document(WIDTH, bottom + 34 + MARGIN, title, parts)
}

function noteOf(result, unit) {
  const bound = boundOf(result)
  if (bound === undefined) return ""
  const text = [
    ...(result.atLeast === undefined ? [] : [`at least ${plainBrief(result.atLeast, unit)}`]),
    ...(result.atMost === undefined ? [] : [`at most ${plainBrief(result.atMost, unit)}`]),
  ].join(", ")
  return bound.holds ? ` (bound: ${text})` : ` (not ${text})`
}

function plainBrief(value, unit) {
  return brief(value, unit)
    .replace(/(\.\d*?)0+(?= |$)/, "$1")
    .replace(/\.(?= |$)/, "")
}

/** Rows whose names end alike ("q0, by hand", "q1, by hand") have one colour; @returns a colour for each row */
function coloursOf(rows) {
  const ends = rows.map(({ result }) => result.variant.split(", ").at(-1))
  const kinds = [...new Set(ends)]
  const told =
    kinds.length > 1 &&
    kinds.length <= KINDS.length &&
    kinds.every((kind) => ends.indexOf(kind) !== ends.lastIndexOf(kind))
  return ends.map((end) => KINDS[told ? kinds.indexOf(end) : 0])
}

// docs/performance.md and its plots, made of the newest run of each bench in bench/results/.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { loadModule } from "../../dist/actors/load-pipeline.js"
import { bars } from "./bars.mjs"
import { boundOf, figure, median, number, range } from "./figures.mjs"
import { curvesOf, isPercentile, percentiles } from "./percentiles.mjs"
import { newestRuns } from "./results.mjs"
import { benchNames } from "./run-bench.mjs"

/** What most readers ask first; benches not named here follow by name. */
const ORDER = [
  ...["nexmark", "ysb", "tax", "cost", "peers", "exchange", "codec", "latency", "guarantees", "checkpoint"],
  ...["checkpoint-backpressure", "recovery", "windows", "backpressure", "startup", "idle", "memory"],
]
/** A plot with more rows than this says less than the table. */
const MOST_BARS = 60
/** A longer table is folded away. */
const MOST_ROWS = 24

/** @returns the text of every file of the page, by its path in the repository */
export async function renderPage(root) {
  const files = new Map()
  const known = benchNames(root)
  const runs = [...newestRuns(root)]
    .filter(([bench]) => known.includes(bench))
    .sort(([a], [b]) => placeOf(a) - placeOf(b))
  const sections = []
  for (const [bench, results] of runs) sections.push(await renderBench(root, bench, results, files))
  files.set("docs/performance.md", `${[...intro(runs), ...sections.flat()].join("\n").trim()}\n`)
  return files
}

function placeOf(bench) {
  const place = ORDER.indexOf(bench)
  return place < 0 ? ORDER.length : place
}

function intro(runs) {
  const bounded = runs.flatMap(([bench, results]) =>
    results.filter((result) => boundOf(result) !== undefined).map((result) => ({ bench, result, ...boundOf(result) })),
  )
  const broken = bounded.filter(({ holds }) => !holds)
  const rows = bounded.map(({ bench, result, holds, text }) => [
    `[${bench}](#${bench})`,
    `${result.variant}: ${result.metric}`,
    `${figure(median(result.readings), result.unit)}${result.against === undefined ? "" : ` of ${result.against}`}`,
    text,
    holds ? "yes" : "**no**",
  ])
  return [
    "# Performance",
    "",
    "<!-- Made by `npm run bench:page` from bench/results/: not written by hand. -->",
    "",
    "How fast millrace is, against what, and where it is not as fast as it should be. `npm run bench` measures it on your",
    "machine; every figure here comes from the newest run of each bench that is kept in",
    "[bench/results](../bench/results), with every reading.",
    "",
    "How it is measured:",
    "",
    "- A bench is one file in [bench](../bench) that asks one question. It checks what it computed before it tells a time, and runs in",
    "  a process of its own.",
    "- A ratio is the median of pairs measured in turn in one run on one machine: what else the machine did fell on both. Figures of",
    "  different sections may come from different moments; their ratios may be compared, the figures themselves less so.",
    "- A figure is the median; beside it stand the least and the most of its readings. Thin lines in the plots reach from the least to",
    "  the most, dashed ones are bounds.",
    "- A bound is a promise: `npm run bench` fails where it does not hold, and this page says why it does not.",
    "- Flags are Node's defaults: what a user gets.",
    "",
    "## What is promised",
    "",
    ...(bounded.length === 0
      ? ["No bound has been measured yet."]
      : [
          `${bounded.length - broken.length} of ${bounded.length} bounds hold.`,
          "",
          ...markdownTable(["bench", "figure", "median", "bound", "holds"], rows),
        ]),
    "",
  ]
}

async function renderBench(root, bench, results, files) {
  const plots = plotsOf(bench, results)
  const images = plots.map(({ name, title, svg }) => {
    files.set(`docs/performance/${name}.svg`, svg)
    return `![${title}](performance/${name}.svg)`
  })
  const curves = curvesOf(results)
  const rows = results.filter((result) => !(curves.has(result.variant) && isPercentile(result)))
  return [
    `## ${bench}`,
    "",
    ...aboutOf(root, bench),
    "",
    ...images.flatMap((image) => [image, ""]),
    ...(rows.length === 0 ? [] : folded(resultTable(rows))),
    ...(curves.size === 0 ? [] : [...curveTable(curves), ""]),
    ...(await shortfalls(root, bench, results)),
    `<sub>${provenance(bench, results[0])}</sub>`,
    "",
  ]
}

/** Bars for every metric that several variants have; curves for latencies. */
function plotsOf(bench, results) {
  const plots = []
  const add = (title, svgOf) => {
    const name = `${bench}-${title
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .replaceAll(/^-|-$/g, "")}`
    plots.push({ name, title: `${bench}: ${title}`, svg: svgOf(`${bench}: ${title}`) })
  }
  const curves = curvesOf(results)
  for (const [title, group] of groupsOf(
    results.filter((result) => !(curves.has(result.variant) && isPercentile(result))),
  )) {
    const nothing = group.every(({ readings }) => median(readings) === 0)
    if (group.length < 2 || group.length > MOST_BARS || nothing) continue
    const { unit } = group[0]
    const axisTitle = unit === "x" ? `times ${baselineOf(group)}` : undefined
    add(title, (full) => bars({ title: full, results: named(group), unit, axisTitle }))
  }
  if (curves.size > 0) {
    const { unit } = [...curves.values()][0][0]
    add("by percentile", (full) => percentiles({ title: full, curves, unit }))
  }
  return plots
}

/** Rows that stand in one plot, by its title. */
function groupsOf(results) {
  const groups = new Map()
  for (const result of results) {
    const { metric, unit } = result
    const key = `${metric}\n${unit}`
    groups.set(key, [...(groups.get(key) ?? []), result])
  }
  return [...groups.values()].map((group) => {
    const { metric, unit } = group[0]
    return [unit === "x" ? `${metric}, times ${baselineOf(group)}` : `${metric}, ${unit}`, group]
  })
}

/** What the ratios of a plot are ratios of: one name, the end that the names share ("q0, by hand", "q1, by hand"), or several. */
function baselineOf(group) {
  const names = [...new Set(group.map(({ against }) => against ?? "the baseline"))]
  const ends = new Set(names.map((name) => name.split(", ").at(-1)))
  return names.length === 1 ? names[0] : ends.size === 1 ? [...ends][0] : "the baseline of each"
}

/** A variant that is compared with several things is told apart by them. */
function named(group) {
  const often = (result) => group.filter(({ variant }) => variant === result.variant).length > 1
  return group.map((result) =>
    often(result) ? { ...result, variant: `${result.variant}, of ${result.against}` } : result,
  )
}

/** A part of the comment begins with what it is about, at the start of a line; some follow one another within a line. */
const PART = /^(?=[A-Z][\w ,()]{2,70}: )|\s(?=(?:Baselines?|Bounds?)\b[^.:;]{0,60}: )/

/** The comment that the bench opens with, a line per part. */
function aboutOf(root, bench) {
  const source = readFileSync(join(root, "bench", `${bench}.bench.ts`), "utf8")
  const comment = /^\s*\/\*\*([\s\S]*?)\*\//.exec(source)?.[1] ?? ""
  const parts = [""]
  for (const line of comment.split("\n").map((each) => each.replace(/^\s*\* ?/, "").trim())) {
    for (const piece of line.split(PART)) {
      if (PART.test(piece) || PART.test(` ${piece}`)) parts.push(piece)
      else parts.push(`${parts.pop()} ${piece}`.trim())
    }
  }
  return parts
    .filter((part) => part !== "")
    .map((part) => {
      const [, label, rest] = /^([A-Z][^:]{2,70}): ([\s\S]*)$/.exec(part) ?? [undefined, undefined, part]
      return label === undefined ? `- ${markdown(rest)}` : `- **${markdown(label)}:** ${markdown(rest)}`
    })
}

function resultTable(results) {
  const anyBound = results.some((result) => boundOf(result) !== undefined)
  const head = ["variant", "metric", "median", "min–max", "runs", ...(anyBound ? ["bound"] : [])]
  const rows = results.map((result) => {
    const { variant, metric, unit, readings, against } = result
    const bound = boundOf(result)
    const value = `${figure(median(readings), unit)}${against === undefined ? "" : ` of ${against}`}`
    const verdict = bound === undefined ? "" : bound.holds ? bound.text : `**not ${bound.text}**`
    return [variant, metric, value, range(readings, unit), String(readings.length), ...(anyBound ? [verdict] : [])]
  })
  return markdownTable(head, rows)
}

/** @param lines of a table, its head being two */
function folded(lines) {
  if (lines.length - 2 <= MOST_ROWS) return [...lines, ""]
  return ["<details>", `<summary>All ${lines.length - 2} figures</summary>`, "", ...lines, "", "</details>", ""]
}

/** A line per variant, a column per percentile. */
function curveTable(curves) {
  const metrics = [...new Set([...curves.values()].flat().map(({ metric }) => metric))].sort(
    (a, b) => orderOf(a) - orderOf(b),
  )
  const { unit } = [...curves.values()][0][0]
  const rows = [...curves].map(([variant, results]) => [
    variant,
    ...metrics.map((metric) => {
      const result = results.find((each) => each.metric === metric)
      if (result === undefined) return ""
      const value = number(median(result.readings))
      return boundOf(result)?.holds === false ? `**${value}**` : value
    }),
  ])
  const runs = Math.max(...[...curves.values()].flat().map(({ readings }) => readings.length))
  return markdownTable([`${unit}, median of ${runs} run${runs === 1 ? "" : "s"}`, ...metrics], rows)
}

function orderOf(metric) {
  return metric === "max" ? 100 : Number(metric.slice(1))
}

/** Bounds that do not hold, and what the bench's `reasons` say of them. */
async function shortfalls(root, bench, results) {
  const broken = results.filter((result) => boundOf(result)?.holds === false)
  if (broken.length === 0) return []
  const file = join(root, "bench", `${bench}.bench.ts`)
  const gives = /export const reasons\b/.test(readFileSync(file, "utf8"))
  const { reasons = {} } = gives ? await loadModule(file) : {}
  return [
    "What does not hold:",
    "",
    ...broken.map((result) => {
      const { variant, metric, unit, readings } = result
      const reason = reasons[`${variant}: ${metric}`] ?? reasons[variant] ?? "No reason is known yet."
      return `- ${markdown(variant)}, ${metric}: ${figure(median(readings), unit)}, not ${boundOf(result).text}. ${markdown(reason)}`
    }),
    "",
  ]
}

function provenance(bench, { commit, dirty, date, node, cpu, cores, memoryBytes, system, load }) {
  const tree = `commit ${commit.slice(0, 10)}${dirty ? " with uncommitted changes" : ""}`
  const machine = `${cores} cores of ${cpu}, ${number(memoryBytes / 2 ** 30)} GiB, ${system}`
  return `\`npm run bench ${bench}\`, ${date.slice(0, 16).replace("T", " ")} UTC, ${tree}; Node ${node}, ${machine}; load ${load} in the minute before.`
}

function markdownTable(head, rows) {
  const cells = (row) => `| ${row.map((cell) => markdown(cell).replaceAll("|", "\\|")).join(" | ")} |`
  return [cells(head), `|${head.map(() => " --- ").join("|")}|`, ...rows.map(cells)]
}

/** Text that is no markup. Emphasis of ours stays. */
function markdown(text) {
  return text.replaceAll("<", "&lt;")
}

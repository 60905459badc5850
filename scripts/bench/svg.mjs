// A small writer of SVG: plots with a background of their own, legible on light and dark pages.

export const STYLE = {
  font: "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif",
  background: "#fdfdfc",
  ink: "#1f2328",
  faint: "#59636e",
  grid: "#d9dde2",
  bound: "#b3261e",
  series: ["#1f5fa8", "#b4541a", "#2c7a4b", "#8a3d8f", "#7a6a12", "#167d8c", "#a8324a", "#5b5fc7"],
}

/** Width of a text in px, on the broad side, without a font at hand. */
export function textWidth(text, size) {
  let units = 0
  for (const letter of text)
    units += /[A-ZÄÖÜ%mwMW@—]/.test(letter) ? 0.74 : /[ilj.,:;'|!()]/.test(letter) ? 0.36 : 0.58
  return units * size
}

export function escaped(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
}

export function text(x, y, content, { size = 12, anchor = "start", fill = STYLE.ink, weight = 400, rotate } = {}) {
  const turn = rotate === undefined ? "" : ` transform="rotate(${rotate} ${round(x)} ${round(y)})"`
  return `<text x="${round(x)}" y="${round(y)}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="${fill}"${turn}>${escaped(content)}</text>`
}

/** A text that stays legible where lines pass behind it. */
export function label(x, y, content, { size = 12, anchor = "start", fill = STYLE.ink } = {}) {
  const width = textWidth(content, size)
  const left = anchor === "end" ? x - width : x
  const behind = `<rect x="${round(left - 2)}" y="${round(y - size + 1)}" width="${round(width + 4)}" height="${size + 3}" fill="${STYLE.background}" fill-opacity="0.9"/>`
  return behind + text(x, y, content, { size, anchor, fill })
}

export function line(x1, y1, x2, y2, { stroke = STYLE.grid, width = 1, dash } = {}) {
  const dashes = dash === undefined ? "" : ` stroke-dasharray="${dash}"`
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${stroke}" stroke-width="${width}"${dashes}/>`
}

export function rect(x, y, width, height, fill, { radius = 0 } = {}) {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="${radius}" fill="${fill}"/>`
}

export function path(points, { stroke, width = 2 }) {
  const d = points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${round(x)} ${round(y)}`).join("")
  return `<path d="${d}" fill="none" stroke="${stroke}" stroke-width="${width}" stroke-linejoin="round"/>`
}

export function document(width, height, title, parts) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${round(height)}" viewBox="0 0 ${width} ${round(height)}" role="img" aria-label="${escaped(title)}" font-family="${STYLE.font}">`,
    rect(0, 0, width, height, STYLE.background, { radius: 6 }),
    ...parts,
    "</svg>",
    "",
  ].join("\n")
}

/** Words in lines of at most `width` px. */
export function wrap(content, size, width) {
  const lines = []
  let current = ""
  for (const word of content.split(" ")) {
    const longer = current === "" ? word : `${current} ${word}`
    if (current !== "" && textWidth(longer, size) > width) {
      lines.push(current)
      current = word
    } else current = longer
  }
  return [...lines, current]
}

/** A straight or logarithmic axis from data to px, with ticks at round figures. */
export function axis({ from, to, start, end, log }) {
  const scale = log ? Math.log10 : (value) => value
  const [low, high] = [scale(from), scale(to)]
  return {
    at: (value) => start + ((scale(value) - low) / (high - low)) * (end - start),
    ticks: log ? logTicks(from, to) : straightTicks(from, to),
  }
}

function straightTicks(from, to) {
  const rough = (to - from) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((each) => each >= rough)
  const ticks = []
  for (let index = Math.ceil(from / step - 1e-9); index * step <= to * (1 + 1e-9); index++)
    ticks.push(Number((index * step).toPrecision(12)))
  return ticks
}

function logTicks(from, to) {
  const decades = Math.log10(to / from)
  const steps = decades > 3 ? [1] : decades > 1.5 ? [1, 3] : [1, 2, 5]
  const ticks = []
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
    for (const step of steps) {
      const tick = Number((step * 10 ** power).toPrecision(3))
      if (tick >= from * (1 - 1e-9) && tick <= to * (1 + 1e-9)) ticks.push(tick)
    }
  }
  return ticks
}

function round(value) {
  return Number(value.toFixed(1))
}

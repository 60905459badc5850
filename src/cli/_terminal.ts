import { styleText } from "node:util"
import type { Io, Output } from "./io.ts"

export type Format = "bold" | "dim" | "red" | "green" | "yellow" | "cyan"
export type Paint = (format: Format, text: string) => string

/** Colours for a terminal, none for anything else; NO_COLOR and FORCE_COLOR decide when set (no-color.org, force-color.org). */
export function painter(output: Output, env: Io["env"]): Paint {
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "" && env.FORCE_COLOR !== "0"
  const refused = (env.NO_COLOR ?? "") !== "" || env.FORCE_COLOR === "0" || env.TERM === "dumb"
  return (forced || output.isTTY) && !refused ? color : plain
}

export const plain: Paint = (_format, text) => text
// The stream is judged above; Node would judge standard output.
const color: Paint = (format, text) => styleText(format, text, { validateStream: false })

// Escape sequences are what the pattern is about.
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above
const ESCAPES = /\u001b\[[\d;]*m/g
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u

/** Columns that a text takes: escape sequences none, East Asian and emoji characters two. */
export function textWidth(text: string): number {
  let width = 0
  for (const character of text.replaceAll(ESCAPES, "")) width += characterWidth(character)
  return width
}

/** Cuts plain text to at most `columns`, ending in "…" when something was lost; control characters become spaces. */
export function clip(text: string, columns: number): string {
  const clean = text.replaceAll(/\p{Cc}/gu, " ")
  if (textWidth(clean) <= columns) return clean
  let kept = ""
  let width = 0
  for (const character of clean) {
    width += characterWidth(character)
    if (width > columns - 1) break
    kept += character
  }
  return columns <= 0 ? "" : `${kept}…`
}

export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - textWidth(text)))
}

/** Breaks a text at spaces into lines of at most `columns`; a longer word stays whole. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && textWidth(line) + 1 + textWidth(word) > columns) {
      lines.push(line)
      line = word
    } else {
      line = line === "" ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

function characterWidth(character: string): number {
  return WIDE.test(character) ? 2 : 1
}

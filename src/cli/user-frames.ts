import { relative, sep } from "node:path"
import { fileURLToPath } from "node:url"

export interface FrameFilter {
  /** The engine's package: frames in its dist/, src/ and bin/ are its own. Absolute, without a separator at the end. */
  readonly engineRoot: string
  /** Paths below it are shown relative to it. */
  readonly cwd: string
}

const FRAME =
  /^\s+at (?:(?<call>.*) \()?(?<place>(?:file:\/\/|[A-Za-z]:[\\/]|\/)[^()]*?):(?<line>\d+):(?<column>\d+)\)?$/
const ENGINE_PACKAGES = ["piscina", "comlink", "msgpackr", "esbuild"]

/** The frames of a stack that are the user's: not Node's, not the engine's, not those of the engine's own dependencies. */
export function userFrames(stack: string, filter: FrameFilter): string[] {
  const frames: string[] = []
  for (const text of stack.split("\n")) {
    const { call, place, line, column } = FRAME.exec(text)?.groups ?? {}
    if (place === undefined) continue
    const path = toPath(place)
    if (isEngines(path, filter.engineRoot)) continue
    const where = `${shorten(path, filter.cwd)}:${line}:${column}`
    frames.push(call === undefined ? `at ${where}` : `at ${call} (${where})`)
  }
  return frames
}

function toPath(place: string): string {
  return place.startsWith("file://") ? fileURLToPath(place.replace(/\?.*$/, "")) : place
}

function isEngines(path: string, engineRoot: string): boolean {
  const own = ["dist", "src", "bin"].some((folder) => path.startsWith(engineRoot + sep + folder + sep))
  return own || ENGINE_PACKAGES.some((name) => path.includes(`${sep}node_modules${sep}${name}${sep}`))
}

function shorten(path: string, cwd: string): string {
  const short = relative(cwd, path)
  return short.startsWith("..") ? path : short
}

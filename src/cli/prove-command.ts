import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import type { Pipeline } from "../api/index.ts"
import { type ProofOptions, type ProofStatistics, proofText, prove, statisticsText } from "../proving/index.ts"
import type { Io } from "./io.ts"
import { jobOptions } from "./job-options.ts"
import type { OptionValues } from "./parse-command-line.ts"

export interface ProveCommand {
  readonly io: Io
  /** Loads the pipeline of a module, checked, and the module. */
  readonly load: (target: URL) => Promise<{ readonly pipeline: Pipeline; readonly module: unknown }>
  /** Path of the pipeline file. */
  readonly file: string
  readonly values: OptionValues
}

const PROVEN = 0
const REFUTED = 1
/** Between two lines of progress. */
const PROGRESS_MS = { terminal: 100, log: 5_000 } as const

/** Proves the pipeline of a module; what comes of it goes to standard output. @returns the exit code @throws what loading and proving throw */
export async function proveCommand({ io, load, file, values }: ProveCommand): Promise<number> {
  const { pipeline, module } = await load(pathToFileURL(resolve(file)))
  const { proof = {} } = module as { readonly proof?: ProofOptions }
  const progress = progressOn(io)
  const found = await prove(pipeline, {
    ...proof,
    ...numbersOf(values),
    ...(values.delivery === "at-least-once" || values.delivery === "exactly-once" ? { delivery: values.delivery } : {}),
    ...(typeof values.path === "string" ? { path: values.path } : {}),
    params: { ...proof.params, ...jobOptions(values).params },
    onProgress: progress.show,
  })
  progress.clear()
  io.stdout.write(proofText(found, file))
  return found.failure === undefined ? PROVEN : REFUTED
}

function numbersOf(values: OptionValues): Pick<ProofOptions, "runs" | "sample" | "seed" | "seconds"> {
  const { runs, sample, seed, time } = values
  return {
    ...(typeof runs === "number" ? { runs } : {}),
    ...(typeof sample === "number" ? { sample } : {}),
    ...(typeof seed === "number" ? { seed } : {}),
    ...(typeof time === "number" ? { seconds: time / 1000 } : {}),
  }
}

function progressOn({ stderr }: Io): {
  readonly show: (statistics: ProofStatistics) => void
  readonly clear: () => void
} {
  const everyMs = stderr.isTTY ? PROGRESS_MS.terminal : PROGRESS_MS.log
  let shownMs = performance.now()
  let shown = false
  return {
    show(statistics) {
      if (performance.now() - shownMs < everyMs) return
      shownMs = performance.now()
      shown = true
      const text = statisticsText(statistics)
      stderr.write(stderr.isTTY ? `\r\x1b[2K${text.slice(0, (stderr.columns ?? 80) - 1)}` : `${text}\n`)
    },
    clear() {
      if (shown && stderr.isTTY) stderr.write("\r\x1b[2K")
    },
  }
}

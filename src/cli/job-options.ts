import type { CheckpointOptions, RunOptions } from "../actors/index.ts"
import { closest, EngineError } from "../errors/index.ts"
import { type Duration, durationMs } from "../time/index.ts"
import type { Assignment, OptionValues } from "./parse-command-line.ts"

const SETTINGS = ["parallelism"]

/**
 * The options of a job from those of the command line.
 *
 * @throws {EngineError} CLI_OPTION_INVALID for a `--set` that sets no parallelism
 */
export function jobOptions(values: OptionValues): RunOptions {
  return {
    ...(typeof values.workers === "number" ? { workers: values.workers } : {}),
    ...(typeof values.parallelism === "number" ? { parallelism: values.parallelism } : {}),
    ...(typeof values["max-heap-mb"] === "number" ? { maxHeapMb: values["max-heap-mb"] } : {}),
    ...(typeof values["young-generation-mb"] === "number" ? { youngGenerationMb: values["young-generation-mb"] } : {}),
    ...stateOptions(values.state),
    ...checkpointOptions(values),
    ...(typeof values.from === "string" ? { from: values.from } : {}),
    ...(isAssignments(values.set) ? { set: Object.fromEntries(values.set.map(readSetting)) } : {}),
    // As text: the pipeline knows the types of its params.
    ...(isAssignments(values.param) ? { params: Object.fromEntries(values.param) } : {}),
  }
}

function stateOptions(text: OptionValues[string] | undefined): Pick<RunOptions, "state"> {
  if (typeof text !== "string") return {}
  if (text === "heap") return { state: "heap" }
  const [, directory] = /^lmdb(?::(.+))?$/.exec(text) ?? [undefined, undefined]
  if (directory !== undefined) return { state: { kind: "lmdb", directory } }
  if (text === "lmdb") return { state: { kind: "lmdb" } }
  throw new EngineError(
    "CLI_OPTION_INVALID",
    `Cannot read the command line: --state cannot be ${JSON.stringify(text)}; give heap, lmdb or lmdb:directory`,
  )
}

function checkpointOptions(values: OptionValues): Pick<RunOptions, "checkpoint" | "restart"> {
  const { checkpoints: directory, restarts, delivery } = values
  const everyMs = values["checkpoint-every"]
  if (typeof directory !== "string") {
    const alone = [
      "checkpoint-every",
      "full-checkpoints",
      "allow-dropped-state",
      "delivery",
      "alignment",
      "restarts",
    ].find((name) => values[name] !== undefined)
    if (alone === undefined) return {}
    throw new EngineError(
      "CLI_OPTION_INVALID",
      `Cannot read the command line: --${alone} needs checkpoints; say where to keep them, with --checkpoints <directory>`,
    )
  }
  return {
    checkpoint: {
      directory,
      ...(typeof everyMs === "number" ? { every: everyMs } : {}),
      ...(delivery === "exactly-once" || delivery === "at-least-once" || delivery === "at-most-once"
        ? { delivery }
        : {}),
      ...(typeof values.alignment === "string" ? { alignment: readAlignment(values.alignment) } : {}),
      ...(values["allow-dropped-state"] === true ? { allowDroppedState: true } : {}),
      ...(values["full-checkpoints"] === true ? { incremental: false } : {}),
    },
    ...(typeof restarts === "number"
      ? {
          restart: {
            kind: "exponential",
            initialMs: 100,
            maxMs: 60_000,
            factor: 2,
            jitter: 0.1,
            maxRestarts: restarts,
          },
        }
      : {}),
  }
}

function readAlignment(text: string): NonNullable<CheckpointOptions["alignment"]> {
  if (text === "aligned" || text === "unaligned") return text
  try {
    return { timeout: durationMs((/^\d+$/.test(text) ? Number(text) : text) as Duration, "--alignment") }
  } catch (cause) {
    const near = closest(text, ["aligned", "unaligned"])
    throw new EngineError(
      "CLI_OPTION_INVALID",
      `Cannot read the command line: --alignment cannot be ${JSON.stringify(text)}; ${near === undefined ? "" : `did you mean ${near}? `}give aligned, unaligned, or a time such as 1s`,
      { cause },
    )
  }
}

function readSetting([path, text]: Assignment): [operatorId: string, settings: { readonly parallelism: number }] {
  // Ids may have dots of their own: the last one ends the id.
  const dot = path.lastIndexOf(".")
  const setting = path.slice(dot + 1)
  if (dot <= 0) throw invalid(path, text, `name the operator and the setting: --set ${path}.parallelism=${text || "n"}`)
  if (!SETTINGS.includes(setting)) {
    const near = closest(setting, SETTINGS)
    throw invalid(
      path,
      text,
      near === undefined ? `an operator has ${SETTINGS.join(", ")}` : `did you mean ${path.slice(0, dot)}.${near}?`,
    )
  }
  const parallelism = Number(text)
  if (!/^\d+$/.test(text) || parallelism < 1) throw invalid(path, text, "give a whole number of at least 1")
  return [path.slice(0, dot), { parallelism }]
}

function invalid(path: string, text: string, remedy: string): EngineError {
  return new EngineError(
    "CLI_OPTION_INVALID",
    `Cannot read the command line: --set cannot be ${JSON.stringify(`${path}=${text}`)}; ${remedy}`,
  )
}

function isAssignments(value: OptionValues[string] | undefined): value is readonly Assignment[] {
  return Array.isArray(value)
}

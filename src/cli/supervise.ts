import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { constants } from "node:os"
import { EngineError } from "../errors/index.ts"
// By its file: this process must not load the engine.
import { createRestartPolicy, type RestartPolicy } from "../snapshot/restart-policy.ts"
import { plain } from "./_terminal.ts"
import type { Io } from "./io.ts"
import type { OptionValues } from "./parse-command-line.ts"
import { printError } from "./print-error.ts"
import type { FromEngine, Resumed, Supervised, ToEngine } from "./supervised.ts"

const FAILED = 1
const CANCELLED = 130
const DEFAULT_RESTARTS = 20
/** How Windows says that a process was aborted, or broke a rule of memory: it has no signals. */
const ABORT_CODES: readonly number[] = [134, 0xc000_0409, 0xc000_0005, 0xc000_00fd]
/** What a process ends of when its user, or the system that runs it, wants it to. */
const WANTED: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]

/** Whether a run gets a process that watches over its own: where something can be gone on from, and no debugger is about. */
export function isSupervised(values: OptionValues, env: Io["env"]): boolean {
  return (
    typeof values.checkpoints === "string" &&
    values.restarts !== 0 &&
    values.workers !== 0 &&
    env.MILLRACE_SUPERVISED === undefined &&
    env.MILLRACE_SUPERVISOR !== "off" &&
    !process.execArgv.some((flag) => flag.startsWith("--inspect"))
  )
}

/**
 * Runs the engine in a process of its own, and starts it again when it dies: an abort for lack of memory, a SIGKILL. This
 * process is light and does nothing else.
 *
 * - Signals are handed on as messages; the engine counts what it got by either way, so one that the whole group gets counts once.
 * - What the engine ends with by itself is passed on. Deaths count under the same policy as failures within the engine, and a
 *   checkpoint that completes begins the count anew.
 * - An engine that dies when the job has ended, and has not said so, is followed by one that says so and does nothing.
 * - When this process dies, its engine ends: it sees the channel close.
 *
 * @returns the exit code
 */
export async function supervise(
  args: readonly string[],
  { io, values }: { io: Io; values: OptionValues },
): Promise<number> {
  const maxRestarts = typeof values.restarts === "number" ? values.restarts : DEFAULT_RESTARTS
  const policy = createRestartPolicy(
    { kind: "exponential", initialMs: 100, maxMs: 60_000, factor: 2, jitter: 0.1, maxRestarts },
    Math.random,
  )
  const tally = { restarts: 0, failuresInARow: 0 }
  const command = randomUUID()
  let engine: ChildProcess | undefined
  let signals = 0
  let interrupt = (): void => undefined
  const removeSignals = io.onSignal(() => {
    signals += 1
    if (engine === undefined) interrupt()
    else engine.send({ type: "signal" } satisfies ToEngine, () => undefined)
  })
  try {
    for (let resumed: Resumed | undefined; ; ) {
      engine = startEngine(args, io, { command, ...(resumed === undefined ? {} : { resumed }) })
      const { code, signal } = await endOf(engine, (message) => follow(message, policy, tally))
      engine = undefined
      if (code !== null && !ABORT_CODES.includes(code)) return code
      if (signal !== null && WANTED.includes(signal)) return 128 + constants.signals[signal]
      const cause = signal ?? `exit code ${code}`
      const decision = policy.onFailure(performance.now())
      if (signals > 0 || !decision.restart) {
        printError(
          io,
          died(cause, signals > 0 ? "while it was stopping" : `${decision.restart ? "" : decision.reason}`),
          false,
        )
        return FAILED
      }
      tally.restarts += 1
      tally.failuresInARow += 1
      io.stderr.write(
        `${plain("yellow", `the engine's process was ended by ${cause}; it is started again in ${(decision.delayMs / 1000).toFixed(1)}s`)}\n`,
      )
      await pause(decision.delayMs, (stop) => {
        interrupt = stop
      })
      if (signals > 0) return CANCELLED
      resumed = { ...tally, cause }
    }
  } finally {
    removeSignals()
  }
}

function startEngine(args: readonly string[], io: Io, supervised: Supervised): ChildProcess {
  return spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...io.env, MILLRACE_SUPERVISED: JSON.stringify(supervised) },
  })
}

function endOf(
  engine: ChildProcess,
  onMessage: (message: FromEngine) => void,
): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    engine.on("message", (message) => onMessage(message as FromEngine))
    engine.once("error", (cause) =>
      reject(
        new EngineError(
          "PROCESS_NOT_STARTED",
          `Cannot start the engine's process: ${cause.message}; set MILLRACE_SUPERVISOR=off to run without one of its own`,
          { cause },
        ),
      ),
    )
    engine.once("exit", (code, signal) => resolve({ code, signal }))
  })
}

/** Failures within the engine count as its deaths do. */
function follow(message: FromEngine, policy: RestartPolicy, tally: { restarts: number; failuresInARow: number }): void {
  if (message.type === "stable") {
    policy.onStable(performance.now())
    tally.failuresInARow = 0
  } else {
    policy.onFailure(performance.now())
    tally.restarts += 1
    tally.failuresInARow += 1
  }
}

function pause(ms: number, interruptible: (stop: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    interruptible(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

function died(cause: string, why: string): EngineError {
  return new EngineError(
    "PROCESS_DIED",
    `Cannot go on: the engine's process was ended by ${cause}${why === "" ? "" : `, ${why}`}; what is committed stays, and the same command goes on from the last checkpoint. SIGABRT is mostly a lack of memory (--max-heap-mb, fewer keys per worker), SIGKILL the system's`,
  )
}

import type { Fault, Moment, Request, Shape, Simulation } from "../sim/index.ts"
import type { WorldSpec } from "./worlds.ts"

const MARK_WORDS = {
  start: "start of a process",
  trigger: "trigger of a checkpoint",
  ack: "acknowledgement by a subtask",
  publish: "publishing of a checkpoint",
  commit: "commit by a sink",
  complete: "completion of a checkpoint",
  restart: "restart",
  ask: "request",
} as const

/** A world in words, a line each. */
export function worldInWords(world: WorldSpec, simulation: Simulation): string[] {
  const { parallelism, workers, schedule, everyMs, faults, requests } = world
  const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`
  return [
    `parallelism ${parallelism} on ${plural(workers, "worker")}, channels of ${plural(world.capacityRecords, "record")}, a checkpoint every ${everyMs} steps`,
    `${schedule.order === 0 ? "all that can happen happens in turn" : `a random order (${schedule.order})`}; steps take at most ${schedule.budgets.join(", ")} records`,
    ...simulation.departures,
    ...faults.map(faultInWords),
    ...requests.map(requestInWords),
  ]
}

function requestInWords(request: Request): string {
  switch (request.kind) {
    case "savepoint":
      return `a savepoint is asked for ${moment(request.at)}`
    case "stop":
      return `the job is stopped with a savepoint ${moment(request.at)}, and started from it${shapeInWords(request.shape)}`
    case "rescale":
      return `an operator is given parallelism ${request.parallelism} ${moment(request.at)}`
    case "cancel":
      return `the job is cancelled ${moment(request.at)}, and started again${shapeInWords(request.shape)}`
  }
}

function shapeInWords(shape: Shape | undefined): string {
  return shape === undefined ? "" : ` with parallelism ${shape.parallelism} on ${shape.workers} workers`
}

function faultInWords(fault: Fault): string {
  switch (fault.kind) {
    case "kill":
      return `worker ${fault.worker} dies ${moment(fault.at)}`
    case "crash": {
      const shape = fault.shape === undefined ? "" : `, and goes on${shapeInWords(fault.shape)}`
      return `the process dies ${moment(fault.at)}${shape}`
    }
    case "disk":
      return `the disk refuses a call (${fault.code}, the ${ordinal(fault.call + 1)} that changes it)`
  }
}

function moment({ after, nth, steps }: Moment): string {
  const when = `the ${ordinal(nth)} ${MARK_WORDS[after]}`
  return steps === 0 ? `right at ${when}` : `${steps} step${steps === 1 ? "" : "s"} after ${when}`
}

function ordinal(n: number): string {
  const ending = n % 100 > 10 && n % 100 < 14 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th")
  return `${n}${ending}`
}

const NOTABLE =
  /^\s*\d+ (start|trigger|ack|publish|commit|complete|ask|restart.*|worker \d+ is killed|the process crashes|the disk fails.*|asked for: .*|the job .* is started again)$|: (trigger \d+|checkpoint \d+ of .*|commit .*)$/
const SHOWN = 24

/** The lines of a log that say how checkpoints and faults followed each other: the last ones, when there are many. */
export function notable(log: readonly string[]): string[] {
  const found = log.filter((line) => NOTABLE.test(line))
  return found.length <= SHOWN ? found : ["  ...", ...found.slice(-SHOWN)]
}

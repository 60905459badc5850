import type { JobMetrics, VertexMetrics } from "./job-metrics.ts"
import { SubtaskMetrics } from "./subtask-metrics.ts"

/** What the reader must know of a vertex. */
export interface VertexShape {
  readonly id: string
  readonly name: string
  readonly parallelism: number
  /** Slot of its first subtask; the others follow. */
  readonly firstSlot: number
  readonly isSource: boolean
  readonly hasSink: boolean
}

interface Previous {
  recordsIn: number
  busyMs: number
  backpressuredMs: number
  idleMs: number
  pausedMs: number
}

/** Turns the shared counters into readings. Rates and shares are of the time between two readings. */
export class MetricsReader {
  readonly #shapes: readonly VertexShape[]
  readonly #subtasks: SubtaskMetrics[][]
  readonly #previous: Previous[]
  #previousMs: number
  readonly #startedMs: number

  constructor(buffer: SharedArrayBuffer, shapes: readonly VertexShape[], startedMs: number) {
    this.#shapes = shapes
    this.#subtasks = shapes.map((shape) =>
      Array.from({ length: shape.parallelism }, (_, subtask) => new SubtaskMetrics(buffer, shape.firstSlot + subtask)),
    )
    this.#previous = shapes.map(() => ({ recordsIn: 0, busyMs: 0, backpressuredMs: 0, idleMs: 0, pausedMs: 0 }))
    this.#startedMs = startedMs
    this.#previousMs = startedMs
  }

  /** Records taken in and handed on since the start, by vertex: no reading, rates go on as they were. */
  totals(): readonly { readonly recordsIn: number; readonly recordsOut: number }[] {
    return this.#subtasks.map((subtasks) => ({
      recordsIn: subtasks.reduce((sum, subtask) => sum + subtask.get("recordsIn"), 0),
      recordsOut: subtasks.reduce((sum, subtask) => sum + subtask.get("recordsOut"), 0),
    }))
  }

  read(nowMs: number): JobMetrics {
    const seconds = Math.max(nowMs - this.#previousMs, 1) / 1000
    this.#previousMs = nowMs
    let newestEventMs = Number.NEGATIVE_INFINITY
    let sinkWatermarkMs = Number.POSITIVE_INFINITY
    const vertices = this.#shapes.map((shape, index): VertexMetrics => {
      const subtasks = this.#subtasks[index]!
      const sum = (counter: Parameters<SubtaskMetrics["get"]>[0]): number =>
        subtasks.reduce((total, subtask) => total + subtask.get(counter), 0)
      const previous = this.#previous[index]!
      const recordsIn = sum("recordsIn")
      const busyMs = sum("busyMs")
      const backpressuredMs = sum("backpressuredMs")
      const idleMs = sum("idleMs")
      const pausedMs = sum("pausedMs")
      const watermarkMs = Math.min(...subtasks.map((subtask) => subtask.get("watermarkMs")))
      if (shape.isSource)
        newestEventMs = Math.max(newestEventMs, ...subtasks.map((subtask) => subtask.get("newestEventMs")))
      if (shape.hasSink) sinkWatermarkMs = Math.min(sinkWatermarkMs, watermarkMs)
      const spentMs = seconds * 1000 * shape.parallelism
      const reading: VertexMetrics = {
        id: shape.id,
        name: shape.name,
        parallelism: shape.parallelism,
        recordsIn,
        recordsOut: sum("recordsOut"),
        recordsPerSecond: (recordsIn - previous.recordsIn) / seconds,
        late: sum("late"),
        skipped: sum("skipped"),
        busyShare: Math.min(1, (busyMs - previous.busyMs) / spentMs),
        backpressuredShare: Math.min(1, (backpressuredMs - previous.backpressuredMs) / spentMs),
        idleShare: Math.min(1, (idleMs - previous.idleMs) / spentMs),
        pausedShare: Math.min(1, (pausedMs - previous.pausedMs) / spentMs),
        longestStepMs: Math.max(
          ...subtasks.map((each) => Math.max(each.get("longestStepMs"), each.get("longestStepBeforeMs"))),
        ),
        idleInputs: sum("idleInput"),
        watermarkMs,
        inFlight: sum("inFlight"),
        credits: sum("credits"),
      }
      this.#previous[index] = { recordsIn, busyMs, backpressuredMs, idleMs, pausedMs }
      return reading
    })
    const total = (pick: (vertex: VertexMetrics, shape: VertexShape) => number): number =>
      vertices.reduce((sum, vertex, index) => sum + pick(vertex, this.#shapes[index]!), 0)
    return {
      elapsedMs: nowMs - this.#startedMs,
      recordsIn: total((vertex, shape) => (shape.isSource ? vertex.recordsIn : 0)),
      recordsOut: total((vertex, shape) => (shape.hasSink ? vertex.recordsOut : 0)),
      recordsPerSecond: total((vertex, shape) => (shape.isSource ? vertex.recordsPerSecond : 0)),
      inFlight: total((vertex) => vertex.inFlight),
      credits: total((vertex) => vertex.credits),
      watermarkLagMs: watermarkLag(newestEventMs, sinkWatermarkMs),
      late: total((vertex) => vertex.late),
      skipped: total((vertex) => vertex.skipped),
      vertices,
    }
  }
}

function watermarkLag(newestEventMs: number, sinkWatermarkMs: number): number | undefined {
  if (newestEventMs === Number.NEGATIVE_INFINITY || sinkWatermarkMs === Number.NEGATIVE_INFINITY) return undefined
  return Math.max(0, newestEventMs - sinkWatermarkMs)
}

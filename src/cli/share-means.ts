import type { JobMetrics } from "../observe/index.ts"

type Shares = { busy: number; backpressured: number; idle: number }

/**
 * Makes the shares of a whole run from readings that each give those of the time since the reading before: means weighted by
 * that time. Pure.
 */
export class ShareMeans {
  readonly #sums = new Map<string, Shares>()
  #elapsedMs = 0

  add(metrics: JobMetrics): void {
    const ms = metrics.elapsedMs - this.#elapsedMs
    if (!(ms > 0)) return
    this.#elapsedMs = metrics.elapsedMs
    for (const vertex of metrics.vertices) {
      const sums = this.#sums.get(vertex.id) ?? { busy: 0, backpressured: 0, idle: 0 }
      sums.busy += vertex.busyShare * ms
      sums.backpressured += vertex.backpressuredShare * ms
      sums.idle += vertex.idleShare * ms
      this.#sums.set(vertex.id, sums)
    }
  }

  /** The reading with the shares of the whole run; as it is while nothing was added. */
  over(metrics: JobMetrics): JobMetrics {
    const ms = this.#elapsedMs
    if (ms === 0) return metrics
    const vertices = metrics.vertices.map((vertex) => {
      const sums = this.#sums.get(vertex.id)
      if (sums === undefined) return vertex
      return {
        ...vertex,
        busyShare: sums.busy / ms,
        backpressuredShare: sums.backpressured / ms,
        idleShare: sums.idle / ms,
      }
    })
    return { ...metrics, vertices }
  }
}

import { invariant } from "../errors/index.ts"

/** What happens after a failure of the job. Times in ms. */
export type RestartPolicySpec =
  /** The first failure ends the job. */
  | { readonly kind: "none" }
  /** Always the same pause; ends after `maxRestarts` in a row. */
  | { readonly kind: "fixed-delay"; readonly delayMs: number; readonly maxRestarts: number }
  /**
   * The k-th restart in a row waits `initialMs * factor^(k-1)`, drawn evenly from +-`jitter` of it, never above `maxMs`:
   * so jobs that failed together do not come back together.
   */
  | {
      readonly kind: "exponential"
      readonly initialMs: number
      readonly maxMs: number
      /** >= 1 */
      readonly factor: number
      /** 0 to 1 */
      readonly jitter: number
      /** Default: Infinity. */
      readonly maxRestarts?: number
    }
  /** Always the same pause; ends with more than `maxFailures` failures in any `windowMs`, however stable between them. */
  | {
      readonly kind: "failure-rate"
      readonly maxFailures: number
      readonly windowMs: number
      readonly delayMs: number
    }

/** `attempt`: the how-manieth restart in a row this is, from 1. `reason`: text for the error that ends the job. */
export type RestartDecision =
  | { readonly restart: true; readonly delayMs: number; readonly attempt: number }
  | { readonly restart: false; readonly reason: string }

/** Decides whether a job that failed is started again, and when. The same events and draws give the same decisions (RST-5). */
export interface RestartPolicy {
  onFailure(nowMs: number): RestartDecision
  /** The job got somewhere, e.g. completed a checkpoint: failures before no longer count as in a row. */
  onStable(nowMs: number): void
}

/** @param random draws from [0, 1); called once per exponential restart, never by other policies */
export function createRestartPolicy(spec: RestartPolicySpec, random: () => number): RestartPolicy {
  switch (spec.kind) {
    case "none":
      return { onFailure: () => ({ restart: false, reason: "restarts are off" }), onStable: () => undefined }
    case "fixed-delay":
      checkMs("delay", spec.delayMs)
      return countRestarts(spec.maxRestarts, () => spec.delayMs)
    case "exponential": {
      const { initialMs, maxMs, factor, jitter, maxRestarts = Number.POSITIVE_INFINITY } = spec
      checkMs("initial delay", initialMs)
      checkMs("longest delay", maxMs)
      invariant(factor >= 1, () => `restart delays that grow by ${factor} were asked for`)
      invariant(jitter >= 0 && jitter <= 1, () => `a jitter of ${jitter} was asked for`)
      return countRestarts(maxRestarts, (attempt) => {
        const delayMs = Math.min(maxMs, initialMs * factor ** (attempt - 1))
        return Math.min(maxMs, Math.round(delayMs * (1 - jitter + 2 * jitter * random())))
      })
    }
    case "failure-rate":
      checkMs("delay", spec.delayMs)
      return countFailures(spec.maxFailures, spec.windowMs, spec.delayMs)
  }
}

function countRestarts(maxRestarts: number, delayOf: (attempt: number) => number): RestartPolicy {
  invariant(maxRestarts >= 0, () => `at most ${maxRestarts} restarts were asked for`)
  let attempt = 0
  return {
    onFailure() {
      if (attempt >= maxRestarts)
        return { restart: false, reason: `it failed again after ${attempt} restarts in a row` }
      attempt += 1
      return { restart: true, delayMs: delayOf(attempt), attempt }
    },
    onStable() {
      attempt = 0
    },
  }
}

function countFailures(maxFailures: number, windowMs: number, delayMs: number): RestartPolicy {
  invariant(
    maxFailures >= 0 && Number.isFinite(maxFailures) && windowMs > 0,
    () => `${maxFailures} failures in ${windowMs} ms were asked for`,
  )
  /** Times of failures in the window, oldest first: at most `maxFailures + 1`. */
  let failures: number[] = []
  let attempt = 0
  return {
    onFailure(nowMs) {
      failures = failures.filter((failedMs) => nowMs - failedMs < windowMs)
      failures.push(nowMs)
      if (failures.length > maxFailures) {
        failures.shift()
        return { restart: false, reason: `it failed more than ${maxFailures} times in ${windowMs} ms` }
      }
      attempt += 1
      return { restart: true, delayMs, attempt }
    },
    onStable() {
      attempt = 0
    },
  }
}

function checkMs(what: string, ms: number): void {
  invariant(ms >= 0 && Number.isFinite(ms), () => `a restart ${what} of ${ms} ms was asked for`)
}

import { describe, expect, it } from "vitest"
import { createRestartPolicy, type RestartPolicySpec } from "./restart-policy.ts"

const noRandom = () => {
  throw new Error("drawn")
}

describe("createRestartPolicy()", () => {
  it("none: the first failure ends the job", () => {
    const policy = createRestartPolicy({ kind: "none" }, noRandom)
    policy.onStable(0)
    expect(policy.onFailure(0)).toEqual({ restart: false, reason: "restarts are off" })
  })

  it("fixed delay: ends after so many restarts in a row, and counts anew once stable", () => {
    const policy = createRestartPolicy({ kind: "fixed-delay", delayMs: 50, maxRestarts: 2 }, noRandom)
    expect(policy.onFailure(0)).toEqual({ restart: true, delayMs: 50, attempt: 1 })
    expect(policy.onFailure(1)).toEqual({ restart: true, delayMs: 50, attempt: 2 })
    expect(policy.onFailure(2)).toEqual({ restart: false, reason: "it failed again after 2 restarts in a row" })
    policy.onStable(3)
    expect(policy.onFailure(4)).toEqual({ restart: true, delayMs: 50, attempt: 1 })
  })

  it("exponential: waits longer each time up to the bound, spread by the jitter", () => {
    const spec: RestartPolicySpec = { kind: "exponential", initialMs: 100, maxMs: 500, factor: 2, jitter: 0.1 }
    const delays = (random: number) => {
      const policy = createRestartPolicy(spec, () => random)
      return [1, 2, 3, 4, 5].map((nowMs) => {
        const decision = policy.onFailure(nowMs)
        return decision.restart && decision.delayMs
      })
    }
    expect(delays(0.5)).toEqual([100, 200, 400, 500, 500])
    expect(delays(0)).toEqual([90, 180, 360, 450, 450])
    expect(delays(0.999_999)).toEqual([110, 220, 440, 500, 500])
  })

  it("exponential: begins anew once stable, never overflows, and ends by its bound if it has one", () => {
    const spec: RestartPolicySpec = { kind: "exponential", initialMs: 1, maxMs: 60_000, factor: 10, jitter: 1 }
    const policy = createRestartPolicy(spec, () => 0.5)
    let last = policy.onFailure(0)
    for (let nowMs = 1; nowMs < 2_000; nowMs++) last = policy.onFailure(nowMs)
    expect(last).toEqual({ restart: true, delayMs: 60_000, attempt: 2_000 })
    policy.onStable(2_000)
    expect(policy.onFailure(2_001)).toEqual({ restart: true, delayMs: 1, attempt: 1 })
    expect(createRestartPolicy({ ...spec, maxRestarts: 0 }, noRandom).onFailure(0).restart).toBe(false)
  })

  it("failure rate: ends with one failure too many in the window, however stable between them", () => {
    const spec: RestartPolicySpec = { kind: "failure-rate", maxFailures: 2, windowMs: 100, delayMs: 5 }
    const policy = createRestartPolicy(spec, noRandom)
    expect(policy.onFailure(0)).toEqual({ restart: true, delayMs: 5, attempt: 1 })
    policy.onStable(10)
    expect(policy.onFailure(50)).toEqual({ restart: true, delayMs: 5, attempt: 1 })
    expect(policy.onFailure(99)).toEqual({ restart: false, reason: "it failed more than 2 times in 100 ms" })
    expect(policy.onFailure(150).restart).toBe(true)
  })

  it("refuses numbers that mean nothing", () => {
    const refused: RestartPolicySpec[] = [
      { kind: "fixed-delay", delayMs: -1, maxRestarts: 1 },
      { kind: "fixed-delay", delayMs: 1, maxRestarts: Number.NaN },
      { kind: "exponential", initialMs: 1, maxMs: 1, factor: 0.5, jitter: 0 },
      { kind: "exponential", initialMs: 1, maxMs: 1, factor: 1, jitter: 2 },
      { kind: "failure-rate", maxFailures: Number.POSITIVE_INFINITY, windowMs: 1, delayMs: 1 },
    ]
    for (const spec of refused) expect(() => createRestartPolicy(spec, noRandom)).toThrow("asked for")
  })
})

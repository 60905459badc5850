import { describe, expect, it, vi } from "vitest"
import { createDoorbells, heartbeat, isSleeping, SharedDoorbell, Sleeper } from "./doorbell.ts"

/** Whether a promise settles without outside help; waitAsync needs a turn of the event loop. */
async function settles(promise: Promise<void>): Promise<boolean> {
  const timeout = new Promise<false>((resolve) => setTimeout(resolve, 20, false))
  return Promise.race([promise.then(() => true), timeout])
}

function open() {
  const doorbells = createDoorbells(2)
  return { doorbells, sleeper: new Sleeper(doorbells, 1), bell: new SharedDoorbell(doorbells, 1) }
}

describe("Sleeper", () => {
  it("wait() lasts until the bell rings", async () => {
    const { doorbells, sleeper, bell } = open()
    sleeper.prepare()
    expect(isSleeping(doorbells, 1)).toBe(true)
    expect(isSleeping(doorbells, 0)).toBe(false)
    const waiting = sleeper.wait()
    expect(await settles(waiting)).toBe(false)
    bell.ring()
    expect(await settles(waiting)).toBe(true)
    expect(isSleeping(doorbells, 1)).toBe(false)
  })

  it("wait() returns at once when the bell rang between prepare() and wait()", async () => {
    const { sleeper, bell } = open()
    sleeper.prepare()
    bell.ring()
    expect(await settles(sleeper.wait())).toBe(true)
  })

  it("wait() returns at once for a ring after prepare() also while an earlier wait is still registered", async () => {
    const { sleeper, bell } = open()
    sleeper.prepare()
    const first = sleeper.wait()
    sleeper.wakeLocal()
    expect(await settles(first)).toBe(true)
    sleeper.prepare()
    bell.ring()
    expect(await settles(sleeper.wait())).toBe(true)
  })

  it("is woken locally during the wait, and between prepare() and wait()", async () => {
    const { doorbells, sleeper } = open()
    sleeper.prepare()
    const waiting = sleeper.wait()
    sleeper.wakeLocal()
    expect(await settles(waiting)).toBe(true)
    expect(isSleeping(doorbells, 1)).toBe(false)
    sleeper.prepare()
    sleeper.wakeLocal()
    expect(await settles(sleeper.wait())).toBe(true)
  })

  it("forgets a local wake-up from before prepare()", async () => {
    const { sleeper, bell } = open()
    sleeper.wakeLocal()
    sleeper.prepare()
    const waiting = sleeper.wait()
    expect(await settles(waiting)).toBe(false)
    bell.ring()
    expect(await settles(waiting)).toBe(true)
  })

  it("registers one waitAsync however often local wake-ups end the wait, and hears the bell through it", async () => {
    const { sleeper, bell } = open()
    const waitAsync = vi.spyOn(Atomics as unknown as { waitAsync: () => unknown }, "waitAsync")
    for (let round = 0; round < 100; round++) {
      sleeper.prepare()
      const waiting = sleeper.wait()
      sleeper.wakeLocal()
      await waiting
    }
    sleeper.prepare()
    const waiting = sleeper.wait()
    expect(waitAsync).toHaveBeenCalledTimes(1)
    bell.ring()
    expect(await settles(waiting)).toBe(true)
    sleeper.prepare()
    const next = sleeper.wait()
    expect(waitAsync).toHaveBeenCalledTimes(2)
    bell.ring()
    expect(await settles(next)).toBe(true)
    waitAsync.mockRestore()
  })

  it("cancel() ends the sleep that was prepared", () => {
    const { doorbells, sleeper } = open()
    sleeper.prepare()
    sleeper.cancel()
    expect(isSleeping(doorbells, 1)).toBe(false)
    expect(() => sleeper.cancel()).toThrow(/did not prepare/)
    expect(() => sleeper.wait()).toThrow(/without preparing/)
  })

  it("beat() moves the heartbeat of its own worker", () => {
    const { doorbells, sleeper } = open()
    sleeper.beat()
    sleeper.beat()
    expect([heartbeat(doorbells, 0), heartbeat(doorbells, 1)]).toEqual([0, 2])
  })
})

describe("SharedDoorbell", () => {
  it("ring() writes nothing while the worker is awake", () => {
    const { doorbells, bell } = open()
    const before = [...new Int32Array(doorbells)]
    bell.ring()
    expect([...new Int32Array(doorbells)]).toEqual(before)
  })

  it("ring() leaves the sleeping flag to its owner", () => {
    const { doorbells, sleeper, bell } = open()
    sleeper.prepare()
    bell.ring()
    expect(isSleeping(doorbells, 1)).toBe(true)
  })

  it("refuses a worker without a doorbell", () => {
    expect(() => new SharedDoorbell(createDoorbells(2), 2)).toThrow(/worker 2 has no doorbell among 2/)
  })
})

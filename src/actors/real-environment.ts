import { randomUUID } from "node:crypto"
import type { Environment, WorkerEnvironment } from "./environment.ts"
import { WorkerLoop } from "./worker-loop.ts"

/** Modules are imported when they are used: start-up is a promise of ours (bench/startup). */
export const realEnvironment: Environment = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  after,
  every,
  random: () => Math.random(),
  uniqueId: () => randomUUID(),
  durability: () => import("./durability.ts"),
}

export const realWorkerEnvironment: WorkerEnvironment = {
  now: () => performance.now(),
  wallClock: () => performance.timeOrigin + performance.now(),
  sleep(ms, signal) {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener("abort", done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener("abort", done, { once: true })
    })
  },
  loop: (subtasks, sleeper) =>
    new WorkerLoop({
      subtasks,
      sleeper,
      now: () => performance.now(),
      turn: () => new Promise((resolve) => setImmediate(resolve)),
      every,
      after,
    }),
  partWriting: () => import("./part-writing.ts"),
  restoring: () => import("./restoring.ts"),
  diskState: () => import("../state/disk/disk-backend.ts"),
}

function every(ms: number, call: () => void): () => void {
  const timer = setInterval(call, ms)
  return () => clearInterval(timer)
}

function after(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms)
  return () => clearTimeout(timer)
}

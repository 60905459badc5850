import { expect, test } from "vitest"
import type { Workforce } from "./attempt.ts"
import { JobThreads } from "./job-threads.ts"
import type { WorkerPool } from "./worker-pool.ts"

function threads() {
  const log: string[] = []
  let pools = 0
  const newPool = (): WorkerPool => {
    const number = ++pools
    return {
      start: () => void log.push(`task on ${number}`),
      destroy: async () => void log.push(`end ${number}`),
    } as unknown as WorkerPool
  }
  return { log, threads: new JobThreads(newPool(), async () => newPool()) }
}

const beginTask = (workforce: Workforce): void => {
  // The fake pool answers nothing.
  expect(() => workforce.start(0, {} as never)).toThrowError(TypeError)
}

test("JobThreads: an attempt takes the threads of a settled one, fresh ones after any other, and after a release", async () => {
  const { log, threads: of } = threads()
  for (const settled of [true, false, true]) {
    const workforce = await of.workforce(() => ({}) as never)
    beginTask(workforce)
    await workforce.end(settled)
  }
  await of.release()
  await of.release()
  beginTask(await of.workforce(() => ({}) as never))
  expect(log).toEqual(["task on 1", "task on 1", "end 1", "task on 2", "end 2", "task on 3"])
})

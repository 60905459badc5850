import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { EngineError, type RunOptions, run } from "../../dist/index.js"

const MODULE = fileURLToPath(new URL("../fixtures/failing.ts", import.meta.url))

async function failureOf(mode: string, options: RunOptions = {}): Promise<{ error: EngineError; afterMs: number }> {
  const startMs = performance.now()
  const job = await run(MODULE, { workers: 2, parallelism: 2, params: { mode }, ...options })
  try {
    await job.done
  } catch (error) {
    expect(job.status).toBe("failed")
    expect(error).toBeInstanceOf(EngineError)
    return { error: error as EngineError, afterMs: performance.now() - startMs }
  }
  throw new Error(`mode ${mode} did not fail`)
}

describe("a job on worker threads", () => {
  test("names the operator, the record and the line of a user function that throws", async () => {
    const { error } = await failureOf("throw")
    expect(error.code).toBe("OPERATOR_FAILED")
    expect(error.message).toContain('Operator "fragile"')
    expect(error.message).toContain('{"n":700}')
    expect(error.message).toContain("TypeError: cannot digest 700")
    const cause = error.cause as Error
    expect(cause.name).toBe("TypeError")
    expect(cause.stack).toMatch(/failing\.ts:\d+:\d+/)
    // The line of `throw new TypeError` in the .ts file itself.
    expect(cause.stack).toContain("failing.ts:31:")
  })

  test("ends with WORKER_EXITED when user code calls process.exit", async () => {
    const { error, afterMs } = await failureOf("exit")
    expect(error.code).toBe("WORKER_EXITED")
    expect(error.details.exitCode).toBe(7)
    expect(afterMs).toBeLessThan(5_000)
  })

  test("ends with WORKER_OUT_OF_MEMORY when a worker's heap is full", async () => {
    const { error } = await failureOf("heap", { maxHeapMb: 64 })
    expect(error.code).toBe("WORKER_OUT_OF_MEMORY")
  })

  test.each(["throw-later", "reject"])(
    "ends with WORKER_FAILED when user code fails outside of any call (%s)",
    async (mode) => {
      const { error } = await failureOf(mode, { params: { mode, count: 5_000_000 } })
      expect(error.code).toBe("WORKER_FAILED")
      expect(error.message).toMatch(/thrown from a timer|nobody catches this/)
    },
  )

  test("ends with WORKER_HUNG when a user function never returns", async () => {
    const { error, afterMs } = await failureOf("hang", { heartbeatTimeoutMs: 2_000 })
    expect(error.code).toBe("WORKER_HUNG")
    expect(afterMs).toBeLessThan(10_000)
  })

  test.each([
    ["function", 'field "user.callback" is a function'],
    ["class", 'field "when" is an instance of the class Meter'],
    ["cycle", 'field "self"'],
  ])("refuses a record that cannot be sent, naming the path to the field (%s)", async (mode, text) => {
    for (const workers of [1, 2]) {
      const { error } = await failureOf(mode, { workers })
      expect(error.code).toBe("RECORD_NOT_SERIALIZABLE")
      expect(error.message).toContain(text)
      expect(error.message).toContain("fragile")
    }
  })

  test("hands on a record of 50 MB", async () => {
    const job = await run(MODULE, { workers: 2, parallelism: 2, params: { mode: "large", count: 1000 } })
    const { collected } = await job.done
    const out = collected.out as { n: number; text?: string }[]
    expect(out).toHaveLength(1000)
    expect(out.find((record) => record.n === 700)!.text).toHaveLength(50 * 1024 * 1024)
  })
})

describe("JobHandle", () => {
  test("cancel() ends a running job at once and rejects done with JOB_CANCELLED", async () => {
    const job = await run(MODULE, { workers: 2, params: { count: 50_000_000 } })
    await new Promise((resolve) => setTimeout(resolve, 300))
    const startMs = performance.now()
    await job.cancel()
    expect(performance.now() - startMs).toBeLessThan(2_000)
    expect(job.status).toBe("cancelled")
    await expect(job.done).rejects.toMatchObject({ code: "JOB_CANCELLED" })
  })

  test("an aborted signal cancels the job", async () => {
    const controller = new AbortController()
    const job = await run(MODULE, { workers: 1, params: { count: 50_000_000 }, signal: controller.signal })
    controller.abort()
    await expect(job.done).rejects.toMatchObject({ code: "JOB_CANCELLED" })
  })

  test("stop() drains: every record read is written", async () => {
    const job = await run(MODULE, { workers: 2, params: { count: 50_000_000 } })
    while (job.readMetrics().recordsIn === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    const result = await job.stop()
    expect(result.status).toBe("stopped")
    expect(result.metrics.recordsIn).toBeGreaterThan(0)
    expect(result.metrics.recordsIn).toBeLessThan(50_000_000)
    expect(result.collected.out).toHaveLength(result.metrics.recordsIn)
  })

  test("metrics() reads until the job ends", async () => {
    const job = await run(MODULE, { workers: 2, params: { count: 300_000 } })
    let last = -1
    for await (const metrics of job.metrics({ everyMs: 50 })) {
      expect(metrics.recordsIn).toBeGreaterThanOrEqual(last)
      expect(metrics.inFlight).toBeLessThanOrEqual(metrics.credits)
      last = metrics.recordsIn
    }
    expect(last).toBe(300_000)
  })
})

import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { type JobHandle, run, type WhyReport } from "../../dist/index.js"

const MODULE = fileURLToPath(new URL("../fixtures/waiting.ts", import.meta.url))

async function withJob(mode: string, check: (job: JobHandle) => Promise<void>): Promise<void> {
  await using job = await run(MODULE, { workers: 2, params: { mode } })
  while (job.status === "deploying") await new Promise((resolve) => setTimeout(resolve, 10))
  await check(job)
}

/** Asks until the answer is the one that must come. */
async function whyUntil(job: JobHandle, answer: string, operator?: string): Promise<WhyReport> {
  for (;;) {
    const report = await job.why(operator)
    if (report.answer === answer) return report
    // The test's own timeout ends this.
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function watermarkOf(job: JobHandle, id: string): number {
  return job.readMetrics().vertices.find((vertex) => vertex.id === id)?.watermarkMs ?? Number.NEGATIVE_INFINITY
}

const endOf = (report: WhyReport) => report.chain.at(-1)!

test.each([
  ["held", "waiting-for-input", "quiet/0"],
  ["idle", "idle", "quiet/0"],
  ["behind", "behind", "flood/0"],
  ["splits", "splits", "flood/0"],
])("why: %s is answered with %s, and the chain leads to %s", async (mode, answer, end) => {
  await withJob(mode, async (job) => {
    const report = await whyUntil(job, answer)
    expect(report.operator).toBe("hours")
    expect(report.chain[0]!.at).toMatch(/^hours\/[01]$/)
    expect(report.chain.map(({ at }) => at)).toContain(end)
    expect(report.text).toContain("What to do:")
  })
})

test("why: a source that is paused by alignment, and the one it waits for; paused is no idleness in the metrics", async () => {
  await withJob("aligned", async (job) => {
    const report = await whyUntil(job, "paused")
    expect(report.chain.map(({ at }) => at.replace(/^hours.*/, "hours"))).toEqual([
      "hours",
      "busy/0",
      "busy/0",
      "quiet/0",
    ])
    // Booked with the next step: the worker's tick, once a second.
    const busyNow = () => job.readMetrics().vertices.find(({ id }) => id === "busy")!
    let busy = busyNow()
    while (!(busy.pausedShare > 0.5)) {
      await new Promise((resolve) => setTimeout(resolve, 200))
      busy = busyNow()
    }
    expect(busy.idleShare).toBeLessThan(0.5)
    expect(busy.idleInputs).toBe(0)
  })
})

test("alignment: an idle source holds nobody back", async () => {
  await withJob("aligned-idle", async (job) => {
    // More than the drift allows beside a source at 0.
    while (!(watermarkOf(job, "busy") > 20 * 60_000)) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })
})

test("TIM-2: an idle source does not hold the windows of another back", async () => {
  await withJob("held-idle", async (job) => {
    while (job.readMetrics().recordsOut === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(job.readMetrics().vertices.find(({ id }) => id === "quiet")!.idleInputs).toBe(1)
  })
})

test("why: an operator that does not keep up is named", async () => {
  await withJob("slow", async (job) => {
    const report = await whyUntil(job, "backpressured")
    expect(report.summary).toMatch(/^slow\/[01] does not keep up$/)
  })
})

test("why: a filter that lets nothing through", async () => {
  await withJob("dropped", async (job) => {
    const report = await whyUntil(job, "dropped", "out")
    expect(endOf(report).at).toBe("filter-1")
  })
})

test("why: a worker whose functions run for long does not answer, and the job does", async () => {
  await withJob("hung", async (job) => {
    const report = await whyUntil(job, "silent")
    expect(endOf(report).text).toContain("hours/")
    await expect(job.why("ours")).rejects.toMatchObject({ code: "WHY_OPERATOR_UNKNOWN" })
  })
})

import { describe, expect, test } from "vitest"
import type { GateReport, ReaderReport, SubtaskReport, WaitingReport } from "./subtask-report.ts"
import { explainWhy, type JobView } from "./why.ts"
import { lengthText } from "./why-report.ts"

const START = Number.NEGATIVE_INFINITY

const reader = (given: Partial<ReaderReport> = {}): ReaderReport => ({
  type: "source",
  label: "clicks",
  split: "a",
  splits: 1,
  state: "reading",
  hasEventTime: true,
  watermarkMs: 100,
  splitWatermarkMs: 100,
  newestMs: 101,
  boundMs: 0,
  holdsForSplits: false,
  quietMs: 0,
  idleAfterMs: 30_000,
  slowest: undefined,
  maxDriftMs: undefined,
  ...given,
})

const gate = (given: Partial<GateReport> = {}): GateReport => ({
  type: "channels",
  watermarkMs: 100,
  channels: [{ channel: 0, watermarkMs: 100, state: "active", held: false }],
  holder: 0,
  ...given,
})

const subtask = (vertex: number, given: Partial<SubtaskReport> = {}): SubtaskReport => ({
  vertex,
  subtask: 0,
  phase: "running",
  watermarkMs: 100,
  blocked: false,
  busyMs: 0,
  backpressuredMs: 0,
  fullChannels: [],
  sinksPrepare: false,
  ownNewestMs: undefined,
  input: vertex === 0 ? reader() : gate(),
  waiting: [],
  ...given,
})

const window = (given: Partial<WaitingReport> = {}): WaitingReport => ({
  operatorId: "hours",
  what: "window",
  count: 3,
  nextMs: 3_599_999,
  nextProcessingMs: undefined,
  ...given,
})

/** clicks -> hours -> out, one subtask each. */
function view(
  given: { clicks?: Partial<SubtaskReport>; hours?: Partial<SubtaskReport>; out?: Partial<SubtaskReport> },
  more: Partial<JobView> = {},
): JobView {
  const subtasks = [
    subtask(0, given.clicks),
    subtask(1, { waiting: [window()], ...given.hours }),
    subtask(2, {
      input: gate({ channels: [{ channel: 1, watermarkMs: 100, state: "active", held: false }], holder: 1 }),
      ...given.out,
    }),
  ]
  return {
    jobName: "job",
    status: "running",
    vertices: [
      { id: "clicks", operators: ["clicks", "filter-1"], recordsIn: 10, recordsOut: 8, splitsWaiting: 0 },
      { id: "hours", operators: ["hours"], recordsIn: 8, recordsOut: 0, splitsWaiting: 0 },
      { id: "out", operators: ["out"], recordsIn: 0, recordsOut: 0, splitsWaiting: 0 },
    ],
    channels: [
      { from: { vertex: 0, subtask: 0 }, to: { vertex: 1, subtask: 0 } },
      { from: { vertex: 1, subtask: 0 }, to: { vertex: 2, subtask: 0 } },
    ],
    subtasks,
    before: { subtasks, agoMs: 100 },
    silent: [],
    nowMs: 0,
    ...more,
  }
}

const answerOf = (given: Parameters<typeof view>[0], operator?: string, more: Partial<JobView> = {}) =>
  explainWhy(view(given, more), operator)

describe("explainWhy() follows the holder of the watermark to its cause", () => {
  test.each<[string, Parameters<typeof view>[0], string, RegExp]>([
    ["behind", {}, "behind", /clicks\/0 reads split "a" of clicks/],
    [
      "behind, by one of its splits",
      { clicks: { input: reader({ splits: 3 }) } },
      "behind",
      /clicks\/0 reads 3 splits of clicks, the slowest of them "a"/,
    ],
    [
      "waiting-for-input",
      { clicks: { input: reader({ quietMs: 12_000 }) } },
      "waiting-for-input",
      /no record for 12s.* in 18s it is idle/,
    ],
    ["idle", { clicks: { input: reader({ state: "idle", quietMs: 40_000 }) } }, "idle", /no record for 40s/],
    [
      "idle",
      {
        hours: {
          waiting: [window()],
          input: gate({ holder: undefined, channels: [{ channel: 0, watermarkMs: 1, state: "idle", held: false }] }),
        },
        clicks: { input: reader({ state: "idle", quietMs: 1000 }) },
      },
      "idle",
      /all of its inputs are idle/,
    ],
    [
      "paused",
      {
        clicks: {
          input: reader({
            state: "paused",
            maxDriftMs: 300_000,
            slowest: { vertex: 0, subtask: 0, watermarkMs: START },
          }),
        },
      },
      "paused",
      /may be 5m ahead of clicks\/0, which is at no time yet/,
    ],
    ["splits", { clicks: { input: reader({ holdsForSplits: true }) } }, "splits", /0 splits have not been opened yet/],
    ["no-event-time", { clicks: { input: reader({ hasEventTime: false }) } }, "no-event-time", /no event time/],
    ["finishing, at a source", { clicks: { input: reader({ state: "ended" }) } }, "finishing", /finishing/],
    ["finishing, at the operator", { hours: { phase: "finishing", waiting: [window()] } }, "finishing", /finishing/],
    ["in-flight", { clicks: { watermarkMs: 3_600_000 } }, "in-flight", /has not taken yet/],
    [
      "checkpoint, aligning",
      {
        hours: {
          waiting: [window()],
          input: gate({ channels: [{ channel: 0, watermarkMs: 1, state: "active", held: true }] }),
        },
      },
      "checkpoint",
      /barrier has come/,
    ],
    ["checkpoint, at a sink", { hours: { waiting: [window()], sinksPrepare: true } }, "checkpoint", /its sinks/],
    [
      "behind, at an operator that assigns times",
      { clicks: { ownNewestMs: 7 } },
      "behind",
      /clicks\/0 gives records their time/,
    ],
    ["clock", { hours: { waiting: [window({ nextMs: undefined, nextProcessingMs: 65_000 })] } }, "clock", /in 1m 5s/],
    [
      "end-of-input",
      { hours: { waiting: [window({ nextMs: Number.POSITIVE_INFINITY })] } },
      "end-of-input",
      /when the input ends/,
    ],
  ])("%s", (_name, given, answer, text) => {
    const report = answerOf(given)
    expect(report).toMatchObject({ jobName: "job", operator: "hours", answer })
    expect(report.text).toMatch(text)
    expect(report.chain[0]!.at).toBe("hours/0")
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  })

  test("who is held back by what is downstream, and who by its own slowness", () => {
    const blocked = { blocked: true, backpressuredMs: 90, fullChannels: [0] }
    const still = view({ clicks: { backpressuredMs: 0 } }).subtasks
    const held = answerOf({ clicks: blocked }, undefined, { before: { subtasks: still, agoMs: 100 } })
    expect(held).toMatchObject({ answer: "backpressured", summary: "hours/0 does not keep up" })
    expect(held.advice).toContain("--set hours.parallelism=n")
    const slow = answerOf({ clicks: { watermarkMs: 500 }, hours: { busyMs: 100, waiting: [window()] } }, undefined, {
      before: { subtasks: view({ clicks: { watermarkMs: 500 } }).subtasks, agoMs: 100 },
    })
    expect(slow).toMatchObject({ answer: "backpressured", summary: "hours/0 does not keep up" })
  })

  test("who sets the pace of a source that is read", () => {
    const busy = { busyMs: 90, waiting: [window()] }
    const before = { subtasks: view({}).subtasks, agoMs: 100 }
    expect(answerOf({ hours: busy }, undefined, { before })).toMatchObject({
      answer: "backpressured",
      summary: "hours/0 does not keep up",
    })
    const moving = answerOf({ hours: busy, clicks: { input: reader({ newestMs: 200 }) } }, undefined, { before })
    expect(moving.answer).toBe("behind")
    expect(moving.text).toContain("hours/0 sets the pace: it is busy 90 % of the time")
  })

  test("a channel that happens to be full does not make a source that moves on a stuck one", () => {
    const before = view({ clicks: { input: reader({ newestMs: 1 }) } }).subtasks
    const moving = { blocked: true, backpressuredMs: 90, fullChannels: [0] }
    const report = answerOf({ clicks: moving }, undefined, { before: { subtasks: before, agoMs: 100 } })
    expect(report.answer).toBe("behind")
    expect(report.text).toContain("moves on by 1s of event time per second")
    expect(report.advice).toMatch(
      /a record of 1970-01-01T01:00:00.000Z or later must come; at this speed that takes 1h/,
    )
  })

  test("the subtask that is due first, and the operator nearest to the sources", () => {
    const { subtasks } = view({ hours: { waiting: [window({ nextMs: 900 }), window({ operatorId: "later" })] } })
    const second = { ...subtasks[1]!, subtask: 1, waiting: [window({ nextMs: 700 })] }
    const report = explainWhy(view({}, { subtasks: [...subtasks, second] }), undefined)
    expect(report.chain[0]).toMatchObject({ at: "hours/1" })
  })
})

describe("explainWhy() of an operator that waits for no time", () => {
  test("goes on to the one before it that does", () => {
    const report = answerOf({}, "out")
    expect(report).toMatchObject({ operator: "out", answer: "behind" })
    expect(report.chain.map(({ at }) => at)).toEqual(["out", "hours/0", "clicks/0", "clicks/0"])
  })

  test("names the operators that let nothing through", () => {
    const vertices = view({}).vertices.map((each, index) =>
      index === 0 ? { ...each, recordsOut: 0 } : { ...each, recordsIn: 0 },
    )
    const report = answerOf({ hours: { waiting: [] } }, "out", { vertices })
    expect(report.answer).toBe("dropped")
    expect(report.text).toContain("(clicks, filter-1)")
  })

  test("says that nothing has come to the source, or that nothing waits", () => {
    const vertices = view({}).vertices.map((each) => ({ ...each, recordsIn: 0, recordsOut: 0 }))
    const quiet = { hours: { waiting: [] }, clicks: { input: reader({ quietMs: 5000 }) } }
    expect(answerOf(quiet, "out", { vertices }).answer).toBe("waiting-for-input")
    expect(answerOf({ hours: { waiting: [] } }, "hours").answer).toBe("nothing-waits")
  })
})

describe("explainWhy() of a job that cannot be asked", () => {
  test.each(["deploying", "restarting", "stopping", "finished"])("%s", (status) => {
    expect(answerOf({}, undefined, { status, subtasks: [] })).toMatchObject({ answer: "not-running", chain: [] })
  })

  test("a worker that does not answer is named, with what lives there", () => {
    const report = answerOf({}, undefined, { silent: [{ worker: 1, subtasks: ["hours/1"] }] })
    expect(report).toMatchObject({ answer: "silent" })
    expect(report.text).toContain("worker 1 runs hours/1")
  })

  test("workers that have ended", () => {
    expect(answerOf({}, undefined, { subtasks: [] }).answer).toBe("finishing")
  })

  test("an operator that is not there, with the nearest name", () => {
    expect(() => answerOf({}, "hour")).toThrow(
      expect.objectContaining({ code: "WHY_OPERATOR_UNKNOWN", message: expect.stringContaining('"hours"') }),
    )
  })
})

test.each([
  [12, "12 ms"],
  [1000, "1s"],
  [90_000, "1m 30s"],
  [3_600_000, "1h"],
  [93_784_000, "1d 2h"],
])("lengthText(%d) is %s", (ms, text) => expect(lengthText(ms)).toBe(text))

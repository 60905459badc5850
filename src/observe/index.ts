/** What a running job tells of itself: counters in shared memory and readings of them. Leans on nothing. Read job-metrics.ts first. */
export type { JobMetrics, VertexMetrics } from "./job-metrics.ts"
export { LongestStep } from "./longest-step.ts"
export { MetricsReader, type VertexShape } from "./metrics-reader.ts"
export { type Counter, createMetricsBuffer, SubtaskMetrics } from "./subtask-metrics.ts"
export type { ChannelReport, GateReport, ReaderReport, SubtaskReport, WaitingReport } from "./subtask-report.ts"
export type { WhyAnswer, WhyReport, WhyStep } from "./why-report.ts"

/** What a running job tells of itself. Leans on nothing of the engine. Read job-metrics.ts first. */
export type { JobMetrics, VertexMetrics } from "./job-metrics.ts"

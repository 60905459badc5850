/**
 * How another process talks to a running job: the socket that a run listens on, the registry by which it is found, the
 * requests it answers, and the side that asks. Leans on actors/ for the job's handle. Read requests.ts first: a new kind of
 * request is a row in its two tables. docs/design/006-control-endpoint.md says what is on the wire.
 */
export { type Asking, ControlClient } from "./client.ts"
export { ControlEndpoint, type ControlEndpointOptions } from "./endpoint.ts"
export { findJob } from "./find-job.ts"
export { type JobEntry, listJobs } from "./registry.ts"
export type { RequestKind, Requests } from "./requests.ts"
export { runtimeDirectories } from "./runtime-directory.ts"
export type { CheckpointFigures, EndReport, OperatorStatus, StatusReport } from "./status-report.ts"

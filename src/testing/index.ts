/**
 * Tools for those who write parts of their own for millrace: `millrace/testing`. Drives a part as the engine would, through
 * random schedules with crashes, and compares with what its contract promises. Leans on everything; nothing leans on it.
 * Needs fast-check, an optional peer. Read torture-sink.ts first.
 */
export { type SinkTorture, type TortureSinkOptions, tortureSink } from "./torture-sink.ts"

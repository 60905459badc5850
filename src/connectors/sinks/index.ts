/**
 * Sinks for outside systems, declared by the few calls that differ from one to the next. `transactional-sink.ts` for systems
 * with transactions that survive a lost connection, `upsert-sink.ts` for those where a write replaces the one before of the
 * same key. docs/sinks.md has an example of each.
 */
export { type TransactionalSystem, transactionalSink } from "./transactional-sink.ts"
export { type UpsertStore, upsertSink } from "./upsert-sink.ts"

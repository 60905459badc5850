/**
 * Keyed state and key groups, and how both are captured and restored. Pure. Promises that a key belongs to one key group
 * for ever, that a store tells keys apart as a Map would, arrays by their parts, and that what a capture hands over is what
 * was there when it was taken. Leans on time/, records/ and errors/. Read key-groups.ts first, then state-table.ts.
 */
export { copierOf } from "./copier.ts"
export { EntryWriter, explainRefusal } from "./entry-writer.ts"
export { HeapKeyedStore, type HeapKeyedStoreOptions } from "./heap-keyed-store.ts"
export { DEFAULT_KEY_GROUPS, type KeyGroupRange, keyGroupOf, keyGroupRange, subtaskOfKeyGroup } from "./key-groups.ts"
export { hashKey } from "./key-hash.ts"
export { type KeyIdentity, keyIdentity } from "./key-identity.ts"
export { KeyIndex } from "./key-index.ts"
export { keyOfIdentity } from "./key-of-identity.ts"
export type { Key, KeyedStore, KeyPart } from "./keyed-store.ts"
export { heapBackend, type StateBackend, type StoreOptions } from "./state-backend.ts"
export { type StateCodec, stateCodecOf } from "./state-codec.ts"
export { FIRST_VERSION, type StateSchema, stateSchemaOf } from "./state-schema.ts"
export type { CaptureKind, ChangeSink, EntrySink, StateTable, TableCapture, TableEntry } from "./state-table.ts"
export { TimerTable } from "./timer-table.ts"

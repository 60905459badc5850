/**
 * Keyed state and key groups. Pure. Promises that a key belongs to one key group for ever, and that a store tells keys
 * apart as a Map would, arrays by their parts. Leans on errors/ alone. Read key-groups.ts first.
 */
export { HeapKeyedStore } from "./heap-keyed-store.ts"
export { DEFAULT_KEY_GROUPS, type KeyGroupRange, keyGroupOf, keyGroupRange, subtaskOfKeyGroup } from "./key-groups.ts"
export { hashKey } from "./key-hash.ts"
export { type KeyIdentity, keyIdentity } from "./key-identity.ts"
export type { Key, KeyedStore, KeyPart } from "./keyed-store.ts"

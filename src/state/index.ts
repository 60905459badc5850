/** Keyed state and key groups. Leans on errors/ alone. Read key-groups.ts first. */
export type { Key, KeyedStore, KeyPart } from "./keyed-store.ts"

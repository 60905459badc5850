/**
 * Bounded channels between actors: one SPSC ring per (sender subtask, receiver subtask) over shared memory, and its
 * local twin. Leans on records/ alone. Read channel.ts (the contract) first, then layout.ts.
 */
export type { ChannelReceiver, ChannelSender, Doorbell } from "./channel.ts"

/**
 * Bounded channels between actors: one SPSC ring per (sender subtask, receiver subtask) over shared memory, and its
 * local twin. Leans on records/ alone. Read channel.ts (the contract) first, then layout.ts.
 */
export {
  type Announcement,
  type ChannelPeek,
  type ChannelReceiver,
  type ChannelSender,
  type Doorbell,
  type QueuedData,
  type QueuedElement,
  unitsOf,
} from "./channel.ts"
export { createDoorbells, heartbeat, isSleeping, SharedDoorbell, Sleeper } from "./doorbell.ts"
export { createLocalChannel, type LocalChannel, type LocalChannelOptions } from "./local-channel.ts"
export {
  createRing,
  type RingOptions,
  RingReceiver,
  type RingReceiverOptions,
  RingSender,
  type RingSenderOptions,
} from "./spsc-ring.ts"

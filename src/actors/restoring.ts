/** What a worker needs to read the checkpoint that its job goes on from: loaded when there is one. */
export { realDisk as openDisk } from "../snapshot/store/real-disk.ts"
export { listEnded, restoreChain } from "./restore.ts"
export { readInFlight } from "./restore-in-flight.ts"

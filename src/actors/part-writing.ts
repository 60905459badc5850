/** What a worker needs to write its share of a checkpoint: loaded with the first one. */
export { PartWriter } from "../snapshot/store/index.ts"
export { realDisk as openDisk } from "../snapshot/store/real-disk.ts"

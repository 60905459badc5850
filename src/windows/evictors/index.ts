/** What windows let go of when they fire, one evictor per file; used as `evictors.count(100)`. Read ../evictor.ts first. */
export { count } from "./count.ts"
export { delta } from "./delta.ts"
export { time } from "./time.ts"

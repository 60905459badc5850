/**
 * The deterministic simulator: runs a job's real classes on one thread, in virtual time, under a schedule and faults that are
 * data. Promises that the same options give the same simulation. Leans on actors/. Read simulate.ts first, then world.ts.
 */
export { type MemorySourceOptions, memorySource } from "./memory-source.ts"
export { type Arrival, Outside } from "./outside.ts"
export {
  FAIR,
  type Fault,
  MARKS,
  type Mark,
  type Moment,
  type Preemption,
  type Request,
  type Schedule,
  type Shape,
} from "./schedule.ts"
export { type Simulation, type SimulationOptions, simulate } from "./simulate.ts"

/**
 * Looks for what breaks a user's pipeline: the simulator runs it under drawn schedules, crashes and parallelism, and fast-check
 * shrinks what differs from a plain run. Leans on sim/ and api/; fast-check is an optional peer, loaded when it is used. Read prove.ts.
 */
export { proofText, statisticsText } from "./proof-text.ts"
export {
  type Output,
  type OutsideOfSink,
  type Proof,
  type ProofFailure,
  type ProofOptions,
  type ProofStatistics,
  prove,
} from "./prove.ts"

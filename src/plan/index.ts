/**
 * From the graph as written to what runs where: ids, parallelism, exchanges, chains, channels, placement. Pure: the same
 * module gives the same plan in every thread. Leans on contracts/ and state/. Read logical-graph.ts, then planner.ts.
 */
export { type ChannelSpec, edgeName, listChannels } from "./channels.ts"
export { describeExchange } from "./describe-exchange.ts"
export type {
  AlignmentOptions,
  EventTimeOptions,
  Exchange,
  LogicalGraph,
  LogicalInput,
  LogicalNode,
  NodeRole,
} from "./logical-graph.ts"
export { type Edge, type PhysicalOperator, type PhysicalPlan, type Vertex, workerOf } from "./physical-plan.ts"
export { type PlanOptions, planJob } from "./planner.ts"

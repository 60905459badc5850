import type { Key } from "../state/index.ts"
import type { Exchange, LogicalNode } from "./logical-graph.ts"

/** An operator in its place in a chain. */
export interface PhysicalOperator {
  readonly id: string
  readonly kind: string
  readonly name: string
  readonly node: LogicalNode
  /** Index of the operator in the same chain that feeds it; -1 for the head. */
  readonly parent: number
  /** The parent's named output it reads; undefined for the main one. */
  readonly parentSide: string | undefined
}

/** A chain of operators that run as one actor, once per subtask. Operators stand in pre-order: parents first. */
export interface Vertex {
  readonly index: number
  /** The head operator's id. */
  readonly id: string
  /** Names of its operators, e.g. `flights -> filter-1`. */
  readonly name: string
  readonly operators: readonly PhysicalOperator[]
  readonly parallelism: number
}

/** Records of one operator's output to the subtasks of another vertex. */
export interface Edge {
  readonly id: number
  /** Vertex indices. */
  readonly from: number
  readonly to: number
  /** Index of the producing operator within its vertex. */
  readonly fromOperator: number
  readonly side: string | undefined
  readonly exchange: Exchange
  /** Of hash edges: what the records go by. */
  readonly keyOf: ((value: unknown) => Key) | undefined
}

/** What runs where. Built alike in the main thread and in every worker; `signature` proves that it is. */
export interface PhysicalPlan {
  readonly jobName: string
  readonly keyGroups: number
  readonly workers: number
  readonly vertices: readonly Vertex[]
  readonly edges: readonly Edge[]
  /** Things a user should know that are no errors, e.g. a side output that nothing reads. */
  readonly warnings: readonly string[]
  /** Text that differs whenever two plans differ in anything that matters to the exchange between threads. */
  readonly signature: string
}

/** The worker on which subtask `subtask` of any vertex lives. */
export function workerOf(subtask: number, workers: number): number {
  return workers === 0 ? 0 : subtask % workers
}

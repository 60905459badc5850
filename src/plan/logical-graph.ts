import type { Operator, Sink, Source } from "../contracts/index.ts"
import type { Key } from "../state/index.ts"

/** How records of one operator reach the subtasks of the next. `auto` is decided by the planner. */
export type Exchange = "forward" | "hash" | "rebalance" | "rescale" | "broadcast"

/** What a logical operator is made of. Functions stay where they are: each thread builds the same graph from the same module. */
export type NodeRole =
  | { readonly type: "source"; readonly source: Source<unknown>; readonly eventTime: EventTimeOptions | undefined }
  | { readonly type: "operator"; readonly keyed: boolean; create(): Operator }
  | { readonly type: "sink"; readonly sink: Sink<unknown> }

/** How a source's records get their event time, in ms. */
export interface EventTimeOptions {
  timeOf(value: unknown): number | Date
  /** Bound of disorder: no record is more than this behind the newest before it in its split. */
  readonly outOfOrderMs: number
  /** A source without input for this long no longer holds the watermark back. */
  readonly idleAfterMs: number
}

export interface LogicalInput {
  /** The producing node. */
  readonly node: LogicalNode
  /** A named output of it; undefined for the main one. */
  readonly side: string | undefined
  readonly exchange: Exchange | "auto"
  /** Present on keyed inputs. */
  readonly keyOf: ((value: unknown) => Key) | undefined
}

/** One operator of the pipeline as written. Name and parallelism are set while the pipeline is being described. */
export interface LogicalNode {
  /** What it is, for default ids: `map`, `window`, `source` ... */
  readonly kind: string
  readonly role: NodeRole
  readonly inputs: readonly LogicalInput[]
  /** Named outputs that a stream can be taken from. */
  readonly sides: readonly string[]
  /** True when the operator needs records with an event time. */
  readonly needsEventTime?: boolean
  name: string | undefined
  parallelism: number | undefined
}

/** A pipeline as written: nodes in the order of their description. */
export interface LogicalGraph {
  readonly jobName: string
  readonly nodes: readonly LogicalNode[]
  readonly keyGroups: number
}

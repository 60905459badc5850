import type { BadRecordPolicy, Operator, Sink, Source } from "../contracts/index.ts"
import type { Key, StateSchema } from "../state/index.ts"
import type { EventTime, WatermarkSpec } from "../time/index.ts"

/** How records of one operator reach the subtasks of the next. `auto` is decided by the planner. */
export type Exchange = "forward" | "hash" | "rebalance" | "rescale" | "broadcast"

/** What a logical operator is made of. Functions stay where they are: each thread builds the same graph from the same module. */
export type NodeRole =
  | { readonly type: "source"; readonly source: Source<unknown>; readonly eventTime: EventTimeOptions | undefined }
  | {
      readonly type: "operator"
      readonly keyed: boolean
      /** It gives records another event time: what follows needs none of the sources, and it begins a chain. */
      readonly assignsTimes?: boolean
      create(): Operator
      /** The states that its user declared. */
      readonly states?: readonly StateSchema[]
    }
  | { readonly type: "sink"; readonly sink: Sink<unknown> }

/** How a source's records get their event time, and its splits their watermarks. Times in ms. */
export interface EventTimeOptions {
  /** Event time of a record; undefined: the reader's clock when it hands the record on (ingestion time). */
  readonly timeOf: ((value: unknown) => EventTime) | undefined
  readonly watermarks: WatermarkSpec
  /** At most one watermark is handed on in so long; 0: as they come. */
  readonly watermarkEveryMs: number
  /** How often watermarks that follow the clock are asked for; 0: they do not. */
  readonly tickEveryMs: number
  /** A reader without input for this long no longer holds the watermark back; +Infinity: never. */
  readonly idleAfterMs: number
  /** What becomes of records without a valid time; undefined: what the source does with malformed ones. */
  readonly badTimes: BadRecordPolicy | undefined
  readonly alignment: AlignmentOptions | undefined
}

/** Readers of one group wait for those that are behind. */
export interface AlignmentOptions {
  readonly group: string
  /** How far one may be ahead of the slowest: event-time ms. */
  readonly maxDriftMs: number
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
  /** Those of them that nobody has to read: nothing leaves them that a user must know of. */
  readonly optionalSides?: readonly string[]
  /** Things a user should know that are no errors, as the rest of a sentence about the operator. */
  readonly warnings?: readonly string[]
  /** True when the operator needs records with an event time. */
  readonly needsEventTime?: boolean
  /**
   * Of a part of another operator that stands with the sender: its id is the other's with `.suffix`, and its parallelism the
   * sender's, unless it is given others.
   */
  partOf?: { readonly node: LogicalNode; readonly suffix: string }
  name: string | undefined
  parallelism: number | undefined
}

/** A pipeline as written: nodes in the order of their description. */
export interface LogicalGraph {
  readonly jobName: string
  readonly nodes: readonly LogicalNode[]
  readonly keyGroups: number
}

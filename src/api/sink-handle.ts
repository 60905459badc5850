import type { LogicalNode } from "../plan/index.ts"
import { setName, setParallelism } from "./graph-builder.ts"

/** The end of a stream, to be named and tuned. */
export class SinkHandle {
  /** For the api folder only. */
  readonly _node: LogicalNode

  constructor(node: LogicalNode) {
    this._node = node
  }

  /** Gives the sink a stable id. */
  name(id: string): this {
    setName(this._node, id)
    return this
  }

  /** How many writers there are. Default: the job's parallelism. */
  parallelism(subtasks: number): this {
    setParallelism(this._node, subtasks)
    return this
  }
}

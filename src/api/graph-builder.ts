import { EngineError } from "../errors/index.ts"
import type { LogicalGraph, LogicalInput, LogicalNode, NodeRole } from "../plan/index.ts"

/** Runs a graph on the calling thread and answers what its `collect()` sinks gathered, by operator id. */
export type InlineRunner = (graph: LogicalGraph) => Promise<Readonly<Record<string, readonly unknown[]>>>

/**
 * What the times of a pipeline's records are: when they happened (`event`), when a source read them (`ingestion`), or none,
 * with windows that go by the clock (`processing`).
 */
export type PipelineTime = "event" | "ingestion" | "processing"

/** Collects the nodes that streams add while a pipeline is being described. */
export class GraphBuilder {
  readonly nodes: LogicalNode[] = []
  readonly #jobName: string
  readonly #keyGroups: number
  /** Present for the inline form (`from(...)`), which needs no pipeline module. */
  readonly inlineRunner: InlineRunner | undefined
  /** Windows and timers that are not told otherwise go by this. */
  readonly time: PipelineTime

  constructor(options: { jobName: string; keyGroups: number; time?: PipelineTime; inlineRunner?: InlineRunner }) {
    this.#jobName = options.jobName
    this.#keyGroups = options.keyGroups
    this.time = options.time ?? "event"
    this.inlineRunner = options.inlineRunner
  }

  add(node: {
    kind: string
    role: NodeRole
    inputs: readonly LogicalInput[]
    sides?: readonly string[]
    optionalSides?: readonly string[]
    warnings?: readonly string[]
    needsEventTime?: boolean
  }): LogicalNode {
    const added: LogicalNode = {
      kind: node.kind,
      role: node.role,
      inputs: node.inputs,
      sides: node.sides ?? [],
      optionalSides: node.optionalSides ?? [],
      warnings: node.warnings ?? [],
      needsEventTime: node.needsEventTime ?? false,
      name: undefined,
      parallelism: undefined,
    }
    this.nodes.push(added)
    return added
  }

  build(): LogicalGraph {
    return { jobName: this.#jobName, nodes: this.nodes, keyGroups: this.#keyGroups }
  }
}

/** Sets the id of a node. @throws {EngineError} NAME_INVALID for anything but letters, digits, `-`, `_` and `.` */
export function setName(node: LogicalNode, name: string): void {
  if (typeof name !== "string" || !/^[A-Za-z0-9][\w.-]*$/.test(name)) {
    throw new EngineError(
      "NAME_INVALID",
      `Cannot name a ${node.kind} operator ${JSON.stringify(name)}: a name begins with a letter or digit and holds only letters, digits, "-", "_" and "."`,
    )
  }
  node.name = name
}

/** Sets the parallelism of a node. @throws {EngineError} PLAN_PARALLELISM_INVALID when it is no whole number >= 1 */
export function setParallelism(node: LogicalNode, parallelism: number): void {
  if (!Number.isSafeInteger(parallelism) || parallelism < 1) {
    throw new EngineError(
      "PLAN_PARALLELISM_INVALID",
      `Cannot run ${node.name ?? `a ${node.kind} operator`} with parallelism ${parallelism}: it must be a whole number of at least 1`,
    )
  }
  node.parallelism = parallelism
}

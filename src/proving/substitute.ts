import type { Operator, Sink } from "../contracts/index.ts"
import type { LogicalGraph, LogicalInput, LogicalNode, NodeRole } from "../plan/index.ts"

export interface Substitutes {
  /** What a source is replaced by. */
  source(node: LogicalNode): Extract<NodeRole, { type: "source" }>["source"]
  /** What a sink is replaced by. */
  sink(node: LogicalNode): Sink<unknown>
  /** Called for every instance of an operator. */
  operator?(node: LogicalNode, operator: Operator): Operator
}

/** The same graph with other sources and sinks; ids stay, since they are names now. */
export function substitute(
  graph: LogicalGraph,
  ids: ReadonlyMap<LogicalNode, string>,
  substitutes: Substitutes,
): LogicalGraph {
  const replaced = new Map<LogicalNode, LogicalNode>()
  for (const node of graph.nodes) {
    replaced.set(node, { ...node, role: roleOf(node, substitutes), inputs: [], name: ids.get(node)! })
  }
  const nodes = graph.nodes.map((node): LogicalNode => {
    const inputs = node.inputs.map((input): LogicalInput => ({ ...input, node: replaced.get(input.node)! }))
    return Object.assign(replaced.get(node)!, { inputs })
  })
  return { ...graph, nodes }
}

function roleOf(node: LogicalNode, { source, sink, operator }: Substitutes): NodeRole {
  const { role } = node
  switch (role.type) {
    case "source":
      return { ...role, source: source(node) }
    case "sink":
      return { type: "sink", sink: sink(node) }
    case "operator":
      return operator === undefined ? role : { ...role, create: () => operator(node, role.create()) }
  }
}

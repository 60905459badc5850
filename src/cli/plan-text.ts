import { describeExchange, type Edge, type PhysicalPlan, type Vertex, workerOf } from "../plan/index.ts"
import { type Paint, padEnd, textWidth } from "./_terminal.ts"

const LISTED_WORKERS = 8

/**
 * A plan to read at a glance: vertices from sources to sinks, each with its chained operators, where its subtasks live and
 * where its records go; then what the exchanges mean. Ends in a line feed.
 */
export function planText(plan: PhysicalPlan, paint: Paint): string {
  const subtasks = plan.vertices.reduce((sum, vertex) => sum + vertex.parallelism, 0)
  const head = `${plan.jobName}: ${plural(subtasks, "subtask")} on ${workersText(plan)}, ${plural(plan.keyGroups, "key group")}`
  const vertices = topological(plan).flatMap((vertex) => ["", ...vertexLines(plan, vertex, paint)])
  const exchanges = [...new Set(plan.edges.map((edge) => edge.exchange))]
  const legend =
    exchanges.length === 0 ? [] : ["", ...exchanges.map((exchange) => paint("dim", describeExchange(exchange)))]
  return `${[paint("bold", head), ...vertices, ...legend].join("\n")}\n`
}

function vertexLines(plan: PhysicalPlan, vertex: Vertex, paint: Paint): string[] {
  const { operators } = vertex
  const kindColumns = Math.max(...operators.map((operator) => textWidth(operator.kind)))
  const chain = operators.map((operator, index) => {
    // The operator before it is what one expects to feed it.
    const from = operator.parent >= 0 && operator.parent !== index - 1 ? ` from ${operators[operator.parent]?.id}` : ""
    const side =
      operator.parentSide === undefined ? "" : ` (${operator.parentSide} of ${operators[operator.parent]?.id})`
    const name = operator.name === operator.id ? "" : ` "${operator.name}"`
    return `    ${padEnd(operator.kind, kindColumns)}  ${operator.id}${name}${side === "" ? from : side}`
  })
  const edges = plan.edges
    .filter((edge) => plan.vertices[edge.from] === vertex)
    .map((edge) => edgeLine(plan, edge, paint))
  return [
    `${paint("bold", `${vertex.id} x${vertex.parallelism}`)}  ${paint("dim", placement(plan, vertex))}`,
    ...chain,
    ...edges,
  ]
}

function edgeLine(plan: PhysicalPlan, edge: Edge, paint: Paint): string {
  const to = plan.vertices[edge.to]
  const producer = plan.vertices[edge.from]?.operators[edge.fromOperator]
  const last = plan.vertices[edge.from]?.operators.at(-1)
  const from =
    edge.side === undefined ? (producer === last ? "" : `${producer?.id}: `) : `${edge.side} of ${producer?.id}: `
  const how = `${edge.exchange}${edge.exchange === "hash" ? " by key" : ""}`
  return `  ${from}${paint("cyan", `=${how}=>`)} ${to?.id} x${to?.parallelism}`
}

function placement(plan: PhysicalPlan, vertex: Vertex): string {
  if (plan.workers === 0) return "on the main thread"
  const workers = Array.from({ length: vertex.parallelism }, (_, subtask) => workerOf(subtask, plan.workers))
  if (workers.length === 1) return `on worker ${workers[0]}`
  if (workers.length <= LISTED_WORKERS) return `on workers ${workers.join(", ")}`
  return `on workers 0 to ${Math.min(vertex.parallelism, plan.workers) - 1}${vertex.parallelism > plan.workers ? ", in turn" : ""}`
}

function workersText(plan: PhysicalPlan): string {
  return plan.workers === 0 ? "the main thread" : plural(plan.workers, "worker")
}

/** Every vertex after those that feed it; in the order of the plan where that leaves a choice. */
function topological(plan: PhysicalPlan): Vertex[] {
  const placed = new Set<number>()
  const order: Vertex[] = []
  while (order.length < plan.vertices.length) {
    const next = plan.vertices.findIndex(
      (_, index) =>
        !placed.has(index) &&
        plan.edges.every((edge) => edge.to !== index || edge.from === index || placed.has(edge.from)),
    )
    // A plan has no cycles; should one have, it is shown all the same.
    const index = next >= 0 ? next : plan.vertices.findIndex((_, candidate) => !placed.has(candidate))
    placed.add(index)
    order.push(plan.vertices[index]!)
  }
  return order
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`
}

import type { Edge, PhysicalPlan, Vertex } from "../plan/index.ts"

/** A plan as a mermaid flowchart (mermaid.js.org/syntax/flowchart). Ends in a line feed. */
export function planMermaid(plan: PhysicalPlan): string {
  const vertices = plan.vertices.map((vertex, index) => `  v${index}${shape(vertex)}`)
  const edges = plan.edges.map((edge) => `  v${edge.from} -->|"${edgeLabel(edge)}"| v${edge.to}`)
  return `${["---", `title: ${JSON.stringify(plan.jobName)}`, "---", "flowchart LR", ...vertices, ...edges].join("\n")}\n`
}

/** A vertex that begins with a source has round ends. */
function shape(vertex: Vertex): string {
  const lines = [...vertex.operators.map((operator) => escaped(operator.id)), `x${vertex.parallelism}`]
  const label = `"${lines.join("<br/>")}"`
  return vertex.operators[0]?.kind === "source" ? `([${label}])` : `[${label}]`
}

function edgeLabel({ exchange, side }: Edge): string {
  const how = exchange === "hash" ? "hash by key" : exchange
  return side === undefined ? how : `${escaped(side)}: ${how}`
}

/** Mermaid's own entity codes: quotes would end the label, a number sign would begin a code, a backtick markdown. */
function escaped(text: string): string {
  return text.replaceAll(/["#<>&`\\\p{Cc}]/gu, (character) => `#${character.codePointAt(0)};`)
}

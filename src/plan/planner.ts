import { closest, EngineError } from "../errors/index.ts"
import type { Key } from "../state/index.ts"
import { describeExchange } from "./describe-exchange.ts"
import type { Exchange, LogicalGraph, LogicalInput, LogicalNode } from "./logical-graph.ts"
import type { Edge, PhysicalOperator, PhysicalPlan, Vertex } from "./physical-plan.ts"

export interface PlanOptions {
  /** Worker threads; 0 when the graph runs on the calling thread. */
  readonly workers: number
  /** For operators that do not set their own. */
  readonly parallelism: number
  /** Overrides by operator id. */
  readonly set?: Readonly<Record<string, { readonly parallelism: number }>>
}

/**
 * Turns the graph as written into what runs: ids, parallelism, exchanges, chains. Pure; the same input gives the same plan
 * in every thread.
 *
 * Operators are chained into one actor when a single forward edge at equal parallelism joins them (Flink's rule, without
 * its slot groups).
 *
 * @throws {EngineError} PLAN_EMPTY, PLAN_CYCLE, PLAN_NO_SINK, PLAN_DUPLICATE_ID, PLAN_NOT_KEYED, PLAN_PARALLELISM_INVALID,
 * PLAN_PARALLELISM_ABOVE_KEY_GROUPS, PLAN_UNKNOWN_OPERATOR, PLAN_NO_EVENT_TIME, PLAN_FORWARD_PARALLELISM
 */
export function planJob(graph: LogicalGraph, options: PlanOptions): PhysicalPlan {
  if (graph.nodes.length === 0) {
    throw new EngineError(
      "PLAN_EMPTY",
      `Cannot plan pipeline "${graph.jobName}": it describes no source; begin with source(...) inside the pipeline function`,
    )
  }
  const nodes = sortTopologically(graph)
  const ids = assignIds(graph)
  checkSinks(graph, ids)
  checkKeys(graph, ids)
  checkEventTime(graph, ids)
  const parallelism = resolveParallelism(graph, ids, options)
  const consumers = consumersOf(graph)
  const exchanges = new Map<LogicalInput, Exchange>()
  for (const node of nodes) {
    for (const input of node.inputs) exchanges.set(input, resolveExchange(input, node, parallelism, ids))
  }

  const place = new Map<LogicalNode, { vertex: number; operator: number }>()
  const vertices: Vertex[] = []
  for (const head of nodes) {
    if (chainsToItsInput(head, exchanges)) continue
    const operators: PhysicalOperator[] = []
    collectChain(head, -1, undefined, operators)
    vertices.push({
      index: vertices.length,
      id: ids.get(head)!,
      name: operators.map((operator) => operator.name).join(" -> "),
      operators,
      parallelism: parallelism.get(head)!,
    })
  }
  const edges = listEdges()
  return {
    jobName: graph.jobName,
    keyGroups: graph.keyGroups,
    workers: options.workers,
    vertices,
    edges,
    warnings: [...ownWarnings(), ...unreadSides(), ...outOfOrder()],
    signature: signatureOf(),
  }

  function collectChain(
    node: LogicalNode,
    parent: number,
    parentSide: string | undefined,
    into: PhysicalOperator[],
  ): void {
    const id = ids.get(node)!
    const index = into.length
    into.push({ id, kind: node.kind, name: id, node, parent, parentSide })
    place.set(node, { vertex: vertices.length, operator: index })
    for (const { consumer, input } of consumers.get(node) ?? []) {
      if (chainsToItsInput(consumer, exchanges)) collectChain(consumer, index, input.side, into)
    }
  }

  function listEdges(): Edge[] {
    const result: Edge[] = []
    for (const vertex of vertices) {
      for (const input of vertex.operators[0]!.node.inputs) {
        const producer = place.get(input.node)!
        result.push({
          id: result.length,
          from: producer.vertex,
          to: vertex.index,
          fromOperator: producer.operator,
          side: input.side,
          exchange: exchanges.get(input)!,
          keyOf: exchanges.get(input) === "hash" ? (input.keyOf ?? keyOfSink(vertex.operators[0]!.node)) : undefined,
        })
      }
    }
    return result
  }

  function ownWarnings(): string[] {
    return nodes.flatMap((node) => (node.warnings ?? []).map((text) => `Operator "${ids.get(node)}": ${text}`))
  }

  function unreadSides(): string[] {
    const warnings: string[] = []
    for (const node of nodes) {
      const read = new Set((consumers.get(node) ?? []).map(({ input }) => input.side))
      for (const side of node.sides) {
        if (!read.has(side) && node.optionalSides?.includes(side) !== true)
          warnings.push(
            `Nothing reads output "${side}" of operator "${ids.get(node)}": its records are counted, then dropped`,
          )
      }
    }
    return warnings
  }

  function outOfOrder(): string[] {
    return nodes.filter(writesOver).flatMap((sink) => {
      const dealt = dealtBefore(sink)
      if (dealt === undefined) return []
      const { from, to } = dealt
      return [
        `"${ids.get(sink)}" keeps of each key the record that comes last, and on the way there records of one key may overtake each other: those of "${ids.get(from)}" are dealt out in turn to ${parallelism.get(to)} subtasks of "${ids.get(to)}"; give both the same parallelism, with no .rebalance() or .rescale() between`,
      ]
    })
  }

  /** Where, behind the last operator that has state by key, records are dealt out in turn to several subtasks. */
  function dealtBefore(to: LogicalNode): { readonly from: LogicalNode; readonly to: LogicalNode } | undefined {
    for (const input of to.inputs) {
      const exchange = exchanges.get(input)!
      if ((exchange === "rebalance" || exchange === "rescale") && parallelism.get(to)! > 1) {
        return { from: input.node, to }
      }
      const dealt = isSelfKeyed(input.node) ? undefined : dealtBefore(input.node)
      if (dealt !== undefined) return dealt
    }
    return undefined
  }

  function signatureOf(): string {
    const parts = vertices.map(
      (v) => `${v.parallelism}*[${v.operators.map((o) => `${o.kind}:${o.id}<${o.parent}${o.parentSide ?? ""}`)}]`,
    )
    const links = edges.map((e) => `${e.from}.${e.fromOperator}${e.side ?? ""}-${e.exchange}-${e.to}`)
    return `${graph.jobName}|${graph.keyGroups}|${options.workers}|${parts.join(";")}|${links.join(";")}`
  }
}

/** A node joins its producer's actor when it has one input, by a forward edge. */
function chainsToItsInput(node: LogicalNode, exchanges: ReadonlyMap<LogicalInput, Exchange>): boolean {
  return node.inputs.length === 1 && exchanges.get(node.inputs[0]!) === "forward" && !beginsChain(node)
}

function beginsChain(node: LogicalNode): boolean {
  return isSelfKeyed(node) || assignsTimes(node)
}

function assignsTimes({ role }: LogicalNode): boolean {
  return role.type === "operator" && role.assignsTimes === true
}

function writesOver({ role }: LogicalNode): boolean {
  return role.type === "sink" && role.sink.kind === "upsert"
}

function keyOfSink({ role }: LogicalNode): ((value: unknown) => Key) | undefined {
  if (role.type !== "sink" || role.sink.keyOf === undefined) return undefined
  const { sink } = role
  return (value) => sink.keyOf!(value)
}

function isSelfKeyed(node: LogicalNode): boolean {
  return node.role.type === "operator" && node.role.keyed
}

function consumersOf(graph: LogicalGraph): Map<LogicalNode, { consumer: LogicalNode; input: LogicalInput }[]> {
  const result = new Map<LogicalNode, { consumer: LogicalNode; input: LogicalInput }[]>()
  for (const consumer of graph.nodes) {
    for (const input of consumer.inputs) {
      const list = result.get(input.node) ?? []
      list.push({ consumer, input })
      result.set(input.node, list)
    }
  }
  return result
}

/** Kahn's algorithm, stable in the order of description. */
function sortTopologically(graph: LogicalGraph): LogicalNode[] {
  const waitingFor = new Map(graph.nodes.map((node) => [node, node.inputs.length]))
  const consumers = consumersOf(graph)
  const ready = graph.nodes.filter((node) => node.inputs.length === 0)
  const sorted: LogicalNode[] = []
  for (let node = ready.shift(); node !== undefined; node = ready.shift()) {
    sorted.push(node)
    for (const { consumer } of consumers.get(node) ?? []) {
      const left = waitingFor.get(consumer)! - 1
      waitingFor.set(consumer, left)
      if (left === 0) ready.push(consumer)
    }
  }
  if (sorted.length < graph.nodes.length) {
    const stuck = graph.nodes.filter((node) => !sorted.includes(node)).map((node) => node.name ?? node.kind)
    throw new EngineError(
      "PLAN_CYCLE",
      `Cannot plan pipeline "${graph.jobName}": operators ${stuck.join(", ")} feed each other in a circle; cut it, iterations are not supported`,
      { details: { operators: stuck.join(", ") } },
    )
  }
  return sorted
}

/** Explicit names are ids; all others are `kind-n`, counted per kind in the order of description. */
function assignIds(graph: LogicalGraph): Map<LogicalNode, string> {
  const ids = new Map<LogicalNode, string>()
  const taken = new Map<string, LogicalNode>()
  const counts = new Map<string, number>()
  const nameOf = (node: LogicalNode): string => {
    const ordinal = (counts.get(node.kind) ?? 0) + 1
    counts.set(node.kind, ordinal)
    if (node.name !== undefined) return node.name
    return node.partOf === undefined ? `${node.kind}-${ordinal}` : `${ids.get(node.partOf.node)}.${node.partOf.suffix}`
  }
  // Parts come after what they are parts of.
  const isPart = (node: LogicalNode): boolean => node.partOf !== undefined
  for (const node of [...graph.nodes.filter((each) => !isPart(each)), ...graph.nodes.filter(isPart)]) {
    const id = nameOf(node)
    if (taken.has(id)) {
      throw new EngineError(
        "PLAN_DUPLICATE_ID",
        `Cannot plan pipeline "${graph.jobName}": two operators are called "${id}" (a ${taken.get(id)!.kind} and a ${node.kind}); give one of them another .name(...)`,
        { details: { id } },
      )
    }
    taken.set(id, node)
    ids.set(node, id)
  }
  return ids
}

function checkSinks(graph: LogicalGraph, ids: ReadonlyMap<LogicalNode, string>): void {
  const consumers = consumersOf(graph)
  for (const node of graph.nodes) {
    if (node.role.type === "sink" || consumers.has(node)) continue
    throw new EngineError(
      "PLAN_NO_SINK",
      `Cannot plan pipeline "${graph.jobName}": the records of "${ids.get(node)}" go nowhere; end the stream with .to(sink), .print() or .collect()`,
      { details: { operator: ids.get(node) } },
    )
  }
}

function checkKeys(graph: LogicalGraph, ids: ReadonlyMap<LogicalNode, string>): void {
  for (const node of graph.nodes) {
    if (!isSelfKeyed(node) || node.inputs.every((input) => input.keyOf !== undefined)) continue
    throw new EngineError(
      "PLAN_NOT_KEYED",
      `Cannot plan pipeline "${graph.jobName}": "${ids.get(node)}" keeps state per key, but its input has none; put .keyBy((record) => ...) before it`,
      { details: { operator: ids.get(node) } },
    )
  }
}

/** Event-time operators need sources with a `time` option above them, or an operator that assigns times. */
function checkEventTime(graph: LogicalGraph, ids: ReadonlyMap<LogicalNode, string>): void {
  for (const node of graph.nodes) {
    if (node.needsEventTime !== true) continue
    for (const source of sourcesOf(node)) {
      if (source.role.type !== "source" || source.role.eventTime !== undefined) continue
      throw new EngineError(
        "PLAN_NO_EVENT_TIME",
        `Cannot plan pipeline "${graph.jobName}": "${ids.get(node)}" works in event time, but the records of "${ids.get(source)}" have none; give that source a time, e.g. source(..., { time: (record) => record.timestamp }), or use .assignTimes(...) on the way`,
        { details: { operator: ids.get(node), source: ids.get(source) } },
      )
    }
  }
}

function sourcesOf(node: LogicalNode): LogicalNode[] {
  if (node.inputs.length === 0 || assignsTimes(node)) return [node]
  return [...new Set(node.inputs.flatMap((input) => sourcesOf(input.node)))]
}

function resolveParallelism(
  graph: LogicalGraph,
  ids: ReadonlyMap<LogicalNode, string>,
  options: PlanOptions,
): Map<LogicalNode, number> {
  const overrides = options.set ?? {}
  const known = new Set(ids.values())
  for (const id of Object.keys(overrides)) {
    if (known.has(id)) continue
    const near = closest(id, known)
    throw new EngineError(
      "PLAN_UNKNOWN_OPERATOR",
      `Cannot set the parallelism of "${id}": pipeline "${graph.jobName}" has no such operator${near === undefined ? "" : `, did you mean "${near}"?`}; its operators are ${[...known].join(", ")}`,
      { details: { id } },
    )
  }
  const result = new Map<LogicalNode, number>()
  for (const node of graph.nodes) {
    const id = ids.get(node)!
    const ofSender = node.partOf === undefined ? undefined : result.get(node.inputs[0]!.node)
    const parallelism = overrides[id]?.parallelism ?? node.parallelism ?? ofSender ?? options.parallelism
    if (!Number.isSafeInteger(parallelism) || parallelism < 1) {
      throw new EngineError(
        "PLAN_PARALLELISM_INVALID",
        `Cannot run "${id}" with parallelism ${parallelism}: it must be a whole number of at least 1`,
        { details: { operator: id } },
      )
    }
    if (node.inputs.some((input) => input.keyOf !== undefined) && parallelism > graph.keyGroups) {
      throw new EngineError(
        "PLAN_PARALLELISM_ABOVE_KEY_GROUPS",
        `Cannot run "${id}" with parallelism ${parallelism}: the job has ${graph.keyGroups} key groups, and each subtask needs at least one; lower the parallelism or raise the pipeline's keyGroups option`,
        { details: { operator: id, parallelism, keyGroups: graph.keyGroups } },
      )
    }
    result.set(node, parallelism)
  }
  return result
}

function resolveExchange(
  input: LogicalInput,
  node: LogicalNode,
  parallelism: ReadonlyMap<LogicalNode, number>,
  ids: ReadonlyMap<LogicalNode, string>,
): Exchange {
  const senders = parallelism.get(input.node)!
  const receivers = parallelism.get(node)!
  if (input.keyOf !== undefined) return "hash"
  if (input.exchange === "auto") {
    const byKey = keyOfSink(node) !== undefined
    // Several edges of which some went subtask to subtask and some by key would bring a key to two writers.
    if (senders === receivers && (!byKey || node.inputs.length === 1)) return "forward"
    return byKey ? "hash" : "rebalance"
  }
  if (input.exchange === "forward" && senders !== receivers) {
    throw new EngineError(
      "PLAN_FORWARD_PARALLELISM",
      `Cannot connect "${ids.get(input.node)}" (parallelism ${senders}) to "${ids.get(node)}" (parallelism ${receivers}) by ${describeExchange("forward")}: give both the same parallelism or use .rebalance()`,
    )
  }
  return input.exchange
}

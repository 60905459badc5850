import { describe, expect, test } from "vitest"
import type { Sink, Source } from "../contracts/index.ts"
import { listChannels } from "./channels.ts"
import type { LogicalGraph, LogicalInput, LogicalNode, NodeRole } from "./logical-graph.ts"
import { type PlanOptions, planJob } from "./planner.ts"

const SOURCE: NodeRole = { type: "source", source: {} as Source<unknown>, eventTime: undefined }
const SINK: NodeRole = { type: "sink", sink: {} as Sink<unknown> }
const PLAIN: NodeRole = {
  type: "operator",
  keyed: false,
  create: () => ({ onRecord: (value, timeMs, out) => out.emit(value, timeMs) }),
}
const KEYED: NodeRole = {
  type: "operator",
  keyed: true,
  create: () => ({ onRecord: (value, timeMs, out) => out.emit(value, timeMs) }),
}
const keyOf = (): string => "k"

function node(
  kind: string,
  role: NodeRole,
  inputs: (LogicalNode | LogicalInput)[] = [],
  more: Partial<LogicalNode> = {},
): LogicalNode {
  return {
    kind,
    role,
    inputs: inputs.map((input) =>
      "node" in input ? input : { node: input, side: undefined, exchange: "auto", keyOf: undefined },
    ),
    sides: [],
    name: undefined,
    parallelism: undefined,
    ...more,
  }
}

function by(producer: LogicalNode): LogicalInput {
  return { node: producer, side: undefined, exchange: "hash", keyOf }
}

function plan(nodes: LogicalNode[], options: Partial<PlanOptions> = {}, keyGroups = 128): ReturnType<typeof planJob> {
  const graph: LogicalGraph = { jobName: "test", nodes, keyGroups }
  return planJob(graph, { workers: 2, parallelism: 2, ...options })
}

describe("planJob()", () => {
  test("chains operators that a forward edge at equal parallelism joins", () => {
    const source = node("source", SOURCE)
    const map = node("map", PLAIN, [source])
    const sink = node("sink", SINK, [map])
    const { vertices, edges } = plan([source, map, sink])
    expect(vertices.map((v) => v.name)).toEqual(["source-1 -> map-1 -> sink-1"])
    expect(edges).toEqual([])
  })

  test("cuts the chain at a key, at another parallelism and at a second input", () => {
    const source = node("source", SOURCE)
    const reduce = node("reduce", KEYED, [by(source)])
    const wide = node("map", PLAIN, [reduce], { parallelism: 3 })
    const other = node("source", SOURCE)
    const both = node("filter", PLAIN, [wide, other])
    const { vertices, edges } = plan([source, reduce, wide, other, both, node("sink", SINK, [both])])
    expect(vertices.map((v) => `${v.name} x${v.parallelism}`)).toEqual([
      "source-1 x2",
      "source-2 x2",
      "reduce-1 x2",
      "map-1 x3",
      "filter-1 -> sink-1 x2",
    ])
    expect(edges.map((e) => `${vertices[e.from]!.id} ${e.exchange} ${vertices[e.to]!.id}`)).toEqual([
      "source-1 hash reduce-1",
      "reduce-1 rebalance map-1",
      "map-1 rebalance filter-1",
      "source-2 forward filter-1",
    ])
  })

  describe("a sink that writes over", () => {
    const OVER: NodeRole = { type: "sink", sink: { kind: "upsert", keyOf: (value) => `${value}` } as Sink<unknown> }
    const sums = (sink: LogicalNode, reduce: LogicalNode, ...more: LogicalNode[]) => {
      const job = plan([reduce.inputs[0]!.node, reduce, ...more, sink], { parallelism: 1 })
      return { job, into: job.edges.filter((edge) => job.vertices[edge.to]!.id === "sink-1") }
    }

    test("is dealt its records by its key, at another parallelism than the operator before it", () => {
      const reduce = node("reduce", KEYED, [by(node("source", SOURCE))], { parallelism: 2 })
      const { job, into } = sums(node("sink", OVER, [reduce], { parallelism: 3 }), reduce)
      expect(into.map(({ exchange, keyOf: key }) => [exchange, key?.(7)])).toEqual([["hash", "7"]])
      expect(job.warnings).toEqual([])
    })

    test("is chained to the operator before it at the same one, and not when there are several", () => {
      const reduce = node("reduce", KEYED, [by(node("source", SOURCE))], { parallelism: 2 })
      expect(sums(node("sink", OVER, [reduce], { parallelism: 2 }), reduce).into).toEqual([])
      const other = node("reduce", KEYED, [by(reduce)], { parallelism: 1 })
      const both = sums(node("sink", OVER, [reduce, other], { parallelism: 2 }), reduce, other)
      expect(both.into.map(({ exchange }) => exchange)).toEqual(["hash", "hash"])
    })

    test.each([
      [
        "itself",
        (reduce: LogicalNode) => node("sink", OVER, [{ ...by(reduce), exchange: "rebalance", keyOf: undefined }]),
      ],
      [
        "without keys of its own",
        (reduce: LogicalNode) => node("sink", { type: "sink", sink: { kind: "upsert" } as Sink<unknown> }, [reduce]),
      ],
    ])("warns when records are dealt out in turn to it: %s", (_, make) => {
      const reduce = node("reduce", KEYED, [by(node("source", SOURCE))])
      const sink = make(reduce)
      sink.parallelism = 2
      expect(sums(sink, reduce).job.warnings).toEqual([
        '"sink-1" keeps of each key the record that comes last, and on the way there records of one key may overtake each other: those of "reduce-1" are dealt out in turn to 2 subtasks of "sink-1"; give both the same parallelism, with no .rebalance() or .rescale() between',
      ])
    })

    test("warns of an operator on the way, and not of one before the keyed one", () => {
      const source = node("source", SOURCE)
      const spread = node("map", PLAIN, [source], { parallelism: 3 })
      const reduce = node("reduce", KEYED, [by(spread)])
      const quiet = plan([source, spread, reduce, node("sink", OVER, [reduce])], { parallelism: 1 })
      expect(quiet.warnings).toEqual([])
      const wide = node("map", PLAIN, [reduce], { parallelism: 2 })
      const loud = plan([source, spread, reduce, wide, node("sink", OVER, [wide])], { parallelism: 1 })
      expect(loud.warnings).toEqual([
        expect.stringContaining('those of "reduce-1" are dealt out in turn to 2 subtasks of "map-2"'),
      ])
    })
  })

  test("an operator that assigns times begins a chain, and what follows needs no time of the source", () => {
    const source = node("source", SOURCE)
    const assign = node("assignTimes", { ...PLAIN, assignsTimes: true } as NodeRole, [source])
    const window = node("window", KEYED, [by(assign)], { needsEventTime: true })
    const { vertices } = plan([source, assign, window, node("sink", SINK, [window])])
    expect(vertices.map((v) => v.name)).toEqual(["source-1", "assignTimes-1", "window-1 -> sink-1"])
  })

  test("chains a fan-out as a tree, parents first", () => {
    const source = node("source", SOURCE)
    const left = node("map", PLAIN, [source])
    const right = node("filter", PLAIN, [source])
    const { vertices } = plan([source, left, right, node("sink", SINK, [left]), node("sink", SINK, [right])])
    expect(vertices).toHaveLength(1)
    expect(vertices[0]!.operators.map((o) => `${o.id}<${o.parent}`)).toEqual([
      "source-1<-1",
      "map-1<0",
      "sink-1<1",
      "filter-1<0",
      "sink-2<3",
    ])
  })

  test("numbers ids per kind, and explicit names replace them", () => {
    const source = node("source", SOURCE)
    const first = node("map", PLAIN, [source])
    const second = node("map", PLAIN, [first], { name: "tidy" })
    const third = node("map", PLAIN, [second])
    const { vertices } = plan([source, first, second, third, node("sink", SINK, [third])])
    expect(vertices[0]!.operators.map((o) => o.id)).toEqual(["source-1", "map-1", "tidy", "map-3", "sink-1"])
  })

  test("an override wins over the module, the module over the job", () => {
    const source = node("source", SOURCE, [], { parallelism: 1 })
    const map = node("map", PLAIN, [source], { parallelism: 3 })
    const { vertices } = plan([source, map, node("sink", SINK, [map])], { set: { "map-1": { parallelism: 4 } } })
    expect(vertices.map((v) => `${v.id} x${v.parallelism}`)).toEqual(["source-1 x1", "map-1 x4", "sink-1 x2"])
  })

  test("the same graph gives the same signature, another parallelism another one", () => {
    const build = (): LogicalNode[] => {
      const source = node("source", SOURCE)
      return [source, node("sink", SINK, [source])]
    }
    expect(plan(build()).signature).toBe(plan(build()).signature)
    expect(plan(build()).signature).not.toBe(plan(build(), { parallelism: 3 }).signature)
  })

  test("warns of a side output that nothing reads", () => {
    const source = node("source", SOURCE)
    const window = node("window", KEYED, [by(source)], { sides: ["late"] })
    expect(plan([source, window, node("sink", SINK, [window])]).warnings).toEqual([
      'Nothing reads output "late" of operator "window-1": its records are counted, then dropped',
    ])
  })
})

describe("planJob() refuses before anything runs", () => {
  const source = node("source", SOURCE)

  test("an empty pipeline", () => {
    expect(() => plan([])).toThrow(expect.objectContaining({ code: "PLAN_EMPTY" }))
  })

  test("a cycle", () => {
    const loopInput: { node: LogicalNode | undefined } = { node: undefined }
    const first = node("map", PLAIN, [
      source,
      {
        get node() {
          return loopInput.node!
        },
        side: undefined,
        exchange: "auto",
        keyOf: undefined,
      },
    ])
    const second = node("map", PLAIN, [first])
    loopInput.node = second
    expect(() => plan([source, first, second, node("sink", SINK, [second])])).toThrow(
      expect.objectContaining({ code: "PLAN_CYCLE" }),
    )
  })

  test("a stream without a sink, named", () => {
    const map = node("map", PLAIN, [source])
    expect(() => plan([source, map])).toThrow(/"map-1" go nowhere.*\.to\(sink\)/)
  })

  test("two operators of one id", () => {
    const map = node("map", PLAIN, [source], { name: "twice" })
    const again = node("filter", PLAIN, [map], { name: "twice" })
    expect(() => plan([source, map, again, node("sink", SINK, [again])])).toThrow(
      expect.objectContaining({ code: "PLAN_DUPLICATE_ID" }),
    )
  })

  test("a keyed operation on an unkeyed stream", () => {
    const reduce = node("reduce", KEYED, [source])
    expect(() => plan([source, reduce, node("sink", SINK, [reduce])])).toThrow(
      expect.objectContaining({ code: "PLAN_NOT_KEYED" }),
    )
  })

  test("keyed parallelism above the key groups", () => {
    const reduce = node("reduce", KEYED, [by(source)], { parallelism: 9 })
    expect(() => plan([source, reduce, node("sink", SINK, [reduce])], {}, 8)).toThrow(
      expect.objectContaining({ code: "PLAN_PARALLELISM_ABOVE_KEY_GROUPS" }),
    )
  })

  test("an event-time window over a source without event time", () => {
    const window = node("window", KEYED, [by(source)], { needsEventTime: true })
    expect(() => plan([source, window, node("sink", SINK, [window])])).toThrow(
      expect.objectContaining({ code: "PLAN_NO_EVENT_TIME" }),
    )
  })

  test("an override for an operator that is not there, with the nearest name", () => {
    expect(() => plan([source, node("sink", SINK, [source])], { set: { "sink-2": { parallelism: 2 } } })).toThrow(
      /did you mean "sink-1"/,
    )
  })
})

describe("listChannels()", () => {
  test.each([
    [2, 4, ["0>0", "0>1", "1>2", "1>3"]],
    [4, 2, ["0>0", "1>0", "2>1", "3>1"]],
    [2, 3, ["0>0", "1>1", "1>2"]],
    [3, 2, ["0>0", "1>0", "2>1"]],
  ])("rescale from %i to %i leaves no sender and no receiver out", (senders, receivers, expected) => {
    const source = node("source", SOURCE, [], { parallelism: senders })
    const sink = node("sink", SINK, [{ node: source, side: undefined, exchange: "rescale", keyOf: undefined }], {
      parallelism: receivers,
    })
    expect(listChannels(plan([source, sink])).map((c) => `${c.fromSubtask}>${c.toSubtask}`)).toEqual(expected)
  })

  test("places subtask i on worker i mod workers", () => {
    const source = node("source", SOURCE, [], { parallelism: 3 })
    const reduce = node("reduce", KEYED, [by(source)], { parallelism: 1 })
    const channels = listChannels(plan([source, reduce, node("sink", SINK, [reduce])]))
    expect(channels.slice(0, 3).map((c) => `${c.fromWorker}>${c.toWorker}`)).toEqual(["0>0", "1>0", "0>0"])
  })
})

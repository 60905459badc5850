import { describe, expect, it } from "vitest"
import { examplePlan, operator } from "./_fixtures.ts"
import { plain } from "./_terminal.ts"
import { planText } from "./plan-text.ts"

describe("planText()", () => {
  it("shows vertices from sources to sinks with their chains, places and exchanges", () => {
    expect(planText(examplePlan(), plain)).toBe(`airport-delays: 8 subtasks on 2 workers, 128 key groups

flights x2  on workers 0, 1
    source  flights
    filter  filter-1
  =hash by key=> window-1 x4

window-1 x4  on workers 0, 1, 0, 1
    window  window-1
    map     map-1
  =rebalance=> out x1
  late of window-1: =rebalance=> late x1

out x1  on worker 0
    sink  out

late x1  on worker 0
    sink  late

hash (by key group, every sender to every receiver)
rebalance (round robin, every sender to every receiver)
`)
  })

  it("says who feeds an operator that does not follow its feeder, and by which side output", () => {
    const chain = [operator("split", "split-1"), operator("print", "print-1", 0), operator("collect", "collect-1", 0)]
    const fed = [
      chain[0]!,
      chain[1]!,
      chain[2]!,
      { ...operator("print", "print-2", 0), parentSide: "late", name: "to screen" },
    ]
    const plan = examplePlan({
      vertices: [{ index: 0, id: "split-1", name: "split-1", parallelism: 1, operators: fed }],
      edges: [],
    })
    expect(planText(plan, plain)).toContain(`    split    split-1
    print    print-1
    collect  collect-1 from split-1
    print    print-2 "to screen" (late of split-1)
`)
  })

  it("places everything on the main thread without workers, and shortens long lists", () => {
    expect(planText(examplePlan({ workers: 0 }), plain)).toContain("flights x2  on the main thread")
    const wide = examplePlan({ workers: 4 })
    const plan = { ...wide, vertices: wide.vertices.map((vertex) => ({ ...vertex, parallelism: 12 })) }
    expect(planText(plan, plain)).toContain("flights x12  on workers 0 to 3, in turn")
  })
})

import { describe, expect, it } from "vitest"
import { examplePlan, operator } from "./_fixtures.ts"
import { planMermaid } from "./plan-mermaid.ts"

describe("planMermaid()", () => {
  it("is a flowchart with a node per vertex and a labelled arrow per edge", () => {
    expect(planMermaid(examplePlan())).toBe(`---
title: "airport-delays"
---
flowchart LR
  v0(["flights<br/>filter-1<br/>x2"])
  v1["out<br/>x1"]
  v2["window-1<br/>map-1<br/>x4"]
  v3["late<br/>x1"]
  v0 -->|"hash by key"| v2
  v2 -->|"rebalance"| v1
  v2 -->|"late: rebalance"| v3
`)
  })

  it("escapes what would end or change a label", () => {
    const id = 'a"b<c>#d`e&f\\g\nh'
    const plan = examplePlan({
      vertices: [{ index: 0, id, name: id, parallelism: 1, operators: [operator("map", id)] }],
      edges: [],
    })
    expect(planMermaid(plan)).toContain('  v0["a#34;b#60;c#62;#35;d#96;e#38;f#92;g#10;h<br/>x1"]\n')
  })
})

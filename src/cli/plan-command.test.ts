import { expect, it } from "vitest"
import type { RunOptions } from "../actors/index.ts"
import { examplePlan, FakeIo } from "./_fixtures.ts"
import { planCommand } from "./plan-command.ts"

it("planCommand() writes the plan to stdout in the format asked for, and warnings to stderr", async () => {
  const io = new FakeIo()
  let given: RunOptions = {}
  const describePlan = async (_target: URL, options: RunOptions): Promise<ReturnType<typeof examplePlan>> => {
    given = options
    return examplePlan({ warnings: ["nothing reads the side output late"] })
  }
  await planCommand({ io, describePlan, file: "a.ts", values: { workers: 2 } })
  expect(given).toEqual({ workers: 2 })
  expect(io.stdout.text).toMatch(/^airport-delays: 8 subtasks/)
  expect(io.stderr.text).toBe("warning nothing reads the side output late\n")

  const second = new FakeIo()
  await planCommand({ io: second, describePlan, file: "a.ts", values: { format: "mermaid" } })
  expect(second.stdout.text).toContain("\nflowchart LR\n")
})

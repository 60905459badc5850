import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import type { RunOptions } from "../actors/index.ts"
import type { PhysicalPlan } from "../plan/index.ts"
import { painter } from "./_terminal.ts"
import type { Io } from "./io.ts"
import { jobOptions } from "./job-options.ts"
import type { OptionValues } from "./parse-command-line.ts"
import { planMermaid } from "./plan-mermaid.ts"
import { planText } from "./plan-text.ts"

export interface PlanCommand {
  readonly io: Io
  readonly describePlan: (target: URL, options: RunOptions) => Promise<PhysicalPlan>
  /** Path of the pipeline file. */
  readonly file: string
  readonly values: OptionValues
}

/** Writes the plan to stdout, and its warnings to stderr. @throws what `describePlan` throws */
export async function planCommand({ io, describePlan, file, values }: PlanCommand): Promise<void> {
  const plan = await describePlan(pathToFileURL(resolve(file)), jobOptions(values))
  const text = values.format === "mermaid" ? planMermaid(plan) : planText(plan, painter(io.stdout, io.env))
  io.stdout.write(text)
  const paint = painter(io.stderr, io.env)
  for (const warning of plan.warnings) io.stderr.write(`${paint("yellow", "warning")} ${warning}\n`)
}

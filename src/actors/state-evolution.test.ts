import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { generate, pipeline, recordType, type ValueStateOptions, valueState } from "../index.ts"
import type { CheckpointOptions, JobEvent } from "./job-handle.ts"
import { runGraph } from "./run.ts"

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-evolution-"))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

interface Version {
  /** Name and declaration of the state; none: the operator keeps none. */
  readonly state?: readonly [name: string, options: ValueStateOptions<unknown>]
  readonly operator?: string
  /** How many records there are: those after the first 400 come in the second run. */
  readonly count?: number
  readonly update?: (held: unknown) => unknown
}

const WITHOUT_END = 1_000_000

/** Ten keys, a state each, and what it is after each record. */
function graph({
  state,
  operator = "sums",
  count = WITHOUT_END,
  update = (held) => ((held as number) ?? 0) + 1,
}: Version) {
  return pipeline("evolving", ({ source }) => {
    const keyed = source(
      generate({ count, rate: count === WITHOUT_END ? 4000 : 1e9, splits: 1, record: (n) => ({ key: n % 10 }) }),
    )
      .parallelism(1)
      .keyBy((record) => record.key)
    const [name, options] = state ?? ["none", {}]
    keyed
      .process({
        emits: recordType<unknown>(),
        ...(state === undefined ? {} : { state: { [name]: valueState<unknown>(options) } }),
        onRecord(_record, ctx) {
          const held = (ctx.state as Record<string, { get(): unknown; set(value: unknown): void }>)[name]
          const value = update(held?.get())
          held?.set(value)
          ctx.emit(value)
        },
      })
      .name(operator)
      .collect()
      .name("out")
  }).build({})
}

/** Runs until a checkpoint holds some hundred records, and ends there. @returns records that it holds at least */
async function first(version: Version): Promise<void> {
  let checkpoints = 0
  const job = await runGraph(graph(version), {
    parallelism: 1,
    checkpoint: { directory, every: 20 },
    onEvent: ({ type }) => {
      if (type === "checkpoint") checkpoints += 1
    },
  })
  const failed = job.done.catch((error: unknown) => {
    if ((error as { code?: string }).code !== "JOB_CANCELLED") throw error
  })
  await Promise.race([failed, reached(job)])
  // One that was under way may hold fewer.
  const wanted = checkpoints + 2
  while (job.status === "running" && checkpoints < wanted) await new Promise((resolve) => setTimeout(resolve, 5))
  await job.cancel()
}

async function reached(job: Awaited<ReturnType<typeof runGraph>>): Promise<void> {
  while (job.status === "deploying" || (job.status === "running" && job.readMetrics().recordsIn < 400)) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function second(version: Version, checkpoint: Partial<CheckpointOptions> = {}) {
  const events: JobEvent[] = []
  const job = await runGraph(graph({ count: 5000, ...version }), {
    parallelism: 2,
    checkpoint: { directory, every: "1h", ...checkpoint },
    restart: { kind: "none" },
    onEvent: (event) => events.push(event),
  })
  const { collected } = await job.done
  return { values: collected.out as unknown[], events }
}

const warnings = (events: readonly JobEvent[]) =>
  events.flatMap((event) => (event.type === "warning" ? [(event.error as { code?: string }).code] : []))

describe("a pipeline that has changed since the checkpoint", () => {
  it("reads state under its former name, in its present form", async () => {
    await first({ state: ["count", {}] })
    const froms = new Set<number>()
    const { values, events } = await second({
      state: ["totals", {
        version: 3,
        previously: "count",
        migrate: (saved: number, fromVersion) => {
          froms.add(fromVersion)
          return { count: saved, label: "new" }
        },
      }],
      update: (held) => ({ ...(held as object), count: ((held as { count: number } | undefined)?.count ?? 0) + 1 }),
    }) // biome-ignore format: a list
    expect([...froms]).toEqual([1])
    expect(values.every((value) => (value as { label?: string }).label === "new")).toBe(true)
    // 500 records per key, over both runs.
    expect(Math.max(...values.map((value) => (value as { count: number }).count))).toBe(500)
    expect(warnings(events)).toEqual([])
  })

  it("is refused when state has another version and no migration, or is newer than the pipeline", async () => {
    await first({ state: ["count", { version: 2 }] })
    await expect(second({ state: ["count", { version: 3 }] })).rejects.toMatchObject({
      code: "STATE_MIGRATION_MISSING",
    })
    await expect(second({ state: ["count", {}] })).rejects.toMatchObject({ code: "STATE_VERSION_NEWER" })
    const failing = () => {
      throw new TypeError("no such field")
    }
    await expect(second({ state: ["count", { version: 3, migrate: failing }] })).rejects.toMatchObject({
      code: "STATE_MIGRATION_FAILED",
      message: expect.stringMatching(/"count" of "sums" threw for key \d.*version 2: no such field/),
    })
    // The checkpoint is as it was.
    const { values } = await second({ state: ["count", { version: 2 }] })
    expect(Math.max(...(values as number[]))).toBe(500)
  })

  it("is refused when it has lost an operator or a state, unless it may leave them behind", async () => {
    await first({ state: ["count", {}] })
    for (const version of [
      { state: ["count", {}], operator: "other" },
      { state: ["other", {}] },
      {},
    ] satisfies Version[]) {
      await expect(second(version)).rejects.toMatchObject({ code: "CHECKPOINT_STATE_DROPPED" })
    }
    const { values, events } = await second({ state: ["count", {}], operator: "other" }, { allowDroppedState: true })
    expect(warnings(events)).toEqual(["CHECKPOINT_OPERATOR_ADDED", "CHECKPOINT_STATE_LEFT"])
    const counts = values as number[]
    expect(Math.min(...counts)).toBe(1)
    expect(Math.max(...counts)).toBeLessThan(500)
  })

  it("is refused when an operator is of another kind", async () => {
    await first({ state: ["count", {}] })
    const changed = pipeline("evolving", ({ source }) => {
      source(generate({ count: 10, record: (n) => ({ key: n % 10 }) }))
        .keyBy((record) => record.key)
        .reduce((soFar) => soFar)
        .name("sums")
        .collect()
    }).build({})
    const job = await runGraph(changed, { checkpoint: { directory } })
    await expect(job.done).rejects.toMatchObject({ code: "CHECKPOINT_OPERATOR_CHANGED" })
  })
})

it("valueState() refuses versions that are no integers from 1 on", () => {
  for (const version of [0, 1.5, Number.NaN, -1]) {
    expect(() => graph({ state: ["count", { version }] })).toThrowError(
      expect.objectContaining({ code: "STATE_VERSION_INVALID" }),
    )
  }
})

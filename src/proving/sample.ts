import type { Position, ReadContext, Source, Split } from "../contracts/index.ts"
import { EngineError } from "../errors/index.ts"
import type { LogicalGraph, LogicalNode } from "../plan/index.ts"

/** What was read of one source. */
export interface SampledSource {
  readonly id: string
  readonly node: LogicalNode
  /** Records of each split, in order. */
  readonly splits: readonly (readonly unknown[])[]
  /** Whether there was more than the sample's limit. */
  readonly cut: boolean
}

/** Readers that a source may plan its splits for. */
const PARALLELISM = 2

/** Reads the beginning of every source of a graph into memory, at most `limit` records of each. */
export async function sampleSources(
  graph: LogicalGraph,
  ids: ReadonlyMap<LogicalNode, string>,
  given: Readonly<Record<string, readonly unknown[]>>,
  limit: number,
): Promise<readonly SampledSource[]> {
  const sampled: SampledSource[] = []
  for (const node of graph.nodes) {
    if (node.role.type !== "source") continue
    const id = ids.get(node)!
    const records = given[id]
    sampled.push(
      records === undefined
        ? { id, node, ...(await readSource(node.role.source, limit)) }
        : { id, node, splits: [records], cut: false },
    )
  }
  for (const id of Object.keys(given)) {
    if (sampled.some((source) => source.id === id)) continue
    throw new EngineError(
      "PROOF_SOURCE_UNKNOWN",
      `Cannot prove "${graph.jobName}" with data for "${id}": it has no such source; its sources are ${sampled.map((source) => source.id).join(", ")}`,
    )
  }
  return sampled
}

async function readSource(
  source: Source<unknown>,
  limit: number,
): Promise<{ readonly splits: readonly (readonly unknown[])[]; readonly cut: boolean }> {
  const planned = await source.splits({ parallelism: PARALLELISM })
  const splits: unknown[][] = []
  let left = limit
  let cut = false
  for (const split of planned) {
    if (left === 0) {
      cut = true
      break
    }
    const records = await readSplit(source, split, left)
    splits.push(records.slice(0, left))
    cut ||= records.length > left
    left -= Math.min(left, records.length)
  }
  return { splits, cut }
}

/** @returns the first records, one more than `limit` when there are more */
async function readSplit(source: Source<unknown>, split: Split, limit: number): Promise<unknown[]> {
  const stop = new AbortController()
  const records: unknown[] = []
  const from: Position | undefined = undefined
  const context: ReadContext = {
    signal: stop.signal,
    now: () => 0,
    sleep: async () => undefined,
    rate: () => Number.POSITIVE_INFINITY,
    // What the source does with such input is not what is proven here.
    malformed: () => undefined,
  }
  for await (const { values } of source.read(split, from, context)) {
    for (const value of values) if (records.length <= limit) records.push(value)
    if (records.length > limit) break
  }
  stop.abort()
  return records
}

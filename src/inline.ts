import { runGraph } from "./actors/index.ts"
import { inlineFrom, type SourceOptions, type Stream } from "./api/index.ts"
import type { Source } from "./contracts/index.ts"

/**
 * Begins an inline pipeline: no module, no threads, run by `.toArray()`.
 * @example const doubled = await from([1, 2, 3]).map((n) => n * 2).toArray()
 */
export function from<T>(
  source: Source<T> | Iterable<T> | AsyncIterable<T>,
  options?: SourceOptions<NoInfer<T>>,
): Stream<T> {
  return inlineFrom(
    async (graph) => (await (await runGraph(graph, { parallelism: 1 })).done).collected,
    source,
    options,
  )
}

import type { Exchange } from "./logical-graph.ts"

const SENTENCES: Readonly<Record<Exchange, string>> = {
  forward: "forward (to the subtask of the same number)",
  hash: "hash (by key group, every sender to every receiver)",
  rebalance: "rebalance (round robin, every sender to every receiver)",
  rescale: "rescale (round robin within a share of the receivers)",
  broadcast: "broadcast (every record to every receiver)",
}

/** What an exchange does, in words. */
export function describeExchange(exchange: Exchange): string {
  return SENTENCES[exchange]
}

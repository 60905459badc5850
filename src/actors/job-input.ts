import type { Split } from "../contracts/index.ts"
import type { PhysicalPlan } from "../plan/index.ts"
import type { ClaimedSplit, Manifest } from "../snapshot/store/index.ts"
import type { RunRecord } from "./run-record.ts"
import { SplitCoordinator, unread } from "./split-coordinator.ts"

/**
 * What an attempt is to read, by source vertex: as the checkpoint has it, as claims have it, or from the beginning. Notes the splits
 * as claimed where the record keeps claims.
 *
 * @throws what a source throws that cannot list its splits
 */
export async function listInput(
  plan: PhysicalPlan,
  record: RunRecord,
  manifest: Manifest | undefined,
): Promise<ReadonlyMap<number, SplitCoordinator>> {
  const { claims } = record
  const input = new Map<number, SplitCoordinator>()
  const claimed: ClaimedSplit[] = []
  for (const vertex of plan.vertices) {
    const { role } = vertex.operators[0]!.node
    if (role.type !== "source") continue
    const { source } = role
    const earlier = claims?.splits.filter(({ operatorId }) => operatorId === vertex.id) ?? []
    const known =
      manifest !== undefined
        ? (await record.durability()).progressOf(manifest, vertex.id)
        : earlier.length > 0
          ? (await record.durability()).claimedProgress(earlier, vertex.id)
          : undefined
    const splits = known ?? (await source.splits({ parallelism: vertex.parallelism })).map(unread)
    const { bounded, splitsInOrder } = source
    input.set(
      vertex.index,
      new SplitCoordinator({ splits, bounded, inOrder: splitsInOrder, readers: vertex.parallelism }),
    )
    claimed.push(...(earlier.length > 0 ? earlier : splits.map(({ split }) => unclaimed(vertex.id, split))))
  }
  await claims?.begin(record.runId, claimed)
  return input
}

function unclaimed(operatorId: string, { id, data }: Split): ClaimedSplit {
  return {
    operatorId,
    id,
    data: data as ClaimedSplit["data"],
    next: undefined,
    newestMs: Number.NEGATIVE_INFINITY,
    done: false,
  }
}

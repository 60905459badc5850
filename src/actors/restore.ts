import { EngineError } from "../errors/index.ts"
import type { Vertex } from "../plan/index.ts"
import { type Manifest, PartReader } from "../snapshot/index.ts"
import { realDisk } from "../snapshot/store/real-disk.ts"
import { keyGroupOf, subtaskOfKeyGroup } from "../state/index.ts"
import type { Chain } from "./chain.ts"
import { decodeEntries, decodeValue, VALUE_TABLE } from "./subtask-snapshot.ts"

/** What a worker needs of the checkpoint that the job goes on from. Plain data. */
export interface RestoreTask {
  /** Where its parts are. */
  readonly directory: string
  readonly jobName: string
  readonly checkpointId: number
  readonly keyGroups: number
  readonly subtasks: Manifest["subtasks"]
  readonly watermarks: Manifest["watermarks"]
}

/** Whether this subtask had ended before the checkpoint: it has nothing left to do. */
export function hadEnded(restore: RestoreTask, vertex: Vertex, subtask: number): boolean {
  const former = restore.subtasks.filter(({ vertexId }) => vertexId === vertex.id)
  if (former.length !== vertex.parallelism) return former.length > 0 && former.every(({ finished }) => finished)
  return former.find((each) => each.subtask === subtask)?.finished ?? false
}

/**
 * Loads the state of one subtask's operators: entries of the key groups that are its own now, whoever held them then.
 * Values that belong to no key come from its former self, or from all former subtasks when their number has changed.
 *
 * @throws {EngineError} CHECKPOINT_STATE_UNCLAIMED for state that no operator of the pipeline asks for
 */
export async function restoreChain(chain: Chain, restore: RestoreTask, vertex: Vertex, subtask: number): Promise<void> {
  const former = restore.subtasks.filter(({ vertexId }) => vertexId === vertex.id)
  const sameShape = former.length === vertex.parallelism
  const tables = new Map(chain.tables.map((owned) => [`${owned.operatorId}/${owned.table.name}`, owned.table]))
  const values = new Map<string, unknown[]>()
  const owner = (keyHash: number): number =>
    subtaskOfKeyGroup(keyGroupOf(keyHash, restore.keyGroups), restore.keyGroups, vertex.parallelism)
  for (const share of former) {
    for (const handle of share.parts) {
      const reader = await PartReader.open({
        disk: realDisk(),
        directory: restore.directory,
        handle,
        jobName: restore.jobName,
      })
      try {
        for await (const { block, bytes } of reader.select()) {
          if (block.table === VALUE_TABLE) {
            if (sameShape && share.subtask !== subtask) continue
            const known = values.get(block.operatorId) ?? []
            values.set(block.operatorId, [...known, decodeValue(bytes)])
            continue
          }
          if (
            block.keyGroup !== undefined &&
            subtaskOfKeyGroup(block.keyGroup, restore.keyGroups, vertex.parallelism) !== subtask
          )
            continue
          const table = tables.get(`${block.operatorId}/${block.table}`)
          if (table === undefined) throw unclaimed(restore, block.operatorId, block.table)
          for (const entry of decodeEntries(bytes)) if (owner(entry.keyHash) === subtask) table.load(entry)
        }
      } finally {
        await reader.close()
      }
    }
  }
  for (const [operatorId, captured] of values) chain.restoreValues(operatorId, captured)
  const watermarkMs = restore.watermarks.find(({ operatorId }) => operatorId === vertex.id)?.watermarkMs
  if (watermarkMs !== undefined) chain.restoreWatermark(watermarkMs)
}

function unclaimed(restore: RestoreTask, operatorId: string, table: string): EngineError {
  return new EngineError(
    "CHECKPOINT_STATE_UNCLAIMED",
    `Cannot go on from checkpoint ${restore.checkpointId}: it has state "${table}" of operator "${operatorId}", which the pipeline no longer asks for; give the operator its former name and kind, or start anew in another checkpoint directory`,
    { details: { operator: operatorId, table, checkpointId: restore.checkpointId } },
  )
}

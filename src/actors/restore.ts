import { describe, EngineError } from "../errors/index.ts"
import { listChannels, type PhysicalPlan, type Vertex } from "../plan/index.ts"
import { type Disk, type Manifest, PartReader } from "../snapshot/store/index.ts"
import { keyGroupOf, type StateSchema, subtaskOfKeyGroup, type TableEntry } from "../state/index.ts"
import type { Chain } from "./chain.ts"
import { savedVersion, schemaFor, schemasOf } from "./compatibility.ts"
import { decodeEntries, decodeValue } from "./entry-block.ts"
import { checkInFlight } from "./restore-in-flight.ts"
import { VALUE_TABLE } from "./subtask-snapshot.ts"

/** What a worker needs of the checkpoint that the job goes on from. Plain data. */
export interface RestoreTask {
  /** Where its parts are. */
  readonly directory: string
  readonly jobName: string
  readonly checkpointId: number
  readonly keyGroups: number
  readonly subtasks: Manifest["subtasks"]
  readonly watermarks: Manifest["watermarks"]
  /** Parallelism that each operator had. */
  readonly operators: Manifest["plan"]["operators"]
  /** Whether it holds records in flight. */
  readonly inFlight: boolean
}

/**
 * What a plan that is compatible (compatibility.ts) needs of a manifest to go on from it.
 *
 * @throws {EngineError} CHECKPOINT_IN_FLIGHT when the pipeline is no longer one that can
 */
export function restoreTaskOf(manifest: Manifest, directory: string, plan: PhysicalPlan): RestoreTask {
  const { jobName, checkpointId, subtasks, watermarks } = manifest
  const { operators } = manifest.plan
  checkInFlight(manifest, plan)
  const inFlight = manifest.audit.some(({ saved }) => saved > 0)
  return { directory, jobName, checkpointId, keyGroups: plan.keyGroups, subtasks, watermarks, operators, inFlight }
}

/**
 * Subtasks, as `vertex/subtask`, that had ended before the checkpoint and have nothing left to do. With another parallelism one
 * that had ended may have senders that had not: it lives again, for what they are to send.
 */
export function listEnded(restore: RestoreTask, plan: PhysicalPlan): ReadonlySet<string> {
  const senders = new Map<string, string[]>()
  for (const { edge, fromSubtask, toSubtask } of listChannels(plan)) {
    const receiver = `${edge.to}/${toSubtask}`
    senders.set(receiver, [...(senders.get(receiver) ?? []), `${edge.from}/${fromSubtask}`])
  }
  const ended = new Set<string>()
  // Senders stand before receivers.
  for (const vertex of plan.vertices) {
    for (let subtask = 0; subtask < vertex.parallelism; subtask++) {
      const place = `${vertex.index}/${subtask}`
      const inputsEnded = (senders.get(place) ?? []).every((sender) => ended.has(sender))
      if (!inputsEnded) continue
      // Records in flight may have found their way from one that had not ended to one that had, and a split of a source without
      // end to a reader that had no more.
      const isDealtAnew = readsSideBySide(vertex) || (restore.inFlight && hasOtherShape(restore, plan, vertex))
      const parallelism = isDealtAnew ? undefined : vertex.parallelism
      if (vertex.operators.every(({ id }) => hadEnded(restore, id, parallelism, subtask))) ended.add(place)
    }
  }
  return ended
}

function readsSideBySide({ operators }: Vertex): boolean {
  const { role } = operators[0]!.node
  return role.type === "source" && !role.source.bounded
}

/** Whether a vertex, or one that sends to it, has another parallelism than it had. */
function hasOtherShape({ operators }: RestoreTask, plan: PhysicalPlan, vertex: Vertex): boolean {
  const senders = plan.edges.filter(({ to }) => to === vertex.index).map(({ from }) => plan.vertices[from]!)
  const former = new Map(operators.map(({ operatorId, parallelism }) => [operatorId, parallelism]))
  return [vertex, ...senders].some((each) => each.operators.some(({ id }) => former.get(id) !== each.parallelism))
}

/** @param parallelism undefined: all former subtasks must have ended */
function hadEnded(
  { subtasks, operators }: RestoreTask,
  id: string,
  parallelism: number | undefined,
  subtask: number,
): boolean {
  const former = subtasks.filter(({ vertexId }) => vertexId === id)
  // It stood in the chain of the operator before it, and had ended if that had; or it is new.
  if (former.length === 0) return operators.some(({ operatorId }) => operatorId === id)
  if (former.length !== parallelism) return former.every(({ finished }) => finished)
  return former.find((each) => each.subtask === subtask)?.finished ?? false
}

/**
 * Loads the state of one subtask's operators: entries of the key groups that are its own now, whoever held them then, in
 * whatever chain. Values that belong to no key come from its former self, or from all former subtasks when their number
 * has changed.
 *
 * @throws {EngineError} STATE_MIGRATION_FAILED; CHECKPOINT_STATE_UNCLAIMED for state of the engine's own that no operator asks for
 */
export async function restoreChain(
  chain: Chain,
  restore: RestoreTask,
  vertex: Vertex,
  subtask: number,
  disk: Disk,
): Promise<void> {
  const { keyGroups } = restore
  const schemas = new Map(vertex.operators.map((operator) => [operator.id, schemasOf(operator)]))
  const tables = new Map(chain.tables.map((owned) => [`${owned.operatorId}/${owned.table.name}`, owned.table]))
  const formerParallelism = new Map(restore.operators.map((each) => [each.operatorId, each.parallelism]))
  const isMyGroup = (group: number): boolean => subtaskOfKeyGroup(group, keyGroups, vertex.parallelism) === subtask
  const values = new Map<string, unknown[]>()
  // A subtask's value follows its entries.
  const former = (operatorId: string): number => values.get(operatorId)?.length ?? 0

  for (const share of restore.subtasks) {
    /** Every part has them: the last one's count. */
    const ofShare = new Map<string, unknown>()
    for (const handle of share.parts) {
      const reader = await PartReader.open({ ...restore, disk, handle })
      try {
        for (const operatorId of schemas.keys()) {
          for await (const { block, bytes } of reader.select({ operatorId })) {
            // Records in flight are the input's: restore-in-flight.ts.
            if (block.kind === "channel") continue
            if (block.table === VALUE_TABLE) {
              const sameShape = formerParallelism.get(operatorId) === vertex.parallelism
              if (sameShape && share.subtask !== subtask) continue
              ofShare.set(operatorId, decodeValue(bytes))
              continue
            }
            if (block.keyGroup !== undefined && !isMyGroup(block.keyGroup)) continue
            const schema = schemaFor(schemas.get(operatorId)!, block.table)
            const table = tables.get(`${operatorId}/${schema?.name ?? block.table}`)
            if (table === undefined) {
              // Its user lets go of it: compatibility.ts has asked.
              if (isDeclared(restore, operatorId, block.table)) continue
              throw unclaimed(restore, operatorId, block.table)
            }
            const migrate = migrationOf(restore, operatorId, block.table, schema)
            for (const entry of decodeEntries(bytes)) {
              if (isMyGroup(keyGroupOf(entry.keyHash, keyGroups))) table.load(migrate(entry), former(operatorId))
            }
          }
        }
      } finally {
        await reader.close()
      }
    }
    for (const [operatorId, value] of ofShare) values.set(operatorId, [...(values.get(operatorId) ?? []), value])
  }
  for (const [operatorId, captured] of values) chain.restoreValues(operatorId, captured)
  const watermarkMs = restore.watermarks.find(({ operatorId }) => operatorId === vertex.id)?.watermarkMs
  if (watermarkMs !== undefined) chain.restoreWatermark(watermarkMs)
}

/** Brings what an earlier version of a state saved into the present form. */
function migrationOf(
  { operators, checkpointId }: RestoreTask,
  operatorId: string,
  name: string,
  schema: StateSchema | undefined,
): (entry: TableEntry) => TableEntry {
  const version = savedVersion(operators, operatorId, name)
  const migrate = schema?.migrate
  if (migrate === undefined || version === schema?.version) return (entry) => entry
  return (entry) => {
    if (entry.deleted) return entry
    try {
      return { ...entry, value: migrate(entry.value, version) }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new EngineError(
        "STATE_MIGRATION_FAILED",
        `Cannot go on from checkpoint ${checkpointId}: migrate of the state "${name}" of "${operatorId}" threw for key ${describe(entry.key)}, saved as version ${version}: ${reason}; the checkpoint is as it was, mend migrate and start again`,
        { cause: error, details: { checkpointId, operator: operatorId, state: name, key: describe(entry.key) } },
      )
    }
  }
}

function isDeclared({ operators }: RestoreTask, operatorId: string, name: string): boolean {
  const saved = operators.find((each) => each.operatorId === operatorId)
  return saved?.states?.some((state) => state.name === name) === true
}

function unclaimed(restore: RestoreTask, operatorId: string, table: string): EngineError {
  return new EngineError(
    "CHECKPOINT_STATE_UNCLAIMED",
    `Cannot go on from checkpoint ${restore.checkpointId}: it has state "${table}" of operator "${operatorId}", which the pipeline no longer asks for; give the operator its former name and kind, or start anew in another checkpoint directory`,
    { details: { operator: operatorId, table, checkpointId: restore.checkpointId } },
  )
}

import { EngineError } from "../errors/index.ts"
import type { PhysicalOperator, PhysicalPlan } from "../plan/index.ts"
import type { Manifest } from "../snapshot/store/index.ts"
import { FIRST_VERSION, type StateSchema } from "../state/index.ts"

type SavedOperator = Manifest["plan"]["operators"][number]

/** What a plan that fits a checkpoint makes of it. */
export interface Compatibility {
  /** Keyed operators that the checkpoint does not know: they start empty. */
  readonly added: readonly string[]
  /** State that nobody asks for any more, as `operator` or `operator.state`: it is left behind. */
  readonly dropped: readonly string[]
}

/**
 * Whether a plan can go on from a checkpoint or savepoint. Pure: to be asked before anything is stopped or started.
 *
 * @throws {EngineError} CHECKPOINT_KEY_GROUPS; CHECKPOINT_OPERATOR_CHANGED: another kind under the same id;
 *   CHECKPOINT_STATE_DROPPED unless `allowDroppedState`; STATE_VERSION_NEWER, STATE_MIGRATION_MISSING
 */
export function checkCompatible(
  manifest: Manifest,
  plan: PhysicalPlan,
  { allowDroppedState = false }: { readonly allowDroppedState?: boolean } = {},
): Compatibility {
  const { checkpointId } = manifest
  if (manifest.plan.keyGroups !== plan.keyGroups) {
    throw new EngineError(
      "CHECKPOINT_KEY_GROUPS",
      `Cannot go on from checkpoint ${checkpointId}: it has ${manifest.plan.keyGroups} key groups, the pipeline has ${plan.keyGroups}; set the pipeline's keyGroups option back, they are fixed for the life of a job`,
      { details: { checkpointId } },
    )
  }
  const operators = new Map(plan.vertices.flatMap((vertex) => vertex.operators.map((each) => [each.id, each] as const)))
  const dropped: string[] = []
  for (const saved of manifest.plan.operators) {
    const now = operators.get(saved.operatorId)
    if (now === undefined) {
      if (saved.keyed === true) dropped.push(saved.operatorId)
      continue
    }
    if (now.kind !== saved.kind) throw changed(checkpointId, saved, now.kind)
    for (const { name, version } of saved.states ?? []) {
      const schema = schemaFor(schemasOf(now), name)
      if (schema === undefined) dropped.push(`${saved.operatorId}.${name}`)
      else checkVersion(checkpointId, saved.operatorId, schema, version)
    }
  }
  if (dropped.length > 0 && !allowDroppedState) throw droppedState(checkpointId, dropped)
  const known = new Set(manifest.plan.operators.map(({ operatorId }) => operatorId))
  const added = [...operators.values()].filter((each) => isKeyed(each) && !known.has(each.id)).map(({ id }) => id)
  return { added, dropped }
}

/** What the user should know of a checkpoint that fits, but not in everything. */
export function compatibilityWarnings({ checkpointId }: Manifest, { added, dropped }: Compatibility): EngineError[] {
  const warnings: EngineError[] = []
  if (added.length > 0) {
    const text = `${added.join(", ")} begins without state: checkpoint ${checkpointId} does not know it; if it had another name, give it that with .name(...)`
    warnings.push(new EngineError("CHECKPOINT_OPERATOR_ADDED", text, { details: { checkpointId, added } }))
  }
  if (dropped.length > 0) {
    const text = `The state of ${dropped.join(", ")} in checkpoint ${checkpointId} is left behind, as was allowed; the next checkpoint does not have it`
    warnings.push(new EngineError("CHECKPOINT_STATE_LEFT", text, { details: { checkpointId, dropped } }))
  }
  return warnings
}

/** The states that an operator declares. */
export function schemasOf({ node }: PhysicalOperator): readonly StateSchema[] {
  return node.role.type === "operator" ? (node.role.states ?? []) : []
}

/** The declared state that takes over what was saved under a name. */
export function schemaFor(schemas: readonly StateSchema[], name: string): StateSchema | undefined {
  return schemas.find((schema) => schema.name === name) ?? schemas.find(({ previously }) => previously === name)
}

export function isKeyed({ node }: PhysicalOperator): boolean {
  return node.role.type === "operator" && node.role.keyed
}

/** Under which version an operator's state was saved. */
export function savedVersion(operators: readonly SavedOperator[], operatorId: string, name: string): number {
  const states = operators.find((each) => each.operatorId === operatorId)?.states
  return states?.find((state) => state.name === name)?.version ?? FIRST_VERSION
}

function checkVersion(checkpointId: number, operator: string, schema: StateSchema, saved: number): void {
  const { name, version } = schema
  if (saved > version) {
    throw new EngineError(
      "STATE_VERSION_NEWER",
      `Cannot go on from checkpoint ${checkpointId}: the state "${name}" of "${operator}" was saved as version ${saved}, the pipeline declares version ${version}; run the newer pipeline, or go on from an older savepoint`,
      { details: { checkpointId, operator, state: name, saved, declared: version } },
    )
  }
  if (saved === version || schema.migrate !== undefined) return
  throw new EngineError(
    "STATE_MIGRATION_MISSING",
    `Cannot go on from checkpoint ${checkpointId}: the state "${name}" of "${operator}" was saved as version ${saved}, the pipeline declares version ${version} and no way from one to the other; add migrate(saved, fromVersion) to the state's declaration`,
    { details: { checkpointId, operator, state: name, saved, declared: version } },
  )
}

function changed(checkpointId: number, { operatorId, kind }: SavedOperator, now: string): EngineError {
  return new EngineError(
    "CHECKPOINT_OPERATOR_CHANGED",
    `Cannot go on from checkpoint ${checkpointId}: "${operatorId}" was a ${kind} operator and is a ${now} operator now; give operators names of their own with .name(...), or start anew in another checkpoint directory`,
    { details: { checkpointId, operator: operatorId } },
  )
}

function droppedState(checkpointId: number, dropped: readonly string[]): EngineError {
  return new EngineError(
    "CHECKPOINT_STATE_DROPPED",
    `Cannot go on from checkpoint ${checkpointId}: it has state of ${dropped.join(", ")}, which the pipeline no longer asks for; give operators their former names with .name(...), name a renamed state's former name with previously, or drop it for good with --allow-dropped-state (checkpoint.allowDroppedState)`,
    { details: { checkpointId, dropped } },
  )
}

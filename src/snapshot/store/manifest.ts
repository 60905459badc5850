import { EngineError } from "../../errors/index.ts"
import { type Fields, readObject, ShapeError } from "./_json-shape.ts"
import { type Json, type JsonObject, jsonText } from "./_json-text.ts"
import { parsePartName } from "./_names.ts"
import { seal, unseal } from "./_sealed-json.ts"
import { damaged } from "./_store-errors.ts"
import type { PartHandle } from "./part-file.ts"

export const MANIFEST_FORMAT_VERSION = 1
/** A manifest is read at once. */
export const MAX_MANIFEST_BYTES = 1 << 28

/**
 * One checkpoint: what belongs to it and where it is. Plain data. Lists stand in the order they were given; an
 * operator, a subtask and a channel occur once in each.
 */
export interface Manifest {
  readonly jobName: string
  /** Of the run that the job's first start began: restarts go on with it, and sinks know their own output by it. */
  readonly runId: string
  /** Rises from checkpoint to checkpoint and is never used twice. */
  readonly checkpointId: number
  readonly attempt: number
  readonly createdAtMs: number
  readonly kind: "checkpoint" | "savepoint"
  readonly plan: ManifestPlan
  readonly subtasks: readonly ManifestSubtask[]
  readonly sources: readonly ManifestSource[]
  /** What all subtasks of a vertex have handed on. May be infinite: nothing seen yet, or ended. */
  readonly watermarks: readonly { readonly operatorId: string; readonly watermarkMs: number }[]
  /** What the sinks prepared: committed once this manifest is published, and again after a restore from it. */
  readonly committables: readonly { readonly operatorId: string; readonly committables: readonly JsonObject[] }[]
  readonly audit: readonly ManifestChannel[]
  /** What the run was started from, when it was started from a place that the user named. */
  readonly origin?: ManifestOrigin
  /** The parallelism that the job was given while it ran. */
  readonly rescaled?: ManifestRescaled
}

/** A savepoint or checkpoint, wherever it is. */
export interface ManifestOrigin {
  readonly runId: string
  readonly checkpointId: number
  readonly attempt: number
}

export interface ManifestRescaled {
  /** How the job was started: another command begins with its own parallelism again. */
  readonly asked: string
  readonly operators: readonly { readonly operatorId: string; readonly parallelism: number }[]
}

/** What must fit when the state is read by a changed pipeline. */
export interface ManifestPlan {
  readonly keyGroups: number
  readonly operators: readonly ManifestOperator[]
}

export interface ManifestOperator {
  readonly operatorId: string
  readonly kind: string
  readonly parallelism: number
  /** It keeps state by key. No when not there. */
  readonly keyed?: boolean
  /** The states that its user declared. None when not there. */
  readonly states?: readonly { readonly name: string; readonly version: number }[]
}

export interface ManifestSubtask {
  /** The id of the vertex: that of its head operator. */
  readonly vertexId: string
  readonly subtask: number
  /** It had ended before the barrier: `parts` hold its last state. */
  readonly finished: boolean
  /** Where it judges what is late, for others to go by. May be infinite; -Infinity where it may be ahead of the barrier: at least once. */
  readonly watermarkMs: number
  /**
   * What it saved, to be laid over each other in this order: a base and the deltas since, those of earlier checkpoints
   * by their name. Empty when it has no state.
   */
  readonly parts: readonly PartHandle[]
}

export interface ManifestSource {
  readonly operatorId: string
  /** Handed out and not read to the end. */
  readonly assigned: readonly AssignedSplit[]
  /** Not handed out, in the order in which they will be. */
  readonly remaining: readonly ManifestSplit[]
}

export interface ManifestSplit {
  readonly id: string
  readonly data: Json
}

export interface AssignedSplit extends ManifestSplit {
  /** Of the reader. */
  readonly subtask: number
  /** Undefined: its beginning. */
  readonly position?: Json
  /** Records behind `position` that have been read. */
  readonly skip: number
}

/** Records of one channel at the barrier: sent = received + saved. Counts may begin below 0 after a restore. */
export interface ManifestChannel {
  readonly channel: number
  readonly edge: string
  readonly from: string
  readonly to: string
  readonly sent: number
  readonly received: number
  readonly saved: number
}

/**
 * The bytes of a manifest's file. What the reader would refuse is refused here.
 *
 * @throws {EngineError} CHECKPOINT_MANIFEST_INVALID
 */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const { watermarks, subtasks } = manifest
  const json = jsonText({
    formatVersion: MANIFEST_FORMAT_VERSION,
    ...withoutUndefined(manifest),
    watermarks: watermarks.map(withTimeAsText),
    subtasks: subtasks.map(withTimeAsText),
  })
  try {
    readManifest(JSON.parse(json))
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error
    throw new EngineError(
      "CHECKPOINT_MANIFEST_INVALID",
      `Cannot write the manifest of checkpoint ${manifest.checkpointId}: ${error.message}; please report this with the pipeline`,
      { cause: error, details: { checkpointId: manifest.checkpointId } },
    )
  }
  const bytes = seal(json)
  if (bytes.length <= MAX_MANIFEST_BYTES) return bytes
  throw new EngineError(
    "CHECKPOINT_MANIFEST_INVALID",
    `Cannot write the manifest of checkpoint ${manifest.checkpointId}: it has ${bytes.length} bytes, the limit is ${MAX_MANIFEST_BYTES}; ` +
      "use fewer splits or lower the parallelism",
    { details: { checkpointId: manifest.checkpointId, bytes: bytes.length } },
  )
}

/** JSON has no infinite numbers. */
function withTimeAsText<T extends { readonly watermarkMs: number }>(item: T): T & { readonly watermarkMs: Json } {
  const { watermarkMs } = item
  return Math.abs(watermarkMs) === Number.POSITIVE_INFINITY ? { ...item, watermarkMs: String(watermarkMs) } : item
}

/**
 * Reads a manifest's file, believing nothing.
 *
 * @throws {EngineError} CHECKPOINT_MANIFEST_DAMAGED with file and byte; CHECKPOINT_MANIFEST_VERSION when it is sound
 *   and of another release
 */
export function decodeManifest(bytes: Uint8Array, file: string): Manifest {
  const value = unseal(bytes, file, "CHECKPOINT_MANIFEST_DAMAGED")
  const version = versionOf(value)
  if (version !== undefined && version !== MANIFEST_FORMAT_VERSION) {
    throw new EngineError(
      "CHECKPOINT_MANIFEST_VERSION",
      `Cannot read ${file}: it has format version ${version}, this release reads ${MANIFEST_FORMAT_VERSION}; restore with the release of millrace that wrote it, ` +
        "take a savepoint there, or start anew in another checkpoint directory",
      { details: { file, version } },
    )
  }
  try {
    return readManifest(value)
  } catch (error) {
    if (error instanceof ShapeError) throw damaged("CHECKPOINT_MANIFEST_DAMAGED", file, 0, error.message)
    throw error
  }
}

function versionOf(value: unknown): number | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, "formatVersion")) return undefined
  const { formatVersion } = value as { readonly formatVersion: unknown }
  return typeof formatVersion === "number" ? formatVersion : undefined
}

function readManifest(value: unknown): Manifest {
  return readObject(value, "manifest", (fields) => {
    fields.integer("formatVersion", MANIFEST_FORMAT_VERSION, MANIFEST_FORMAT_VERSION)
    const manifest: Manifest = {
      jobName: fields.text("jobName"),
      runId: fields.text("runId"),
      checkpointId: fields.integer("checkpointId"),
      attempt: fields.integer("attempt"),
      createdAtMs: fields.number("createdAtMs"),
      kind: fields.oneOf("kind", ["checkpoint", "savepoint"]),
      plan: fields.object("plan", readPlan),
      subtasks: fields.list("subtasks", readSubtask),
      sources: fields.list("sources", readSource),
      watermarks: fields.list("watermarks", (item) => ({
        operatorId: item.text("operatorId"),
        watermarkMs: item.timeMs("watermarkMs"),
      })),
      committables: fields.list("committables", (item) => ({
        operatorId: item.text("operatorId"),
        committables: item.jsonObjects("committables"),
      })),
      audit: fields.list("audit", readChannel),
      ...(fields.has("origin") ? { origin: fields.object("origin", readOrigin) } : {}),
      ...(fields.has("rescaled") ? { rescaled: fields.object("rescaled", readRescaled) } : {}),
    }
    checkParts(manifest, fields)
    noneTwice(manifest.plan.operators, ({ operatorId }) => operatorId, "plan.operators", fields)
    noneTwice(manifest.subtasks, ({ vertexId, subtask }) => `${subtask}/${vertexId}`, "subtasks", fields)
    noneTwice(manifest.sources, ({ operatorId }) => operatorId, "sources", fields)
    noneTwice(manifest.watermarks, ({ operatorId }) => operatorId, "watermarks", fields)
    noneTwice(manifest.committables, ({ operatorId }) => operatorId, "committables", fields)
    noneTwice(manifest.audit, ({ channel }) => channel, "audit", fields)
    return manifest
  })
}

function readOrigin(fields: Fields): ManifestOrigin {
  return {
    runId: fields.text("runId"),
    checkpointId: fields.integer("checkpointId"),
    attempt: fields.integer("attempt"),
  }
}

function readRescaled(fields: Fields): ManifestRescaled {
  return {
    asked: fields.text("asked"),
    operators: fields.list("operators", (item) => ({
      operatorId: item.text("operatorId"),
      parallelism: item.integer("parallelism", 1),
    })),
  }
}

function readPlan(fields: Fields): ManifestPlan {
  return {
    keyGroups: fields.integer("keyGroups", 1),
    operators: fields.list("operators", (item) => ({
      operatorId: item.text("operatorId"),
      kind: item.text("kind"),
      parallelism: item.integer("parallelism", 1),
      ...(item.has("keyed") ? { keyed: item.boolean("keyed") } : {}),
      ...(item.has("states")
        ? {
            states: item.list("states", (state) => ({
              name: state.text("name"),
              version: state.integer("version", 1),
            })),
          }
        : {}),
    })),
  }
}

function readSubtask(fields: Fields): ManifestSubtask {
  return {
    vertexId: fields.text("vertexId"),
    subtask: fields.integer("subtask", 0, 0xffff_ffff),
    finished: fields.boolean("finished"),
    watermarkMs: fields.timeMs("watermarkMs"),
    parts: fields.list("parts", (item) => ({
      file: item.text("file"),
      bytes: item.integer("bytes"),
      checksum: item.integer("checksum", 0, 0xffff_ffff),
      blocks: item.integer("blocks"),
    })),
  }
}

function readSource(fields: Fields): ManifestSource {
  const source: ManifestSource = {
    operatorId: fields.text("operatorId"),
    assigned: fields.list("assigned", (item) => ({
      id: item.text("id"),
      data: item.json("data"),
      subtask: item.integer("subtask"),
      ...(item.has("position") ? { position: item.json("position") } : {}),
      skip: item.integer("skip"),
    })),
    remaining: fields.list("remaining", (item) => ({ id: item.text("id"), data: item.json("data") })),
  }
  noneTwice([...source.assigned, ...source.remaining], ({ id }) => id, "splits", fields)
  return source
}

function readChannel(fields: Fields): ManifestChannel {
  return {
    channel: fields.integer("channel"),
    edge: fields.text("edge"),
    from: fields.text("from"),
    to: fields.text("to"),
    sent: fields.integer("sent", Number.MIN_SAFE_INTEGER),
    received: fields.integer("received", Number.MIN_SAFE_INTEGER),
    saved: fields.integer("saved"),
  }
}

/** A part's name leads into the parts directory and nowhere else, and not into the future. */
function checkParts({ checkpointId, subtasks }: Manifest, fields: Fields): void {
  const files = subtasks.flatMap(({ parts }) => parts.map(({ file }) => file))
  noneTwice(files, (file) => file, "parts", fields)
  for (const file of files) {
    const name = file.startsWith("parts/") ? parsePartName(file.slice("parts/".length)) : undefined
    if (name === undefined) fields.fail(`${JSON.stringify(file)} is no name of a part`)
    if (name.checkpointId > checkpointId) fields.fail(`${file} is of a later checkpoint`)
  }
}

function noneTwice<T>(items: readonly T[], keyOf: (item: T) => string | number, name: string, fields: Fields): void {
  const seen = new Set<string | number>()
  for (const item of items) {
    const key = keyOf(item)
    if (seen.has(key)) fields.fail(`${name} names ${JSON.stringify(key)} twice`)
    seen.add(key)
  }
}

/** `position: undefined` is written as no position. */
function withoutUndefined(manifest: Manifest): Manifest {
  return {
    ...manifest,
    sources: manifest.sources.map((source) => ({
      ...source,
      assigned: source.assigned.map(({ position, ...split }) =>
        position === undefined ? split : { ...split, position },
      ),
    })),
  }
}

import { EngineError } from "../errors/index.ts"
import {
  type BlockInfo,
  type Disk,
  type Manifest,
  PartReader,
  type Problem,
  type SurveyedCheckpoint,
  survey,
} from "../snapshot/store/index.ts"
import { realDisk } from "../snapshot/store/real-disk.ts"
import { decodeEntries, decodeValue } from "./entry-block.ts"
import { VALUE_TABLE } from "./subtask-snapshot.ts"

export interface InspectOptions {
  /** A savepoint, a job's folder of checkpoints, or a directory of such folders. */
  readonly directory: string
  /** Which checkpoint to show as a whole. Default: the newest that is sound. */
  readonly checkpointId?: number
  /** Entries to show of each table. Default: 0. */
  readonly samples?: number
  /** Shows this operator alone. */
  readonly operatorId?: string
  /** Shows entries of this key: the text itself, or JSON. */
  readonly key?: string
}

/** What is saved in a place. Plain JSON. */
export interface InspectReport {
  readonly folder: string
  /** What is known beside the checkpoints; null for a savepoint that stands alone. */
  readonly marker: {
    readonly committed: number | null
    readonly finished: number | null
    readonly elsewhere: string | null
  } | null
  /** The newest first. */
  readonly checkpoints: readonly CheckpointLine[]
  readonly problems: readonly Problem[]
  /** The one that is shown as a whole. */
  readonly shown: CheckpointReport | null
}

export interface CheckpointLine {
  readonly file: string
  /** Null when the manifest cannot be read. */
  readonly checkpointId: number | null
  readonly attempt: number | null
  readonly kind: "checkpoint" | "savepoint" | null
  readonly createdAt: string | null
  readonly sizeBytes: number | null
  /** Empty: every byte of it is right. */
  readonly problems: readonly Problem[]
}

export interface CheckpointReport {
  readonly jobName: string
  readonly runId: string
  readonly checkpointId: number
  readonly attempt: number
  readonly kind: "checkpoint" | "savepoint"
  readonly createdAt: string
  readonly sizeBytes: number
  readonly keyGroups: number
  readonly origin: Manifest["origin"] | null
  readonly rescaled: Manifest["rescaled"] | null
  readonly operators: readonly OperatorReport[]
  readonly sources: readonly SourceReport[]
  readonly committables: Manifest["committables"]
  /** Channels of which records were saved. */
  readonly inFlight: readonly {
    readonly edge: string
    readonly from: string
    readonly to: string
    readonly records: number
  }[]
}

export interface OperatorReport {
  readonly operatorId: string
  readonly kind: string
  readonly parallelism: number
  /** Null: none yet, or ended. Of the chain that it is in. */
  readonly watermarkMs: number | null
  readonly tables: readonly TableReport[]
}

export interface TableReport {
  readonly table: string
  /** In the base. */
  readonly entries: number
  /** Written behind the base: entries that changed or went. */
  readonly changes: number
  readonly bytes: number
  readonly keyGroups: number
  readonly samples: readonly EntrySample[]
}

export interface EntrySample {
  readonly key: unknown
  /** A window's end, for instance. */
  readonly namespace: number | null
  readonly value: unknown
}

export interface SourceReport {
  readonly operatorId: string
  /** Being read, with where. */
  readonly reading: readonly {
    readonly id: string
    readonly subtask: number
    readonly position: unknown
    readonly skip: number
  }[]
  /** Not begun. */
  readonly remaining: readonly string[]
}

/**
 * Says what is in a savepoint or a checkpoint directory, and what is wrong with it. Needs no pipeline, changes nothing. Reads
 * every byte once, and those of the shown one again.
 *
 * @throws {EngineError} INSPECT_NOTHING; INSPECT_UNKNOWN for a checkpoint or operator that is not there
 */
export async function inspect(options: InspectOptions): Promise<readonly InspectReport[]> {
  const disk = realDisk()
  let surveys: Awaited<ReturnType<typeof survey>>
  try {
    surveys = await survey(disk, options.directory)
  } catch (cause) {
    throw nothing(options.directory, cause instanceof Error ? cause.message : String(cause), cause)
  }
  if (surveys.length === 0) throw nothing(options.directory, "it holds neither checkpoints nor a savepoint")
  const reports: InspectReport[] = []
  for (const { folder, marker, checkpoints, problems } of surveys) {
    const chosen = choose(checkpoints, options.checkpointId)
    reports.push({
      folder,
      marker:
        marker === undefined
          ? null
          : { committed: marker.committed, finished: marker.finished, elsewhere: marker.elsewhere },
      checkpoints: checkpoints.map(lineOf),
      problems,
      shown: chosen === undefined ? null : await reportOf(disk, chosen, options),
    })
  }
  if (options.checkpointId !== undefined && reports.every(({ shown }) => shown === null)) {
    throw unknown(`checkpoint ${options.checkpointId} is not there, or its manifest cannot be read`)
  }
  return reports
}

function choose(
  checkpoints: readonly SurveyedCheckpoint[],
  checkpointId: number | undefined,
): SurveyedCheckpoint | undefined {
  const readable = checkpoints.filter(({ manifest }) => manifest !== undefined)
  if (checkpointId !== undefined) return readable.find(({ manifest }) => manifest!.checkpointId === checkpointId)
  return readable.find(({ problems }) => problems.length === 0) ?? readable[0]
}

function lineOf({ file, manifest, problems }: SurveyedCheckpoint): CheckpointLine {
  return {
    file,
    checkpointId: manifest?.checkpointId ?? null,
    attempt: manifest?.attempt ?? null,
    kind: manifest?.kind ?? null,
    createdAt: manifest === undefined ? null : new Date(manifest.createdAtMs).toISOString(),
    sizeBytes: manifest === undefined ? null : sizeOf(manifest),
    problems,
  }
}

async function reportOf(
  disk: Disk,
  { manifest, directory }: SurveyedCheckpoint,
  options: InspectOptions,
): Promise<CheckpointReport> {
  const { jobName, runId, checkpointId, attempt, kind, createdAtMs, plan } = manifest!
  const { operatorId } = options
  if (operatorId !== undefined && !plan.operators.some((each) => each.operatorId === operatorId)) {
    throw unknown(
      `there is no operator ${JSON.stringify(operatorId)} in it; its operators are ${plan.operators.map((each) => each.operatorId).join(", ")}`,
    )
  }
  const isShown = (each: { readonly operatorId: string }): boolean =>
    operatorId === undefined || each.operatorId === operatorId
  const tables = await readTables(disk, manifest!, directory, options)
  return {
    jobName,
    runId,
    checkpointId,
    attempt,
    kind,
    createdAt: new Date(createdAtMs).toISOString(),
    sizeBytes: sizeOf(manifest!),
    keyGroups: plan.keyGroups,
    origin: manifest!.origin ?? null,
    rescaled: manifest!.rescaled ?? null,
    operators: plan.operators.filter(isShown).map((operator) => ({
      ...operator,
      watermarkMs: finite(manifest!.watermarks.find((each) => each.operatorId === operator.operatorId)?.watermarkMs),
      tables: tables.filter((each) => each.operatorId === operator.operatorId).map(({ report }) => report),
    })),
    sources: manifest!.sources.filter(isShown).map((source) => ({
      operatorId: source.operatorId,
      reading: source.assigned.map(({ id, subtask, position, skip }) => ({
        id,
        subtask,
        position: position ?? null,
        skip,
      })),
      remaining: source.remaining.map(({ id }) => id),
    })),
    committables: manifest!.committables.filter((each) => isShown(each) && each.committables.length > 0),
    inFlight: manifest!.audit
      .filter(({ saved }) => saved > 0)
      .map(({ edge, from, to, saved }) => ({ edge, from, to, records: saved })),
  }
}

interface GatheredTable {
  readonly operatorId: string
  readonly report: TableReport & {
    entries: number
    changes: number
    bytes: number
    keyGroups: number
    readonly samples: EntrySample[]
  }
  readonly groups: Set<number>
  /** Keys that a newer part has said something of. */
  readonly seen: Set<string>
}

/** Counts what every part says of its blocks, and reads as much of them as samples need, the newest part of a subtask first. */
async function readTables(
  disk: Disk,
  { subtasks, jobName }: Manifest,
  directory: string,
  options: InspectOptions,
): Promise<readonly GatheredTable[]> {
  const tables = new Map<string, GatheredTable>()
  for (const { parts } of subtasks) {
    for (const handle of parts.toReversed()) {
      let reader: PartReader
      try {
        reader = await PartReader.open({ disk, directory, handle, jobName })
      } catch (error) {
        // Named among the problems.
        if (error instanceof EngineError) continue
        throw error
      }
      try {
        for (const block of reader.blocks) countBlock(tables, block)
        await sampleBlocks(reader, tables, options)
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
      } finally {
        await reader.close()
      }
    }
  }
  return [...tables.values()]
}

function countBlock(tables: Map<string, GatheredTable>, block: BlockInfo): void {
  if (block.kind === "channel") return
  const { operatorId, table } = block
  const id = `${operatorId}/${table}`
  let gathered = tables.get(id)
  if (gathered === undefined) {
    const report = { table, entries: 0, changes: 0, bytes: 0, keyGroups: 0, samples: [] }
    gathered = { operatorId, report, groups: new Set(), seen: new Set() }
    tables.set(id, gathered)
  }
  const { report, groups } = gathered
  if (block.kind === "delta") report.changes += block.entries
  else report.entries += block.entries
  report.bytes += block.bytes
  if (block.keyGroup !== undefined) groups.add(block.keyGroup)
  report.keyGroups = groups.size
}

async function sampleBlocks(
  reader: PartReader,
  tables: ReadonlyMap<string, GatheredTable>,
  { samples = 0, key, operatorId }: InspectOptions,
): Promise<void> {
  const limit = key === undefined ? samples : Math.max(samples, 1000)
  if (limit === 0) return
  for await (const { block, bytes } of reader.select(operatorId === undefined ? {} : { operatorId })) {
    const gathered = tables.get(`${block.operatorId}/${block.table}`)
    if (block.kind === "channel" || gathered === undefined || gathered.report.samples.length >= limit) continue
    const { report, seen } = gathered
    if (block.table === VALUE_TABLE) {
      if (key === undefined) report.samples.push({ key: null, namespace: null, value: decodeValue(bytes) })
      continue
    }
    for (const entry of decodeEntries(bytes)) {
      if (key !== undefined && !isKey(entry.key, key)) continue
      const id = `${JSON.stringify(entry.key, plainJson)}/${entry.namespace}`
      if (seen.has(id)) continue
      seen.add(id)
      if (!entry.deleted) report.samples.push({ key: entry.key, namespace: entry.namespace, value: entry.value })
      if (report.samples.length >= limit) break
    }
  }
}

function isKey(key: unknown, wanted: string): boolean {
  return key === wanted || JSON.stringify(key, plainJson) === wanted
}

/** For JSON.stringify: values that JSON does not know, as texts or plain data. */
export function plainJson(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`
  if (typeof value === "number" && !Number.isFinite(value)) return String(value)
  if (value instanceof Map) return Object.fromEntries(value)
  if (value instanceof Set) return [...value]
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return [...(value as Uint8Array)]
  return value
}

function sizeOf({ subtasks }: Manifest): number {
  return subtasks.reduce((sum, { parts }) => sum + parts.reduce((bytes, part) => bytes + part.bytes, 0), 0)
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null
}

function nothing(directory: string, found: string, cause?: unknown): EngineError {
  return new EngineError(
    "INSPECT_NOTHING",
    `Cannot inspect ${directory}: ${found}; name a checkpoint directory, a job's folder in one, or a savepoint`,
    cause === undefined ? {} : { cause },
  )
}

function unknown(found: string): EngineError {
  return new EngineError("INSPECT_UNKNOWN", `Cannot inspect it: ${found}`)
}

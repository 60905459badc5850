import type { LockOwner } from "./_directory-lock.ts"
import type { RestorePoint } from "./_restore-search.ts"
import { decodeUtf8, encodeUtf8 } from "./_utf8.ts"
import { CheckpointStore, type CheckpointStoreOptions } from "./checkpoint-store.ts"
import type { Disk } from "./disk.ts"
import type { Manifest } from "./manifest.ts"
import type { PartHandle } from "./part-file.ts"
import { PartReader } from "./part-reader.ts"
import { PartWriter } from "./part-writer.ts"

export const JOB = "hourly-delays"
export const DIRECTORY = "data/checkpoints"
export const FOLDER = `${DIRECTORY}/${JOB}`

let tokens = 0

/** A process that is the only one alive. */
export function owner(pid = 100, alive: ReadonlySet<number> = new Set()): LockOwner {
  tokens += 1
  return { pid, started: `s${pid}`, token: `t${tokens}`, isAlive: (other) => alive.has(other) }
}

export function openStore(disk: Disk, options: Partial<CheckpointStoreOptions> = {}): Promise<CheckpointStore> {
  // A process of its own each time: what the one before left behind is stale.
  return CheckpointStore.open({ disk, directory: DIRECTORY, jobName: JOB, owner: owner(1000 + tokens), ...options })
}

/** Opens and asks what to restore, as a start does. */
export async function startStore(disk: Disk, options: Partial<CheckpointStoreOptions> = {}): Promise<CheckpointStore> {
  const store = await openStore(disk, options)
  await store.newestSound()
  return store
}

export interface Take {
  readonly attempt?: number
  readonly kind?: Manifest["kind"]
  /** Subtask -> text it saves. Default: two subtasks that save their number and the checkpoint's. */
  readonly states?: readonly string[]
  /** Parts of earlier checkpoints below the new ones, by subtask. */
  readonly bases?: ReadonlyMap<number, readonly PartHandle[]>
}

/** Writes the parts of a checkpoint. Answers its manifest, not yet published. */
export async function writeParts(
  disk: Disk,
  store: CheckpointStore,
  checkpointId: number,
  take: Take = {},
): Promise<Manifest> {
  const { attempt = 1, kind = "checkpoint", states = [`a${checkpointId}`, `b${checkpointId}`], bases } = take
  const directory = await store.begin({ checkpointId, attempt, kind })
  const parts: PartHandle[] = []
  for (const [subtask, state] of states.entries()) {
    const writer = await PartWriter.create({
      disk,
      directory,
      jobName: JOB,
      checkpointId,
      attempt,
      vertexId: "count",
      subtask,
    })
    for (const [group, letter] of [...state].entries()) {
      await writer.append({
        operatorId: "count",
        table: "sums",
        keyGroup: group,
        entries: 1,
        bytes: encodeUtf8(letter),
      })
    }
    parts.push(await writer.finish())
  }
  return manifestOf(checkpointId, parts, { attempt, kind, ...(bases === undefined ? {} : { bases }) })
}

export function manifestOf(checkpointId: number, parts: readonly PartHandle[], take: Take = {}): Manifest {
  const { attempt = 1, kind = "checkpoint", bases } = take
  return {
    jobName: JOB,
    runId: "run-1",
    checkpointId,
    attempt,
    createdAtMs: 1_700_000_000_000 + checkpointId,
    kind,
    plan: { keyGroups: 128, operators: [{ operatorId: "count", kind: "keyed-aggregate", parallelism: parts.length }] },
    subtasks: parts.map((part, subtask) => ({
      vertexId: "count",
      subtask,
      finished: false,
      watermarkMs: 1_000,
      parts: [...(bases?.get(subtask) ?? []), part],
    })),
    sources: [
      {
        operatorId: "flights",
        assigned: [{ id: "a.csv@0", data: { path: "a.csv" }, subtask: 0, position: checkpointId * 10, skip: 2 }],
        remaining: [{ id: "b.csv@0", data: { path: "b.csv" } }],
      },
    ],
    watermarks: [{ operatorId: "flights", watermarkMs: Number.NEGATIVE_INFINITY }],
    committables: [{ operatorId: "out", committables: [{ file: `part-${checkpointId}`, records: 7 }] }],
    audit: [{ channel: 0, edge: "flights -> count", from: "flights/0", to: "count/0", sent: 5, received: 3, saved: 2 }],
  }
}

export async function takeCheckpoint(
  disk: Disk,
  store: CheckpointStore,
  id: number,
  take: Take = {},
): Promise<Manifest> {
  const manifest = await writeParts(disk, store, id, take)
  await store.publish(manifest)
  return manifest
}

/** What the subtasks would restore: the text of each part of each subtask's chain, in order. */
export async function statesOf(
  disk: Disk,
  { manifest, directory }: RestorePoint,
): Promise<readonly (readonly string[])[]> {
  const states: string[][] = []
  for (const { parts } of manifest.subtasks) {
    const texts: string[] = []
    for (const handle of parts) {
      const reader = await PartReader.open({ disk, directory, handle, jobName: manifest.jobName })
      let text = ""
      for await (const { bytes } of reader.select()) text += decodeUtf8(bytes)
      await reader.close()
      texts.push(text)
    }
    states.push(texts)
  }
  return states
}

/** The `code` of what a promise rejects with; fails when it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  throw new Error("it resolved")
}

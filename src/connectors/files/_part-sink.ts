import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import type { Committable, Sink, SinkContext, SinkJobContext } from "../../contracts/index.ts"
import { describe, EngineError } from "../../errors/index.ts"
import type { Encoder } from "./_encoder.ts"
import { errnoOf, writeError } from "./_file-errors.ts"
import { isGlob } from "./_find-files.ts"
import type { WriteSettings } from "./_options.ts"
import type { PreparedPart } from "./_part.ts"
import { type PartName, type PartNames, partNames } from "./_part-names.ts"
import { PartWriter } from "./_part-writer.ts"

/** What a format must say for its parts to be written. */
export interface Writing<T> {
  readonly label: string
  readonly paths: readonly string[]
  /** Without the dot. */
  readonly extension: string
  readonly settings: WriteSettings
  /** One per writer: it may learn from the first record. */
  encoder(): Encoder<T>
}

const DAY_MS = 24 * 60 * 60 * 1000

/**
 * A directory of parts as a sink, in two phases.
 *
 * - Until it is committed, a part is a hidden file of its final size, fsynced. Committing is one rename per part, each of them
 *   atomic, then an fsync of the directory; done again it changes nothing.
 * - With `existing: "replace"` the parts of earlier runs are removed by the first commit that has parts, or by the
 *   last if none had: after the new ones are in place and durable. So the directory is never without a whole result; it
 *   holds both for the moment between, and after a crash there until the commit is done again.
 * - What belongs to an earlier run is read from the names, never remembered: any process can finish the work of another.
 * - Only names that a sink of the same format gave are ever removed.
 */
export class PartSink<T> implements Sink<T> {
  readonly label: string
  readonly kind = "transactional"
  readonly #writing: Writing<T>
  /** Runs whose predecessors' parts are known to be gone: spares later commits a look at the directory. */
  readonly #replaced = new Set<string>()

  constructor(writing: Writing<T>) {
    this.label = writing.label
    this.#writing = writing
  }

  /** @throws {EngineError} SINK_PATH_INVALID, SINK_UNWRITABLE, SINK_OUTPUT_EXISTS, SINK_WRITE_FAILED */
  async prepare(context: SinkJobContext): Promise<void> {
    const directory = this.#directory()
    const names = this.#names(context)
    await makeDirectory(directory)
    const nowMs = await probe(directory, names)
    const parts = await this.#list(directory, names)
    const earlier = parts.filter((part) => !part.sameRun)
    const { existing } = this.#writing.settings
    const committed = earlier.find((part) => part.kind === "part")
    if (existing === "fail" && committed !== undefined) {
      throw new EngineError(
        "SINK_OUTPUT_EXISTS",
        `Cannot write to ${directory}: it holds parts of an earlier run, such as ${committed.name}; remove them, write to another directory, or choose existing: "replace" or "append"`,
        { details: { path: directory } },
      )
    }
    if (existing === "replace") await removeStale(directory, earlier, nowMs)
  }

  writer(context: SinkContext): Promise<PartWriter<T>> {
    const { settings } = this.#writing
    const names = this.#names(context)
    const directory = this.#directory()
    return PartWriter.open(
      { directory, subtask: context.subtask, names, rollBytes: settings.rollBytes },
      this.#writing.encoder(),
    )
  }

  /** @throws {EngineError} SINK_PART_LOST when a prepared part is neither pending nor in place */
  async commit(
    committables: readonly Committable[],
    context: SinkJobContext & { readonly final: boolean },
  ): Promise<void> {
    const directory = this.#directory()
    const names = this.#names(context)
    for (const committable of committables) await putInPlace(directory, checkedPart(committable, names))
    await syncDirectory(directory)
    const replaces = this.#writing.settings.existing === "replace" && !this.#replaced.has(names.tag)
    const replacesNow = replaces && (committables.length > 0 || context.final)
    if (!replacesNow && !context.final) return
    const parts = await this.#list(directory, names)
    const old = parts.filter((part) => part.kind === "part" && !part.sameRun && replacesNow)
    // At the end nothing of this run is still to come: what is pending was prepared for a checkpoint that failed.
    const abandoned = parts.filter((part) => part.kind === "pending" && part.tag === names.tag && context.final)
    await removeAll(directory, [...old, ...abandoned])
    if (replacesNow) this.#replaced.add(names.tag)
  }

  async abort(context: SinkJobContext): Promise<void> {
    const directory = this.#directory()
    const names = this.#names(context)
    const parts = await this.#list(directory, names)
    await removeAll(
      directory,
      parts.filter((part) => part.kind === "pending" && part.tag === names.tag),
    )
  }

  #names(context: SinkJobContext): PartNames {
    return partNames(context, this.#writing.extension)
  }

  #directory(): string {
    const { paths } = this.#writing
    const [path] = paths
    if (paths.length !== 1 || path === undefined) {
      throw invalidPath(this.label, `it was given ${paths.length} paths`, "pass one directory to write to")
    }
    if (isGlob(path)) throw invalidPath(path, "it is a pattern", "pass the name of a directory to write parts in")
    return path
  }

  async #list(directory: string, names: PartNames): Promise<readonly NamedPart[]> {
    try {
      const parts: NamedPart[] = []
      for (const name of await readdir(directory)) {
        const part = names.parse(name)
        if (part !== undefined) parts.push({ ...part, name })
      }
      return parts
    } catch (thrown) {
      // Without the directory there is nothing to list; whoever needs it finds out when writing.
      if (errnoOf(thrown) === "ENOENT") return []
      throw writeError(directory, thrown)
    }
  }
}

type NamedPart = PartName & { readonly name: string }

function invalidPath(path: string, state: string, remedy: string): EngineError {
  return new EngineError("SINK_PATH_INVALID", `Cannot write to ${path}: ${state}; ${remedy}`, { details: { path } })
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true })
  } catch (thrown) {
    const errno = errnoOf(thrown)
    if (errno !== "EEXIST" && errno !== "ENOTDIR") throw writeError(directory, thrown)
    throw new EngineError(
      "SINK_PATH_INVALID",
      `Cannot write to ${directory}: a file is in the way, and this sink writes parts into a directory; remove the file or write elsewhere`,
      { cause: thrown, details: { path: directory } },
    )
  }
}

/** Writes and removes a file, so that a missing permission shows before the job runs. @returns the disk's own idea of now */
async function probe(directory: string, names: PartNames): Promise<number> {
  const path = join(directory, `.probe-${names.tag}`)
  try {
    const handle = await open(path, "w")
    try {
      return (await handle.stat()).mtimeMs
    } finally {
      await handle.close()
      await rm(path, { force: true })
    }
  } catch (thrown) {
    throw writeError(directory, thrown)
  }
}

/** Removes pending parts of runs that died long ago. Younger ones may belong to a run that is alive. */
async function removeStale(directory: string, earlier: readonly NamedPart[], nowMs: number): Promise<void> {
  const stale: NamedPart[] = []
  for (const part of earlier) {
    if (part.kind !== "pending") continue
    const modifiedMs = await modifiedAt(join(directory, part.name))
    if (modifiedMs !== undefined && nowMs - modifiedMs > DAY_MS) stale.push(part)
  }
  await removeAll(directory, stale)
}

async function modifiedAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined
    throw writeError(path, thrown)
  }
}

async function removeAll(directory: string, parts: readonly NamedPart[]): Promise<void> {
  if (parts.length === 0) return
  for (const { name } of parts) {
    try {
      await rm(join(directory, name), { force: true })
    } catch (thrown) {
      throw writeError(join(directory, name), thrown)
    }
  }
  await syncDirectory(directory)
}

/** Committables come back from snapshots: checked before anything is renamed by them. */
function checkedPart(committable: Committable, names: PartNames): PreparedPart {
  const { pending, final, records, bytes } = committable
  if (
    typeof pending === "string" &&
    typeof final === "string" &&
    typeof records === "number" &&
    typeof bytes === "number" &&
    names.parse(pending)?.kind === "pending" &&
    names.parse(final)?.kind === "part"
  ) {
    return { pending, final, records, bytes }
  }
  throw new EngineError(
    "SINK_COMMITTABLE_INVALID",
    `Cannot commit ${describe(committable)}: it names no part of this sink; restore from a checkpoint of this pipeline`,
  )
}

async function putInPlace(directory: string, part: PreparedPart): Promise<void> {
  const pending = join(directory, part.pending)
  const final = join(directory, part.final)
  const pendingBytes = await sizeOf(pending)
  if (pendingBytes === part.bytes) {
    try {
      await rename(pending, final)
    } catch (thrown) {
      throw writeError(final, thrown)
    }
    return
  }
  const finalBytes = pendingBytes === undefined ? await sizeOf(final) : undefined
  if (finalBytes === part.bytes) return
  const state =
    pendingBytes !== undefined
      ? `it has ${pendingBytes} bytes and was prepared with ${part.bytes}`
      : finalBytes !== undefined
        ? `it is gone, and ${part.final} has ${finalBytes} bytes where ${part.bytes} were prepared`
        : "it is gone, and so is its final name"
  throw new EngineError(
    "SINK_PART_LOST",
    `Cannot commit ${pending}: ${state}; let nothing else change files in ${directory}, and run the job again from its input`,
    { details: { path: pending } },
  )
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined
    throw writeError(path, thrown)
  }
}

/** Makes renames and removals durable. Windows has no such call, and needs none. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return
  let handle: FileHandle | undefined
  try {
    handle = await open(directory, "r")
    await handle.sync()
  } catch (thrown) {
    throw writeError(directory, thrown)
  } finally {
    await handle?.close()
  }
}

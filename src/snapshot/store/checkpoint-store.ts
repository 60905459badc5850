import { EngineError, invariant } from "../../errors/index.ts"
import { claimAttempt, parseAttemptClaim, removeClaimsBefore } from "./_attempt-claim.ts"
import {
  committedDamaged,
  fenced,
  lockLost,
  markerDamaged,
  outcomeUnknown,
  partCut,
  passedOverWarning,
  restorePointBehind,
  savepointGone,
  unwritable,
} from "./_checkpoint-errors.ts"
import { copyFile } from "./_copy-file.ts"
import { DirectoryLock, type LockOwner, removeIfThere } from "./_directory-lock.ts"
import { type Marker, NO_MARKER, readMarker, writeDurably, writeMarker } from "./_marker.ts"
import { type CheckpointName, checkpointName, parseCheckpointName, parsePartName, safeName } from "./_names.ts"
import {
  type Candidate,
  CHECKPOINTS,
  findSound,
  listCandidates,
  PARTS,
  type PassedOver,
  type RestorePoint,
  readManifestOf,
  SAVEPOINT_MANIFEST,
  SAVEPOINTS,
} from "./_restore-search.ts"
import { errnoOf, readFailed, reasonOf, remedyFor, writeFailed } from "./_store-errors.ts"
import type { Disk } from "./disk.ts"
import { encodeManifest, type Manifest } from "./manifest.ts"
import type { PartHandle } from "./part-file.ts"
import { publishSavepoint } from "./publish-savepoint.ts"
import { readSavepoint } from "./read-savepoint.ts"

export interface CheckpointStoreOptions {
  readonly disk: Disk
  /** The checkpoint directory: every job has a folder of its own in it. Made when missing. */
  readonly directory: string
  readonly jobName: string
  /** How many checkpoints to keep: an integer >= 1. Default: 3. Savepoints are kept beside them, always. */
  readonly retain?: number
  /** Who locks the job's folder: `processOwner` of real-disk.ts. */
  readonly owner: LockOwner
  /** Told of what went wrong and did not stop the work: CHECKPOINT_PASSED_OVER, CHECKPOINT_CLEANUP_FAILED. */
  readonly onWarning?: (warning: EngineError) => void
}

export interface RestoreChoice {
  /** Undefined: the job starts from the beginning. */
  readonly point: RestorePoint | undefined
  /** Newer ones that are damaged. They have been set aside and will never be used. */
  readonly passedOver: readonly PassedOver[]
}

const DEFAULT_RETAIN = 3
const MANIFEST = ".json"
const TEMPORARY = ".json.tmp"
const DAMAGED = ".json.damaged"
const INCOMPLETE = ".incomplete"

/** A rename of which it is not known whether it will survive a crash. */
interface Move {
  readonly from: string
  readonly to: string
  readonly directory: string
}

/** A manifest in checkpoints/. */
interface Published extends CheckpointName {
  /** The parts it names; undefined when it could not be read, so that nothing is known of what it needs. */
  readonly files: ReadonlySet<string> | undefined
}

/**
 * The checkpoints of one job on disk. docs/formats/checkpoint.md draws the folder.
 *
 * Promises, whatever crashes and whenever (laws STO-1..5)
 * - After `publish` has resolved the checkpoint is there for good; after it has thrown CHECKPOINT_WRITE_FAILED it is
 *   not and never will be. In between, and after CHECKPOINT_OUTCOME_UNKNOWN, it is there whole or not at all.
 * - What `newestSound` answers is whole to the last byte and will still be there after a crash; what it passed over
 *   never comes back.
 * - No file is removed that a retained manifest names: manifests go first, durably, and then what nobody names. Only
 *   files that the store or its part writers have named are ever removed.
 * - One process at a time; an attempt that `beginAttempt` has replaced can publish nothing.
 *
 * Calls may overlap, they are done one after the other. Begin with `newestSound`: publishing is refused before it.
 */
export class CheckpointStore {
  /** The job's own folder. */
  readonly folder: string
  readonly #disk: Disk
  readonly #jobName: string
  readonly #retain: number
  readonly #lock: DirectoryLock
  readonly #warn: (warning: EngineError) => void
  #marker: Marker = NO_MARKER
  /** Why the marker cannot be believed. */
  #markerDamage: EngineError | undefined
  /** A write of it failed, perhaps after it was done. */
  #markerUncertain = false
  readonly #published = new Map<string, Published>()
  /** The newest manifest, of checkpoints and savepoints, sound or not. */
  #newestId = 0
  #highestId = 0
  #attempt = 0
  #uncertain: Move | undefined
  /** Manifests were removed, and the directory has not been synced since. */
  #owesSync = false
  #phase: "opened" | "ready" | "closed" = "opened"
  #last: Promise<unknown> = Promise.resolve()

  private constructor(options: CheckpointStoreOptions, folder: string, lock: DirectoryLock) {
    this.folder = folder
    this.#disk = options.disk
    this.#jobName = options.jobName
    this.#retain = options.retain ?? DEFAULT_RETAIN
    this.#warn = options.onWarning ?? (() => undefined)
    this.#lock = lock
  }

  /**
   * Makes the folder, locks it, and clears away what crashes have left.
   *
   * @throws {EngineError} CHECKPOINT_DIR_LOCKED naming the process, CHECKPOINT_DIR_UNWRITABLE, CHECKPOINT_READ_FAILED,
   *   CHECKPOINT_RETAIN_INVALID
   */
  static async open(options: CheckpointStoreOptions): Promise<CheckpointStore> {
    const { disk, directory, jobName, retain = DEFAULT_RETAIN, owner } = options
    if (!Number.isInteger(retain) || retain < 1) {
      throw new EngineError(
        "CHECKPOINT_RETAIN_INVALID",
        `Cannot keep ${retain} checkpoints; set checkpoint.retain to an integer from 1 on`,
      )
    }
    const folder = `${directory}/${safeName(jobName)}`
    let lock: DirectoryLock
    try {
      for (const name of [PARTS, CHECKPOINTS, SAVEPOINTS]) await disk.mkdir(`${folder}/${name}`)
      lock = await DirectoryLock.acquire(disk, folder, owner)
    } catch (error) {
      throw unwritable(folder, error)
    }
    const store = new CheckpointStore(options, folder, lock)
    try {
      await store.#load()
      await store.#collect(Number.POSITIVE_INFINITY)
      return store
    } catch (error) {
      const failure = readFailed("FOLDER", folder, error)
      await store.#tryTo("release the lock of", folder, () => lock.release())
      throw failure
    }
  }

  /** Where a savepoint of this store is written, and where it is once it is published. */
  savepointDirectory(name: CheckpointName): { readonly writing: string; readonly published: string } {
    const published = `${this.folder}/${SAVEPOINTS}/${checkpointName(name)}`
    return { writing: this.#incompleteSavepoint(name), published }
  }

  /** Whether the job has come to its end here, and has not been started again since: everything is committed. */
  get finished(): boolean {
    const { finished, run } = this.#marker
    return finished !== null && run === null && this.#highestId <= finished
  }

  /** The command that brought the job to its end here, as `markFinished` was told. */
  get endedBy(): string | undefined {
    return this.finished ? (this.#marker.endedBy ?? undefined) : undefined
  }

  /** The run that has begun here and not ended, whether or not it published anything. */
  get runId(): string | undefined {
    return this.#marker.run ?? undefined
  }

  /** The highest checkpoint id that has left a trace here: the next one must be greater. 0: none. */
  get highestId(): number {
    return this.#highestId
  }

  /**
   * A number for the next attempt of the job, greater than all that were answered here before, whatever has crashed since: it
   * is on the disk before anything is done in its name. From now on attempts before it can publish nothing.
   *
   * @param above the attempt of what is gone on from, which may come from elsewhere
   * @throws {EngineError} CHECKPOINT_WRITE_FAILED, CHECKPOINT_LOCK_LOST
   */
  beginAttempt(above = 0): Promise<number> {
    return this.#exclusive(async () => {
      // Of a call that fails, too: it may have taken its number all the same.
      this.#attempt = Math.max(this.#attempt, above) + 1
      const attempt = this.#attempt
      try {
        await this.#checkLock()
        await claimAttempt(this.#disk, this.folder, attempt)
      } catch (error) {
        throw writeFailed(`begin attempt ${attempt} in`, this.folder, error)
      }
      await this.#tryTo("clean up in", this.folder, () => removeClaimsBefore(this.#disk, this.folder, attempt))
      return attempt
    })
  }

  /**
   * Begins a checkpoint: answers the directory for its part writers. A savepoint gets one of its own.
   *
   * @throws {EngineError} CHECKPOINT_WRITE_FAILED, CHECKPOINT_FENCED
   */
  begin({ checkpointId, attempt, kind }: CheckpointName & { readonly kind: Manifest["kind"] }): Promise<string> {
    return this.#exclusive(async () => {
      this.#checkAttempt(attempt)
      this.#highestId = Math.max(this.#highestId, checkpointId)
      if (kind === "checkpoint") return this.folder
      const directory = this.#incompleteSavepoint({ checkpointId, attempt })
      try {
        await this.#disk.mkdir(`${directory}/${PARTS}`)
      } catch (error) {
        throw writeFailed("make", directory, error)
      }
      return directory
    })
  }

  /**
   * Makes a checkpoint the one to restore. All its parts are finished. In the order of law STO-1: names of the parts
   * durable, manifest under another name durable, rename, name of the manifest durable. Then older checkpoints beyond
   * `retain` go.
   *
   * Parts that a savepoint names and that stand with the checkpoints are copied into it, so that it can be carried
   * away.
   *
   * @throws {EngineError} CHECKPOINT_WRITE_FAILED (retriable): not published. CHECKPOINT_OUTCOME_UNKNOWN (retriable):
   *   the disk refused to say. Until another `publish` or `newestSound` has resolved, sinks must neither commit nor
   *   discard what belongs to it. CHECKPOINT_FENCED and CHECKPOINT_LOCK_LOST: somebody else goes on with this job.
   *   CHECKPOINT_MANIFEST_INVALID, CHECKPOINT_PART_MISSING, CHECKPOINT_PART_CUT: the manifest is not of what was
   *   written
   */
  publish(manifest: Manifest): Promise<void> {
    return this.#exclusive(async () => {
      invariant(this.#phase === "ready", "a checkpoint was published before newestSound was asked")
      this.#checkAttempt(manifest.attempt)
      invariant(
        manifest.jobName === this.#jobName,
        `job ${manifest.jobName} published in the store of ${this.#jobName}`,
      )
      invariant(
        manifest.checkpointId > this.#newestId,
        `checkpoint ${manifest.checkpointId} was published after ${this.#newestId}`,
      )
      const bytes = encodeManifest(manifest)
      await this.#settle()
      if (manifest.kind === "savepoint") await this.#publishSavepoint(manifest, bytes)
      else await this.#publishCheckpoint(manifest, bytes)
      this.#newestId = manifest.checkpointId
      this.#highestId = Math.max(this.#highestId, manifest.checkpointId)
      // Not after a savepoint: what a failed checkpoint left may be named by the next one.
      if (manifest.kind === "checkpoint") await this.#collect(manifest.checkpointId)
    })
  }

  /**
   * Publishes a savepoint in a directory of the user's, outside the store.
   *
   * @throws {EngineError} as `publishSavepoint`; CHECKPOINT_FENCED, CHECKPOINT_LOCK_LOST
   */
  publishElsewhere(manifest: Manifest, directory: string): Promise<void> {
    return this.#exclusive(async () => {
      invariant(this.#phase === "ready", "a savepoint was published before newestSound was asked")
      this.#checkAttempt(manifest.attempt)
      await this.#checkLock()
      await publishSavepoint(this.#disk, directory, manifest, this.folder)
      this.#highestId = Math.max(this.#highestId, manifest.checkpointId)
    })
  }

  /**
   * A savepoint that stands elsewhere is published, and sinks are about to commit what it lists: to be called before they do.
   * Until the next checkpoint is committed the job can go on only from there: a checkpoint before it would repeat output.
   *
   * @throws {EngineError} CHECKPOINT_WRITE_FAILED
   */
  decideElsewhere(checkpointId: number, directory: string): Promise<void> {
    return this.#exclusive(() => this.#mark({ ...this.#marker, committed: checkpointId, elsewhere: directory }))
  }

  /**
   * A checkpoint is given up: removes its parts. What cannot be removed is left to a later cleaning.
   *
   * @param keep files of handles that later checkpoints will name: the last state of finished subtasks, deltas that the
   *   next one builds on
   */
  discard({ checkpointId, attempt }: CheckpointName, keep: Iterable<string> = []): Promise<void> {
    return this.#exclusive(async () => {
      if (this.#uncertain !== undefined) return
      const kept = new Set(keep)
      const published = [...this.#published.values()]
      await this.#tryTo("clean up in", this.folder, async () => {
        for (const name of await this.#disk.list(`${this.folder}/${PARTS}`)) {
          const part = parsePartName(name)
          const file = `${PARTS}/${name}`
          if (part?.checkpointId !== checkpointId || part.attempt !== attempt || kept.has(file)) continue
          if (published.some(({ files }) => files === undefined || files.has(file))) continue
          await removeIfThere(this.#disk, `${this.folder}/${file}`)
        }
        await this.#removeSavepoint(this.#incompleteSavepoint({ checkpointId, attempt }))
      })
    })
  }

  /**
   * Removes parts that nobody will name any more, of checkpoints that were given up. Those that a published checkpoint names
   * stay. What cannot be removed is left to a later cleaning.
   *
   * @param files as in the handles of the parts
   */
  discardParts(files: Iterable<string>): Promise<void> {
    return this.#exclusive(async () => {
      if (this.#uncertain !== undefined) return
      const published = [...this.#published.values()]
      if (published.some((each) => each.files === undefined)) return
      const gone = [...files].filter((file) => !published.some((each) => each.files?.has(file)))
      await this.#tryTo("clean up in", this.folder, async () => {
        for (const file of gone) await removeIfThere(this.#disk, `${this.folder}/${file}`)
      })
    })
  }

  /**
   * The newest checkpoint or savepoint of which every byte is right, read and checked as a whole. Damaged ones are
   * passed over, reported and set aside (`*.damaged`), so that a later start cannot come to another answer.
   *
   * Does not go back behind what the sinks have committed, as that output would be repeated (OUT-5), unless
   * `allowRepeat` is true.
   *
   * With `from`, what the user named to start from: it is the answer unless a newer one of the run that began from it is here.
   *
   * @throws {EngineError} CHECKPOINT_SAVEPOINT_GONE; RESTORE_POINT_BEHIND when going on from `from` would go back behind what
   *   is here; CHECKPOINT_COMMITTED_DAMAGED; CHECKPOINT_MARKER_DAMAGED; CHECKPOINT_MANIFEST_VERSION,
   *   CHECKPOINT_PART_VERSION: of another release; CHECKPOINT_READ_FAILED when the system refused, which says nothing
   *   about the files
   */
  newestSound({
    allowRepeat = false,
    from,
  }: {
    readonly allowRepeat?: boolean
    readonly from?: RestorePoint | undefined
  } = {}): Promise<RestoreChoice> {
    return this.#exclusive(async () => {
      try {
        return await this.#chooseSound(allowRepeat, from)
      } catch (error) {
        throw readFailed("FOLDER", this.folder, error)
      }
    })
  }

  /**
   * The sinks have committed everything up to this published checkpoint. Lower ids than before change nothing.
   *
   * @throws {EngineError} CHECKPOINT_WRITE_FAILED
   */
  markCommitted(checkpointId: number): Promise<void> {
    return this.#exclusive(async () => {
      invariant(this.#phase === "ready", "output was marked as committed before newestSound was asked")
      invariant(
        checkpointId <= this.#newestId,
        `checkpoint ${checkpointId} was committed, the newest is ${this.#newestId}`,
      )
      if (this.#marker.committed !== null && checkpointId <= this.#marker.committed) return
      await this.#mark({ ...this.#marker, committed: checkpointId, elsewhere: null })
    })
  }

  /**
   * A run begins. From now on it is known here, so that whoever comes after a crash finds what its sinks prepared, also when
   * it published nothing.
   *
   * @throws {EngineError} CHECKPOINT_WRITE_FAILED
   */
  beginRun(runId: string): Promise<void> {
    return this.#exclusive(async () => {
      invariant(this.#phase === "ready", "a run began before newestSound was asked")
      if (this.#marker.run === runId) return
      await this.#mark({ ...this.#marker, run: runId, endedBy: null })
    })
  }

  /**
   * The job has ended and everything is committed: the next start begins anew. Its checkpoints go, its savepoints stay.
   *
   * @param by which command brought it there: a process that goes on for one that died finds its own
   * @throws {EngineError} CHECKPOINT_WRITE_FAILED
   */
  markFinished(by?: string): Promise<void> {
    return this.#exclusive(async () => {
      invariant(this.#phase === "ready", "a job ended before newestSound was asked")
      // What may be there or not is neither removed nor left with parts that are.
      await this.#settle()
      const highest = this.#highestId
      await this.#mark({ ...NO_MARKER, finished: highest, highest, endedBy: by ?? null })
      await this.#collect(this.#highestId)
    })
  }

  /** Waits for calls in progress and lets another process have the folder. */
  async close(): Promise<void> {
    if (this.#phase === "closed") return
    await this.#exclusive(async () => {
      this.#phase = "closed"
      await this.#tryTo("release the lock of", this.folder, () => this.#lock.release())
    })
  }

  async #load(): Promise<void> {
    try {
      this.#marker = await readMarker(this.#disk, this.folder, this.#jobName)
    } catch (error) {
      // Whether it matters is known when a checkpoint to restore is chosen.
      if (!(error instanceof EngineError) || error.code !== "CHECKPOINT_MARKER_DAMAGED") throw error
      this.#markerDamage = error
    }
    this.#highestId = this.#marker.highest
    for (const name of await this.#disk.list(this.folder))
      this.#attempt = Math.max(this.#attempt, parseAttemptClaim(name) ?? 0)
    for (const folder of [CHECKPOINTS, SAVEPOINTS, PARTS]) {
      for (const name of await this.#disk.list(`${this.folder}/${folder}`)) this.#saw(traceOf(name))
    }
    await this.#loadPublished(await listCandidates(this.#disk, this.folder))
  }

  #saw(trace: CheckpointName | undefined): void {
    if (trace === undefined) return
    this.#highestId = Math.max(this.#highestId, trace.checkpointId)
    this.#attempt = Math.max(this.#attempt, trace.attempt)
  }

  async #loadPublished(candidates: readonly Candidate[]): Promise<void> {
    this.#published.clear()
    this.#newestId = candidates.reduce((id, candidate) => Math.max(id, candidate.checkpointId), 0)
    for (const candidate of candidates) {
      if (candidate.kind === "savepoint") continue
      this.#published.set(checkpointName(candidate), {
        checkpointId: candidate.checkpointId,
        attempt: candidate.attempt,
        files: await this.#filesOf(candidate),
      })
    }
  }

  async #filesOf(candidate: Candidate): Promise<ReadonlySet<string> | undefined> {
    try {
      return namedFiles(await readManifestOf(this.#disk, candidate, this.#jobName))
    } catch (error) {
      // Damaged, of another release, or unreadable just now: whatever it needs must stay.
      if (error instanceof EngineError) return undefined
      throw error
    }
  }

  async #chooseSound(allowRepeat: boolean, from: RestorePoint | undefined): Promise<RestoreChoice> {
    const damage = this.#markerDamage
    if (damage !== undefined && !allowRepeat) throw markerDamaged(damage)
    await this.#settleMarker()
    const { committed, finished } = this.#marker
    const candidates = await listCandidates(this.#disk, this.folder)
    const ofThisRun = candidates.filter(({ checkpointId }) => finished === null || checkpointId > finished)
    const found = await findSound(this.#disk, this.#jobName, ofThisRun)
    const { passedOver } = found
    const here = await this.#orElsewhere(found.point, from)
    const point = from === undefined ? here : chooseFrom(this.folder, here, from)
    // Ids go on behind those of what is gone on from, which may come from elsewhere.
    this.#highestId = Math.max(this.#highestId, from?.manifest.checkpointId ?? 0)
    const foundId = point?.manifest.checkpointId
    const repeats = committed !== null && (foundId === undefined || foundId < committed)
    if (repeats && !allowRepeat) throw committedDamaged(this.folder, committed, foundId, passedOver)
    for (const { kind, file, directory } of passedOver) {
      if (kind === "checkpoint") await this.#disk.rename(file, file.replace(/\.json$/, DAMAGED))
      else await this.#disk.rename(directory, `${directory}.damaged`)
    }
    // What was found must outlast a crash before anything is built on it: its rename may have been done and never made
    // durable.
    await this.#disk.syncDirectory(`${this.folder}/${CHECKPOINTS}`)
    await this.#disk.syncDirectory(`${this.folder}/${SAVEPOINTS}`)
    this.#uncertain = undefined
    if (repeats || damage !== undefined) {
      await this.#mark({ ...this.#marker, committed: foundId ?? null })
      this.#markerDamage = undefined
    }
    await this.#loadPublished(await listCandidates(this.#disk, this.folder))
    this.#phase = "ready"
    if (passedOver.length > 0) this.#warn(passedOverWarning(this.folder, foundId, passedOver))
    return { point, passedOver: passedOver.map(({ directory, ...rest }) => rest) }
  }

  /** The savepoint that was committed elsewhere, when what was found here is behind it. `from` may be that very one, moved. */
  async #orElsewhere(
    found: RestorePoint | undefined,
    from: RestorePoint | undefined,
  ): Promise<RestorePoint | undefined> {
    const { committed, elsewhere } = this.#marker
    if (elsewhere === null || committed === null) return found
    if ((found?.manifest.checkpointId ?? 0) >= committed || from?.manifest.checkpointId === committed) return found
    try {
      const point = await readSavepoint(this.#disk, elsewhere)
      if (point.manifest.checkpointId === committed) return point
    } catch (cause) {
      throw savepointGone(this.folder, elsewhere, cause)
    }
    throw savepointGone(this.folder, elsewhere)
  }

  async #publishCheckpoint(manifest: Manifest, bytes: Uint8Array): Promise<void> {
    const directory = `${this.folder}/${CHECKPOINTS}`
    const name = checkpointName(manifest)
    const temporary = `${directory}/${name}${TEMPORARY}`
    const file = `${directory}/${name}${MANIFEST}`
    try {
      for (const handle of partsOf(manifest)) await this.#checkPart(this.folder, handle)
      await this.#disk.syncDirectory(`${this.folder}/${PARTS}`)
      await removeIfThere(this.#disk, temporary)
      await writeDurably(this.#disk, temporary, bytes)
      await this.#checkLock()
      await this.#decide({ from: temporary, to: file, directory })
    } catch (error) {
      if (this.#uncertain === undefined) {
        await this.#tryTo("remove", temporary, () => removeIfThere(this.#disk, temporary))
      }
      throw writeFailed(`publish checkpoint ${manifest.checkpointId} as`, file, error)
    }
    const { checkpointId, attempt } = manifest
    this.#published.set(name, { checkpointId, attempt, files: namedFiles(manifest) })
  }

  async #publishSavepoint(manifest: Manifest, bytes: Uint8Array): Promise<void> {
    const directory = `${this.folder}/${SAVEPOINTS}`
    const incomplete = this.#incompleteSavepoint(manifest)
    const final = `${directory}/${checkpointName(manifest)}`
    try {
      await this.#disk.mkdir(`${incomplete}/${PARTS}`)
      for (const handle of partsOf(manifest)) await this.#bringPart(incomplete, handle)
      await this.#disk.syncDirectory(`${incomplete}/${PARTS}`)
      await writeDurably(this.#disk, `${incomplete}/${SAVEPOINT_MANIFEST}`, bytes)
      await this.#disk.syncDirectory(incomplete)
      await this.#checkLock()
      await this.#decide({ from: incomplete, to: final, directory })
    } catch (error) {
      if (this.#uncertain === undefined) {
        await this.#tryTo("remove", incomplete, () => this.#removeSavepoint(incomplete))
      }
      throw writeFailed(`publish savepoint ${manifest.checkpointId} as`, final, error)
    }
  }

  /** The rename that decides. When it fails half-way it is taken back, durably, or the outcome stays unknown. */
  async #decide(move: Move): Promise<void> {
    try {
      await this.#disk.rename(move.from, move.to)
      await this.#disk.syncDirectory(move.directory)
    } catch (error) {
      this.#uncertain = move
      try {
        await this.#settle()
      } catch (second) {
        throw outcomeUnknown(move.to, error, second)
      }
      throw error
    }
  }

  /** Makes an uncertain checkpoint one that was never published. */
  async #settle(): Promise<void> {
    const move = this.#uncertain
    if (move === undefined) return
    try {
      try {
        await this.#disk.rename(move.to, move.from)
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") throw error
      }
      await this.#disk.syncDirectory(move.directory)
    } catch (error) {
      throw writeFailed("take back", move.to, error)
    }
    this.#uncertain = undefined
  }

  async #checkPart(directory: string, handle: PartHandle): Promise<void> {
    const path = `${directory}/${handle.file}`
    let sizeBytes: number
    try {
      sizeBytes = (await this.#disk.stat(path)).sizeBytes
    } catch (error) {
      // Whatever else the disk says tells nothing about the part.
      throw errnoOf(error) === "ENOENT" ? readFailed("PART", path, error) : error
    }
    if (sizeBytes === handle.bytes) return
    throw partCut(path, sizeBytes, handle.bytes)
  }

  /**
   * A part that stands with the checkpoints, of a finished subtask or below a delta, is copied: a savepoint stands
   * alone.
   */
  async #bringPart(directory: string, handle: PartHandle): Promise<void> {
    try {
      await this.#disk.stat(`${directory}/${handle.file}`)
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error
      await this.#checkPart(this.folder, handle)
      await copyFile(this.#disk, `${this.folder}/${handle.file}`, `${directory}/${handle.file}`)
    }
    await this.#checkPart(directory, handle)
  }

  async #checkLock(): Promise<void> {
    if (await this.#lock.isHeld()) return
    throw lockLost(this.folder)
  }

  #checkAttempt(attempt: number): void {
    if (attempt >= this.#attempt) {
      this.#attempt = attempt
      return
    }
    throw fenced(attempt, this.#attempt)
  }

  #incompleteSavepoint(name: CheckpointName): string {
    return `${this.folder}/${SAVEPOINTS}/${checkpointName(name)}${INCOMPLETE}`
  }

  async #mark(marker: Marker): Promise<void> {
    const next = { ...marker, highest: Math.max(marker.highest, this.#highestId) }
    try {
      await this.#checkLock()
      await writeMarker(this.#disk, this.folder, this.#jobName, next)
    } catch (error) {
      this.#markerUncertain = true
      throw writeFailed("write the marker in", this.folder, error)
    }
    this.#marker = next
  }

  /** What a failed write has left is what a process that comes after a crash would find: that counts. */
  async #settleMarker(): Promise<void> {
    if (!this.#markerUncertain) return
    this.#marker = await readMarker(this.#disk, this.folder, this.#jobName)
    await this.#disk.syncDirectory(this.folder)
    this.#markerUncertain = false
  }

  /**
   * Removes manifests beyond `retain` and of a finished job, then parts and unfinished savepoints that nobody names any
   * more, of checkpoints up to `limitId`: later ones are being written. Failures are reported, the next cleaning makes
   * up for them.
   */
  async #collect(limitId: number): Promise<void> {
    await this.#tryTo("clean up in", this.folder, async () => {
      await this.#checkLock()
      await this.#collectManifests()
      await this.#collectParts(limitId)
      for (const name of await this.#disk.list(`${this.folder}/${SAVEPOINTS}`)) {
        const savepoint = parseCheckpointName(name, INCOMPLETE)
        if (savepoint === undefined || savepoint.checkpointId > limitId) continue
        await this.#removeSavepoint(`${this.folder}/${SAVEPOINTS}/${name}`)
      }
    })
  }

  async #collectManifests(): Promise<void> {
    const directory = `${this.folder}/${CHECKPOINTS}`
    const { finished } = this.#marker
    const newestFirst = [...this.#published.values()].sort(
      (a, b) => b.checkpointId - a.checkpointId || b.attempt - a.attempt,
    )
    const retained = newestFirst.filter((entry) => finished === null || entry.checkpointId > finished)
    retained.length = Math.min(retained.length, this.#retain)
    const gone = newestFirst.filter((entry) => !retained.includes(entry))
    const oldestId = retained.at(-1)?.checkpointId ?? finished ?? 0
    for (const name of await this.#disk.list(directory)) {
      const damagedOne = parseCheckpointName(name, DAMAGED)
      const isOld = damagedOne !== undefined && damagedOne.checkpointId < oldestId
      if (isOld || parseCheckpointName(name, TEMPORARY) !== undefined)
        await removeIfThere(this.#disk, `${directory}/${name}`)
    }
    for (const entry of gone) {
      this.#owesSync = true
      await removeIfThere(this.#disk, `${directory}/${checkpointName(entry)}${MANIFEST}`)
    }
    if (this.#owesSync) await this.#disk.syncDirectory(directory)
    this.#owesSync = false
    // Only now: a manifest that came back after a crash must find its parts.
    for (const entry of gone) this.#published.delete(checkpointName(entry))
  }

  async #collectParts(limitId: number): Promise<void> {
    const named = new Set<string>()
    for (const { files } of this.#published.values()) {
      if (files === undefined) return
      for (const file of files) named.add(file)
    }
    for (const name of await this.#disk.list(`${this.folder}/${PARTS}`)) {
      const part = parsePartName(name)
      const file = `${PARTS}/${name}`
      if (part === undefined || part.checkpointId > limitId || named.has(file)) continue
      await removeIfThere(this.#disk, `${this.folder}/${file}`)
    }
  }

  /** Of a savepoint that was never published. */
  async #removeSavepoint(directory: string): Promise<void> {
    try {
      for (const name of await this.#disk.list(`${directory}/${PARTS}`)) {
        if (parsePartName(name) !== undefined) await removeIfThere(this.#disk, `${directory}/${PARTS}/${name}`)
      }
      await this.#disk.removeDirectory(`${directory}/${PARTS}`)
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error
    }
    try {
      await removeIfThere(this.#disk, `${directory}/${SAVEPOINT_MANIFEST}`)
      await this.#disk.removeDirectory(directory)
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error
    }
  }

  /** Work whose failure must not fail anything else: it is reported. */
  async #tryTo(attempted: string, path: string, act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      this.#warn(
        new EngineError(
          "CHECKPOINT_CLEANUP_FAILED",
          `Could not ${attempted} ${path}: ${reasonOf(error)}; ${remedyFor(errnoOf(error))}`,
          { cause: error, retriable: true, details: { path } },
        ),
      )
    }
  }

  #exclusive<T>(act: () => Promise<T>): Promise<T> {
    const run = async (): Promise<T> => {
      invariant(this.#phase !== "closed", `the checkpoint store of ${this.#jobName} was used after it was closed`)
      return act()
    }
    const result = this.#last.then(run, run)
    this.#last = result
    return result
  }
}

/**
 * The one of both to go on from: what is here when it is of a run that began from `from`; `from` when nothing here is newer.
 *
 * @throws {EngineError} RESTORE_POINT_BEHIND
 */
function chooseFrom(folder: string, here: RestorePoint | undefined, from: RestorePoint): RestorePoint {
  if (here === undefined) return from
  const { runId, checkpointId, attempt } = from.manifest
  const { origin } = here.manifest
  const beganThere = origin?.runId === runId && origin.checkpointId === checkpointId && origin.attempt === attempt
  if (beganThere) return here
  const isSameRun = here.manifest.runId === runId
  if (isSameRun && here.manifest.checkpointId <= checkpointId) return from
  throw restorePointBehind(folder, here.manifest, from.manifest)
}

function partsOf(manifest: Manifest): readonly PartHandle[] {
  return manifest.subtasks.flatMap(({ parts }) => parts)
}

function namedFiles(manifest: Manifest): ReadonlySet<string> {
  return new Set(partsOf(manifest).map(({ file }) => file))
}

/** The checkpoint a file or directory was made for, also one that never was published. */
function traceOf(name: string): CheckpointName | undefined {
  const part = parsePartName(name)
  if (part !== undefined) return part
  for (const suffix of [MANIFEST, TEMPORARY, DAMAGED, "", INCOMPLETE, ".damaged"]) {
    const parsed = parseCheckpointName(name, suffix)
    if (parsed !== undefined) return parsed
  }
  return undefined
}

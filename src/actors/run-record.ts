import { EngineError } from "../errors/index.ts"
import type { CheckpointStore, ClaimLog, FoundPoint, Manifest } from "../snapshot/store/index.ts"
import type { CheckpointSettings, Delivery } from "./checkpointing.ts"
import type { Durability, Environment } from "./environment.ts"

/** Where an attempt begins. */
export interface Start {
  /** Undefined: at the beginning. */
  readonly manifest: Manifest | undefined
  readonly directory: string
}

export interface RunRecordOptions {
  readonly jobName: string
  /** Undefined: nothing is kept. */
  readonly checkpoints: CheckpointSettings | undefined
  /** Where to start from, when the user named it. */
  readonly from: string | undefined
  readonly environment: Environment
  onWarning(error: EngineError): void
}

/**
 * What of a run outlives its attempts and its process: the checkpoint directory, or the claims of a job that is delivered at most
 * once, and the checkpoint that the user named to start from.
 */
export class RunRecord {
  readonly #options: RunRecordOptions
  #durability: Durability | undefined
  #store: CheckpointStore | undefined
  #claims: ClaimLog | undefined
  #from: FoundPoint | undefined
  #runId: string

  constructor(options: RunRecordOptions) {
    this.#options = options
    this.#runId = options.environment.uniqueId().slice(0, 8)
  }

  /** The run that is gone on with, once `findStart` has found one; else a new one. */
  get runId(): string {
    return this.#runId
  }

  /** Undefined: there are no checkpoints. */
  get store(): CheckpointStore | undefined {
    return this.#store
  }

  /** At most once: what sources have claimed. */
  get claims(): ClaimLog | undefined {
    return this.#claims
  }

  /** The checkpoint that the user named to start from. */
  get origin(): Manifest | undefined {
    return this.#from?.point.manifest
  }

  /** The code that reaches the disk: loaded where it is needed. */
  async durability(): Promise<Durability> {
    this.#durability ??= await this.#options.environment.durability()
    return this.#durability
  }

  /** Opens the checkpoint directory, if there is one. @throws {EngineError} CHECKPOINT_* */
  async open(): Promise<void> {
    const { checkpoints, jobName, environment, onWarning } = this.#options
    if (checkpoints === undefined) return
    const { CheckpointStore, openDisk, lockOwner } = await this.durability()
    this.#store = await CheckpointStore.open({
      disk: openDisk(),
      directory: checkpoints.directory,
      jobName,
      retain: checkpoints.retain,
      owner: lockOwner(environment.uniqueId()),
      onWarning,
    })
  }

  /** Finds where to begin, and whose run that is. @throws {EngineError} when it is not there, or was delivered otherwise */
  async findStart(): Promise<Start> {
    const { checkpoints, from } = this.#options
    if (checkpoints === undefined && from === undefined) return { manifest: undefined, directory: "" }
    if (from !== undefined) await this.#findFrom(from)
    const start = await this.newest()
    if (checkpoints !== undefined)
      await this.#openClaims(checkpoints.delivery ?? "exactly-once", start.manifest !== undefined)
    this.#runId = start.manifest?.runId ?? this.#claims?.runId ?? this.#store?.runId ?? this.#runId
    return start
  }

  /** The newest checkpoint that is sound. */
  async newest(): Promise<Start> {
    const from = this.#from?.point
    const point = this.#store === undefined ? from : (await this.#store.newestSound({ from })).point
    return { manifest: point?.manifest, directory: point?.directory ?? this.#store?.folder ?? "" }
  }

  /**
   * Notes the run before sinks prepare anything in its name, so that a process killed before the first checkpoint leaves
   * nothing that the next one does not know of. That one goes on with the run, or, started from a savepoint, ends it here.
   *
   * @param abandon removes what another run has prepared and not committed
   */
  async begin(abandon: (runId: string) => Promise<void>): Promise<void> {
    const store = this.#store
    if (store === undefined) return
    const { runId } = store
    // It published nothing, or it would be gone on with.
    if (runId !== undefined && runId !== this.#runId) await abandon(runId)
    await store.beginRun(this.#runId)
  }

  /**
   * Everything is committed: a disk that refuses to note it does not undo that. A failure here would make whoever started the
   * job start it again, and if the note got to the disk all the same, it would begin anew and repeat its output.
   *
   * @param command what the user started
   */
  async noteEnd(command: string | undefined): Promise<void> {
    try {
      await this.#store?.markFinished(command)
      // Only now: without its claims a job that is not noted as ended would begin anew.
      await this.#claims?.remove()
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== "CHECKPOINT_WRITE_FAILED") throw error
      this.#options.onWarning(error)
    }
  }

  async close(): Promise<void> {
    await this.#claims?.close()
    await this.#from?.release()
    await this.#store?.close()
  }

  /** At most once keeps claims where others keep checkpoints. */
  async #openClaims(delivery: Delivery, hasCheckpoints: boolean): Promise<void> {
    const { jobName } = this.#options
    const { ClaimLog, openDisk } = await this.durability()
    const disk = openDisk()
    const { folder, finished } = this.#store!
    let claimed = await ClaimLog.exists({ disk, folder })
    if (claimed && finished) {
      // Of a job that ended, by a process that died before it had removed them.
      await (await ClaimLog.open({ disk, folder, jobName })).remove()
      claimed = false
    }
    const atMostOnce = delivery === "at-most-once"
    if (atMostOnce ? hasCheckpoints : claimed) throw deliveryChanged(delivery, folder)
    if (atMostOnce) this.#claims = await ClaimLog.open({ disk, folder, jobName })
  }

  /** Looks up what the user named. The job's own folder is where it would go on from anyway. */
  async #findFrom(from: string): Promise<void> {
    const { jobName, environment, onWarning } = this.#options
    const { findRestorePoint, openDisk, lockOwner } = await this.durability()
    const found = await findRestorePoint({
      disk: openDisk(),
      directory: from,
      jobName,
      owner: lockOwner(environment.uniqueId()),
      own: this.#store?.folder,
    })
    this.#from = found
    for (const { code, reason } of found.passedOver) onWarning(new EngineError(code, reason))
  }
}

function deliveryChanged(delivery: Delivery, folder: string): EngineError {
  const [kept, needed] =
    delivery === "at-most-once"
      ? ["checkpoints with state", "exactly-once or at-least-once"]
      : ["claims of a run without state", "at-most-once"]
  return new EngineError(
    "DELIVERY_CHANGED",
    `Cannot go on ${delivery}: ${folder} holds ${kept}, and what was emitted since is not known there; run it ${needed} to its end, or start anew in another checkpoint directory`,
    { details: { folder, delivery } },
  )
}

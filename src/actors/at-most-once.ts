import type { Committable, Split } from "../contracts/index.ts"
import type { PhysicalPlan } from "../plan/index.ts"
import type { ClaimedSplit, ClaimLog } from "../snapshot/store/index.ts"
import type { PlannedSink } from "./checkpointing.ts"
import type { PreparedBySink, SubtaskPlace, SubtaskShare, WorkerControl } from "./control.ts"
import type { Environment } from "./environment.ts"
import type { SplitClaim } from "./source-reader.ts"
import { type SplitProgress, unread } from "./split-coordinator.ts"

export interface AtMostOnceOptions {
  readonly plan: PhysicalPlan
  readonly log: ClaimLog
  readonly sinks: readonly PlannedSink[]
  /** Time from one commit of output to the next, as long as commits take less. */
  readonly everyMs: number
  /** Time from the end of a commit to the next cut, at least. */
  readonly minPauseMs: number
  readonly environment: Pick<Environment, "every" | "now">
  /** Tells every worker. */
  tellAll<M extends keyof WorkerControl>(method: M, ...args: Parameters<WorkerControl[M]>): void
  /** The attempt cannot go on. */
  fail(error: unknown): void
  /** Output was committed: the attempt does its work. */
  onCommitted(): void
}

/**
 * One attempt of a job that is to do everything at most once, in the main thread: has what sources claim written down
 * before they emit it, and lets sinks commit every `everyMs`, each when it comes to it. A subtask whose former output is still
 * being committed leaves a cut out, so that none pile up. docs/design/007-delivery-modes.md.
 */
export class AtMostOnce {
  readonly #options: AtMostOnceOptions
  readonly #last: Record<string, Committable[]> = {}
  #cancelTimer: () => void = () => undefined
  #cuts = 0
  #committedMs = Number.NEGATIVE_INFINITY
  #stopped = false
  /** Commits, one after the other. */
  #work: Promise<void> = Promise.resolve()

  constructor(options: AtMostOnceOptions) {
    this.#options = options
  }

  /** Every subtask is up. */
  start(): void {
    if (this.#stopped) return
    const { everyMs, minPauseMs, environment, tellAll } = this.#options
    this.#cancelTimer = environment.every(everyMs, () => {
      if (environment.now() - this.#committedMs >= minPauseMs) tellAll("cutOutput", ++this.#cuts)
    })
  }

  async claim(vertex: number, { splitId, ...piece }: SplitClaim): Promise<void> {
    // What comes from a dead attempt must not set a split back.
    if (this.#stopped) throw new Error("a claim came after the end of its attempt")
    await this.#options.log.append({ operatorId: this.#options.plan.vertices[vertex]!.id, id: splitId, ...piece })
  }

  /** Resolves when it is committed, or will not be. */
  outputCut(_place: SubtaskPlace, prepared: PreparedBySink): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    this.#work = this.#work
      .then(() => this.#commit(prepared, false))
      .then(() => {
        this.#committedMs = this.#options.environment.now()
        this.#options.onCommitted()
      })
      .catch(this.#options.fail)
    return this.#work
  }

  subtaskEnded(share: SubtaskShare): void {
    for (const [operatorId, committables] of Object.entries(share.prepared)) {
      this.#last[operatorId] ??= []
      this.#last[operatorId].push(...committables)
    }
  }

  /** All subtasks have ended: commits the tail. */
  async finish(): Promise<void> {
    this.#cancelTimer()
    await this.#work
    await this.#commit(this.#last, true)
  }

  /** The attempt is over. Resolves when nothing is being committed any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelTimer()
    await this.#work
  }

  async #commit(prepared: PreparedBySink, final: boolean): Promise<void> {
    for (const { id, sink, context } of this.#options.sinks) {
      const committables = prepared[id] ?? []
      if (committables.length > 0 || final) await sink.commit?.(committables, { ...context, final })
    }
  }
}

/** The splits of a source that have something left: those begun first. */
export function claimedProgress(splits: readonly ClaimedSplit[], operatorId: string): readonly SplitProgress[] {
  const progress = splits
    .filter((each) => each.operatorId === operatorId && !each.done)
    .map(({ id, data, next, newestMs }): SplitProgress => {
      const split: Split = { id, data }
      return next === undefined ? unread(split) : { split, from: next as SplitProgress["from"], skip: 0, newestMs }
    })
  return [...progress.filter(({ from }) => from !== undefined), ...progress.filter(({ from }) => from === undefined)]
}

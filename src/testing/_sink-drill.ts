import type { Committable, Sink, SinkContext, SinkJobContext, SinkKind, SinkWriter } from "../contracts/index.ts"
import type { Restart, SinkAction, SinkSchedule } from "./_sink-schedule.ts"

export interface SinkDrillOptions<T> {
  /** Makes the sink as a process or a worker does, when it loads the pipeline. */
  readonly makeSink: () => Sink<T>
  readonly kind: SinkKind
  readonly record: (n: number) => T
  /** Of a record that was written or read. */
  readonly key: (record: T) => string
  /** What a reader of the outside system sees. */
  readonly read: () => Promise<readonly T[]> | readonly T[]
}

/** What a sink did that it must not. */
export class DrillFailure extends Error {
  override readonly name = "DrillFailure"
}

type CheckpointAction = Omit<Extract<SinkAction, { readonly type: "checkpoint" }>, "type">

/** A published checkpoint: what of the input it covers, and what is to be committed. */
interface Manifest {
  readonly id: number
  /** Records 0 up to here. */
  readonly position: number
  readonly committables: readonly Committable[]
  readonly final: boolean
}

const FINAL_CHECKPOINT = Number.MAX_SAFE_INTEGER

/**
 * Takes one sink through one schedule, as the engine would: the order of calls is that of a job with checkpoints. After
 * every action it compares what readers see with what they may.
 *
 * The model: the input is records 0, 1, 2 ...; a checkpoint covers those before its position; after a crash they are
 * written again from the position of the last published checkpoint on, by other writers.
 */
export class SinkDrill<T> {
  /** What was done, in words. */
  readonly log: string[] = []
  readonly #options: SinkDrillOptions<T>
  /** The sink as the main thread has it. */
  #sink: Sink<T>
  #writers: SinkWriter<T>[] = []
  /** Writers of dead processes, to be closed when all is over: a dead process closes nothing. */
  readonly #dead: SinkWriter<T>[] = []
  #attempt = 0
  #checkpoint = 0
  #position = 0
  /** Records ever written: 0 up to here. */
  #reached = 0
  /** Prepared in this attempt, and in no published checkpoint. */
  #uncommitted: Committable[] = []
  #published: Manifest[] = []
  /** Records visible for sure, and those that may be. */
  #visibleFrom = 0
  #visibleTo = 0

  constructor(options: SinkDrillOptions<T>) {
    this.#options = options
    this.#sink = options.makeSink()
  }

  async run(schedule: SinkSchedule): Promise<void> {
    try {
      await this.#startProcess(schedule.parallelism)
      for (const action of schedule.actions) {
        await this.#act(action)
        await this.#compare()
      }
      await this.#finish(schedule)
      await this.#compare(true)
    } finally {
      for (const writer of [...this.#dead, ...this.#writers]) await Promise.allSettled([writer.close?.(true)])
    }
  }

  async #act(action: SinkAction): Promise<void> {
    switch (action.type) {
      case "write":
        return this.#write(action.subtask % this.#writers.length, action.records)
      case "checkpoint":
        return this.#takeCheckpoint(action, false)
      case "crash":
        return this.#crash(action.restart)
    }
  }

  async #write(subtask: number, count: number): Promise<void> {
    const from = this.#position
    const to = from + count
    this.#position = to
    this.#reached = Math.max(this.#reached, to)
    const numbers = Array.from({ length: count }, (_, index) => from + index)
    const { record, key, kind } = this.#options
    // Records of a key go to one writer, as keyBy sees to; without keys one writer gets them all.
    const targets = new Map<number, number[]>()
    for (const n of numbers) {
      const target = kind === "upsert" ? hash(key(record(n))) % this.#writers.length : subtask
      targets.set(target, [...(targets.get(target) ?? []), n])
    }
    for (const [target, its] of targets) {
      this.log.push(`subtask ${target} writes ${its.length === 1 ? "record" : "records"} ${its.join(", ")}`)
      const times = its.map((n) => n * 1000)
      await this.#call("write", async () => this.#writers[target]!.write(its.map(record), times))
    }
  }

  async #takeCheckpoint({ end, share, meanwhile, restart }: CheckpointAction, final: boolean): Promise<void> {
    const id = ++this.#checkpoint
    const name = final ? "the last checkpoint" : `checkpoint ${id}`
    const position = this.#position
    const preparing = this.#writers.slice(0, end === "crash-while-preparing" ? share % this.#writers.length : undefined)
    const prepared = preparing.map((writer, subtask) => {
      this.log.push(`subtask ${subtask} prepares ${name}`)
      return this.#call("prepareCommit", async () => writer.prepareCommit?.(final ? FINAL_CHECKPOINT : id))
    })
    // Of one that fails the others are waited for as well: nothing may go on behind the comparison.
    const settled = Promise.allSettled(prepared)
    if (meanwhile > 0 && !final && this.#writers.every(({ writesWhilePreparing }) => writesWhilePreparing === true)) {
      this.log.push("while they do, records of the next one come")
      await this.#write(0, meanwhile)
    }
    await settled
    for (const committables of await Promise.all(prepared)) {
      this.#uncommitted.push(...(committables ?? []).map(throughJson))
    }
    if (end === "crash-while-preparing" || end === "crash-before-publishing") return this.#crash(restart)
    if (end === "given-up") {
      this.log.push(`${name} is given up`)
      return
    }
    if (final) {
      for (const [subtask, writer] of this.#writers.entries()) {
        this.log.push(`subtask ${subtask} closes`)
        await this.#call("close", async () => writer.close?.(false))
      }
      this.#writers = []
    }
    this.log.push(`${name} is published`)
    const manifest = { id, position, committables: this.#uncommitted, final }
    this.#published.push(manifest)
    this.#uncommitted = []
    if (end === "crash-before-commit") return this.#crash(restart)
    if (end === "crash-during-commit") {
      const part = manifest.committables.slice(0, share % (manifest.committables.length + 1))
      await this.#commit(manifest, part, false)
      return this.#crash(restart)
    }
    await this.#commit(manifest, manifest.committables, final)
    if (end === "crash-after-commit") return this.#crash(restart)
  }

  async #commit(manifest: Manifest, committables: readonly Committable[], final: boolean): Promise<void> {
    const all = committables.length === manifest.committables.length
    this.log.push(
      `${all ? "all" : `${committables.length} of ${manifest.committables.length}`} prepared for checkpoint ${manifest.id} is committed${final ? ", as the last" : ""}`,
    )
    this.#visibleTo = Math.max(this.#visibleTo, manifest.position)
    await this.#call("commit", async () => this.#sink.commit?.(committables, { ...this.#context, final }))
    if (all) this.#visibleFrom = Math.max(this.#visibleFrom, manifest.position)
  }

  async #crash(restart: Restart): Promise<void> {
    for (let times = 0; times <= restart.again; times++) {
      if (restart.crash === "process") {
        this.log.push("the process is killed")
        this.#dead.push(...this.#writers)
      } else {
        this.log.push("a worker fails, the others close")
        const [failed, ...others] = this.#writers
        if (failed !== undefined) this.#dead.push(failed)
        for (const writer of others) await this.#call("close", async () => writer.close?.(true))
      }
      this.#writers = []
      await this.#compare()
      if (restart.damaged) this.#loseNewest()
      const last = times === restart.again
      if (restart.crash === "process") await this.#startProcess(last ? restart.parallelism : 0)
      else await this.#startAttempt(last ? restart.parallelism : 0)
    }
  }

  /** A damaged checkpoint is passed over, unless its output may be committed. */
  #loseNewest(): void {
    const newest = this.#published.at(-1)
    if (newest === undefined || newest.position <= this.#visibleTo || this.#published.length < 2) return
    this.log.push(`checkpoint ${newest.id} turns out to be damaged`)
    this.#published.pop()
  }

  async #startProcess(parallelism: number): Promise<void> {
    this.#sink = this.#options.makeSink()
    this.log.push("a process starts")
    await this.#call("prepare", async () => this.#sink.prepare?.({ ...this.#context, parallelism: parallelism || 1 }))
    await this.#startAttempt(parallelism)
  }

  async #startAttempt(parallelism: number): Promise<void> {
    this.#attempt += 1
    this.#uncommitted = []
    const manifest = this.#published.at(-1)
    this.#position = manifest?.position ?? 0
    if (manifest !== undefined) {
      this.log.push(`it goes on from checkpoint ${manifest.id}, record ${manifest.position}`)
      await this.#commit(manifest, manifest.committables, false)
    }
    this.log.push("what else was prepared is aborted")
    await this.#call("abort", async () => this.#sink.abort?.(this.#context))
    if (parallelism > 0) this.log.push(`${count(parallelism, "writer")} open`)
    for (let subtask = 0; subtask < parallelism; subtask++) {
      const context: SinkContext = {
        ...this.#context,
        parallelism,
        subtask,
        attempt: this.#attempt,
        signal: new AbortController().signal,
        toMain: async () => undefined,
      }
      // A worker has built the pipeline, and with it the sink, for itself.
      this.#writers.push(await this.#call("writer", async () => this.#options.makeSink().writer(context)))
    }
  }

  async #finish({ end, share, restart }: SinkSchedule): Promise<void> {
    // The input ends where it ends: what was written once is written again before that.
    if (this.#position < this.#reached) await this.#write(0, this.#reached - this.#position)
    await this.#takeCheckpoint({ end, share, meanwhile: 0, restart: { ...restart, damaged: false } }, true)
    if (end === "complete") return
    // All subtasks had ended: they only say so again, and the job commits what is left, which is nothing.
    for (const writer of this.#writers) await this.#call("close", async () => writer.close?.(false))
    this.#writers = []
    this.log.push("the job ends")
    await this.#call("commit", async () => this.#sink.commit?.([], { ...this.#context, final: true }))
  }

  get #context(): SinkJobContext {
    return { jobName: "torture", runId: "run-1", operatorId: "sink", parallelism: Math.max(1, this.#writers.length) }
  }

  async #call<R>(name: string, call: () => Promise<R>): Promise<R> {
    try {
      return await call()
    } catch (error) {
      throw new DrillFailure(`${name} failed: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      })
    }
  }

  async #compare(atEnd = false): Promise<void> {
    const found = await this.#options.read()
    if (this.#options.kind === "upsert") this.#compareKeys(found, atEnd)
    else this.#compareAll(found)
  }

  /** Every record that is committed once, none that is not. */
  #compareAll(found: readonly T[]): void {
    const { record } = this.#options
    const numbers = new Map<string, number>()
    for (let n = 0; n < this.#reached; n++) numbers.set(textOf(record(n)), n)
    const seen = new Set<number>()
    for (const each of found) {
      const n = numbers.get(textOf(each))
      if (n === undefined) throw new DrillFailure(`${textOf(each)} is there, and was never written`)
      if (seen.has(n)) throw new DrillFailure(`record ${n} is there twice`)
      if (n >= this.#visibleTo) {
        throw new DrillFailure(`record ${n} is there, and no commit has been asked for`)
      }
      seen.add(n)
    }
    for (let n = 0; n < this.#visibleFrom; n++) {
      if (!seen.has(n)) throw new DrillFailure(`record ${n} is committed, and not there`)
    }
  }

  /** Every key has a record that it may have: the last of a complete checkpoint, or one that was written since. */
  #compareKeys(found: readonly T[], atEnd: boolean): void {
    const { record, key } = this.#options
    const durable = this.#published.at(-1)?.position ?? 0
    const allowed = new Map<string, { texts: Set<string>; needed: boolean; last: string }>()
    for (let n = 0; n < this.#reached; n++) {
      const text = textOf(record(n))
      const place = allowed.get(key(record(n)))
      // Up to the checkpoint only the last record of a key counts.
      if (n < durable || place === undefined) {
        allowed.set(key(record(n)), { texts: new Set([text]), needed: n < durable, last: text })
      } else {
        place.texts.add(text)
        place.last = text
      }
    }
    const seen = new Set<string>()
    for (const each of found) {
      const name = key(each)
      const place = allowed.get(name)
      if (place === undefined) throw new DrillFailure(`key ${name} is there, and was never written`)
      if (seen.has(name)) throw new DrillFailure(`key ${name} is there twice`)
      seen.add(name)
      const text = textOf(each)
      if (atEnd ? text !== place.last : !place.texts.has(text)) {
        throw new DrillFailure(
          `key ${name} has ${text}, where ${atEnd ? place.last : [...place.texts].join(" or ")} belongs`,
        )
      }
    }
    for (const [name, { needed, last }] of allowed) {
      if ((needed || atEnd) && !seen.has(name))
        throw new DrillFailure(`key ${name} is not there, where ${last} belongs`)
    }
  }
}

/** As a checkpoint keeps it: what is not plain data does not come back. */
function throughJson(committable: Committable): Committable {
  return JSON.parse(JSON.stringify(committable)) as Committable
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`
}

function textOf(record: unknown): string {
  return JSON.stringify(record)
}

function hash(text: string): number {
  let value = 0
  for (let index = 0; index < text.length; index++) value = (Math.imul(value, 31) + text.charCodeAt(index)) >>> 0
  return value
}

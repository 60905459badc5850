import type { Committable, Sink, SinkJobContext, SinkWriter } from "../contracts/index.ts"
import { invariant } from "../errors/index.ts"

/** One record that arrived in an outside system. */
export interface Arrival {
  readonly value: unknown
  readonly timeMs: number
  /** Subtask that wrote it. */
  readonly subtask: number
  /** Which commit made it visible, counted from 1. */
  readonly commit: number
}

/**
 * The systems outside a simulated job, which outlive its crashes: transactions that sinks opened, and what they committed.
 * Strict where real ones are lenient: what was aborted cannot be committed, what was committed is not committed twice.
 */
export class Outside {
  /** By operator id. */
  readonly committed = new Map<string, Arrival[]>()
  /** Broken promises of the engine, in words. */
  readonly complaints: string[] = []
  #prepared = new Map<string, { readonly runId: string; readonly operatorId: string; readonly rows: readonly Row[] }>()
  readonly #done = new Set<string>()
  /** Most transactions of one writer that were prepared and neither committed nor aborted, at any time. */
  mostPrepared = 0
  #transactions = 0
  #calls = 0
  #commits = 0
  /** How long a write takes, in steps; 0: it is done when it returns. */
  readonly #writeMs: number
  /** Resolves after so many steps. */
  pause: (ms: number) => Promise<void> = () => Promise.resolve()
  /** Resolves when a call to the outside may be done. */
  turn: (what: string) => Promise<void> = () => Promise.resolve()
  /** Whether the n-th call, of those that prepare and those that commit, counted from 1, fails; and if so, before or after it has done its work. */
  refuse: (call: number) => "before" | "after" | undefined = () => undefined
  /** Called before something becomes visible. */
  beforeCommit: () => void = () => undefined

  constructor({ writeMs = 0 }: { readonly writeMs?: number } = {}) {
    this.#writeMs = writeMs
  }

  /** A sink in two phases, as the engine sees it. */
  sink(): Sink<unknown> {
    return {
      label: "simulated sink",
      writer: ({ runId, operatorId, subtask }) => this.#writer(runId, operatorId, subtask),
      commit: (committables, context) => this.#commit(committables, context),
      abort: (context) => this.#abort(context),
    }
  }

  rows(operatorId: string): readonly Arrival[] {
    return this.committed.get(operatorId) ?? []
  }

  /** Transactions that are neither committed nor aborted. */
  get open(): readonly string[] {
    return [...this.#prepared.keys()]
  }

  #writer(runId: string, operatorId: string, subtask: number): SinkWriter<unknown> {
    let rows: Row[] = []
    return {
      write: (values, timesMs) => {
        values.forEach((value, index) => {
          rows.push({ value, timeMs: timesMs[index]!, subtask })
        })
        if (this.#writeMs > 0) return this.pause(this.#writeMs)
      },
      prepareCommit: async (checkpointId) => {
        if (rows.length === 0) return []
        const refusal = this.refuse(++this.#calls)
        if (refusal === "before") throw new Error("the outside system refuses to prepare")
        const id = `${operatorId}/${subtask}/${checkpointId}/${++this.#transactions}`
        const taken = rows
        rows = []
        this.#prepared.set(id, { runId, operatorId, rows: taken })
        const ofWriter = [...this.#prepared.keys()].filter((each) => each.startsWith(`${operatorId}/${subtask}/`))
        this.mostPrepared = Math.max(this.mostPrepared, ofWriter.length)
        if (refusal === "after") throw new Error("the outside system has prepared, and its answer is lost")
        return [{ id, rows: taken.length }]
      },
    }
  }

  async #commit(committables: readonly Committable[], { operatorId }: SinkJobContext): Promise<void> {
    for (const { id } of committables) {
      await this.turn(`commit ${id}`)
      const name = String(id)
      if (this.#done.has(name)) continue
      const transaction = this.#prepared.get(name)
      if (transaction === undefined) {
        this.complaints.push(`OUT-5: transaction ${name} is to be committed, and was aborted`)
        continue
      }
      invariant(transaction.operatorId === operatorId, () => `${operatorId} commits ${name}`)
      const refusal = this.refuse(++this.#calls)
      if (refusal === "before") throw new Error("the outside system refuses to commit")
      this.beforeCommit()
      this.#commits += 1
      this.#done.add(name)
      this.#prepared.delete(name)
      const into = this.committed.get(operatorId) ?? []
      for (const row of transaction.rows) into.push({ ...row, commit: this.#commits })
      this.committed.set(operatorId, into)
      if (refusal === "after") throw new Error("the outside system has committed, and its answer is lost")
      // A crash here is one between the commit and our knowing of it.
      await this.turn(`committed ${id}`)
    }
  }

  async #abort({ operatorId, runId }: SinkJobContext): Promise<void> {
    await this.turn(`abort what ${operatorId} prepared`)
    for (const [id, transaction] of this.#prepared) {
      if (transaction.operatorId === operatorId && transaction.runId === runId) this.#prepared.delete(id)
    }
  }
}

interface Row {
  readonly value: unknown
  readonly timeMs: number
  readonly subtask: number
}

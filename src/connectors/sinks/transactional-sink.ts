import { createHash } from "node:crypto"
import type { Committable, Sink, SinkJobContext, SinkWriter } from "../../contracts/index.ts"
import { describe, EngineError } from "../../errors/index.ts"

/**
 * An outside system with transactions that can be prepared (two-phase commit): from `prepare` on a transaction outlives
 * its connection, and its process, until somebody commits or aborts it by its id.
 */
export interface TransactionalSystem<T, Connection> {
  /** For messages and plans, e.g. `orders(table)`. */
  readonly label: string
  /** One per writer, on its worker; one in the main thread for each round of commits and aborts. */
  connect(): Connection | Promise<Connection>
  disconnect?(connection: Connection): void | Promise<void>
  /** Opens a transaction under this id, which is unique and at most 200 characters of `A-Z a-z 0-9 _ - . ~ % /`. */
  begin(connection: Connection, id: string): void | Promise<void>
  /** Writes records within the transaction. No reader may see them yet. */
  write(connection: Connection, id: string, values: readonly T[], timesMs: readonly number[]): void | Promise<void>
  /** Everything written must be durable when this resolves. */
  prepare(connection: Connection, id: string): void | Promise<void>
  /**
   * Makes a prepared transaction visible, as a whole. It may have been committed already, then nothing changes: keep the ids
   * of what was committed, in the same transaction if need be. An id that was neither prepared nor committed is a lost
   * transaction: throw.
   */
  commit(connection: Connection, id: string): void | Promise<void>
  /** Ends a transaction that is open or prepared, as if it had never been. Fine when there is none of this id. */
  abort(connection: Connection, id: string): void | Promise<void>
  /** Ids of all transactions that begin with `prefix` and are open or prepared, whoever opened them. */
  list(connection: Connection, prefix: string): readonly string[] | Promise<readonly string[]>
}

/**
 * A sink for a system with two-phase transactions.
 *
 * - One transaction per writer and checkpoint, begun by the first record; without records there is none.
 * - Ids are `millrace/<job>/<run>/<operator>/<attempt>-<subtask>-<n>`: no attempt meets a transaction of another.
 * - After a failure every transaction of the run that is not part of the checkpoint is aborted, found by `list`: also those of
 *   subtasks that no longer exist.
 *
 * @throws {EngineError} SINK_COMMITTABLE_INVALID when a checkpoint holds something that is no transaction of this sink
 */
export function transactionalSink<T, Connection>(system: TransactionalSystem<T, Connection>): Sink<T> {
  return {
    label: system.label,
    kind: "transactional",
    async writer(context) {
      const prefix = `${prefixOf(context)}${context.attempt}-${context.subtask}-`
      return new TransactionWriter(system, await system.connect(), prefix)
    },
    async commit(committables, context) {
      const ids = committables.map((committable) => transactionOf(committable, context))
      if (ids.length === 0) return
      await connected(system, async (connection) => {
        for (const id of ids) await system.commit(connection, id)
      })
    },
    async abort(context) {
      const prefix = prefixOf(context)
      await connected(system, async (connection) => {
        for (const id of await system.list(connection, prefix)) {
          // A list that answers too much must not end the transactions of others.
          if (id.startsWith(prefix)) await system.abort(connection, id)
        }
      })
    },
  }
}

class TransactionWriter<T, Connection> implements SinkWriter<T> {
  readonly #system: TransactionalSystem<T, Connection>
  readonly #connection: Connection
  readonly #prefix: string
  #begun = 0
  #open: string | undefined

  constructor(system: TransactionalSystem<T, Connection>, connection: Connection, prefix: string) {
    this.#system = system
    this.#connection = connection
    this.#prefix = prefix
  }

  async write(values: T[], timesMs: number[]): Promise<void> {
    if (this.#open === undefined) {
      const id = `${this.#prefix}${this.#begun++}`
      await this.#system.begin(this.#connection, id)
      this.#open = id
    }
    await this.#system.write(this.#connection, this.#open, values, timesMs)
  }

  async prepareCommit(): Promise<readonly Committable[]> {
    const id = this.#open
    if (id === undefined) return []
    await this.#system.prepare(this.#connection, id)
    this.#open = undefined
    return [{ transaction: id }]
  }

  /** A transaction that is open now is in no checkpoint; those prepared are for others to commit or abort. */
  async close(): Promise<void> {
    const id = this.#open
    this.#open = undefined
    try {
      if (id !== undefined) await this.#system.abort(this.#connection, id)
    } finally {
      await this.#system.disconnect?.(this.#connection)
    }
  }
}

async function connected<T, Connection>(
  system: TransactionalSystem<T, Connection>,
  act: (connection: Connection) => Promise<void>,
): Promise<void> {
  const connection = await system.connect()
  try {
    await act(connection)
  } finally {
    await system.disconnect?.(connection)
  }
}

/** Ends in a slash, and its pieces hold none: no run's prefix begins another's. */
function prefixOf({ jobName, runId, operatorId }: SinkJobContext): string {
  return `millrace/${[jobName, runId, operatorId].map(pieceOf).join("/")}/`
}

const PIECE_CHARS = 48

/** Long names are cut, and told apart by a hash. */
function pieceOf(name: string): string {
  const piece = encodeURIComponent(name)
  if (piece.length <= PIECE_CHARS) return piece
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 12)
  return `${piece.slice(0, PIECE_CHARS - 13)}~${hash}`
}

function transactionOf(committable: Committable, context: SinkJobContext): string {
  const { transaction } = committable
  if (typeof transaction === "string" && transaction.startsWith(prefixOf(context))) return transaction
  throw new EngineError(
    "SINK_COMMITTABLE_INVALID",
    `Cannot commit ${describe(committable)}: it names no transaction of this sink; restore from a checkpoint of this pipeline`,
  )
}

import { mkdirSync } from "node:fs"
import type { RootDatabase, Transaction } from "lmdb"
import { EngineError } from "../../errors/index.ts"
import type { BytesChange, ClosableView, OrderedBytes } from "./ordered-bytes.ts"

/** An LMDB environment as a sorted map of bytes. */
export interface LmdbBytes extends OrderedBytes {
  close(): Promise<void>
}

/** Not flushed to disk: what it holds is scratch, and checkpoints are what survives. */
const COMMIT_WITHOUT_SYNC = 0x2 | 0x10000
/** A byte behind all that a place's second half may begin with. */
const BEHIND = 0xff

/**
 * Opens an LMDB environment in a directory of its own, which is made. Pages are written through a memory map and never
 * synced: the directory is worth nothing after a crash.
 *
 * @throws {EngineError} PEER_MISSING when the package lmdb is not installed; STATE_DISK_FAILED
 */
export async function openLmdb(directory: string): Promise<LmdbBytes> {
  const { open } = await importLmdb()
  try {
    mkdirSync(directory, { recursive: true })
    return new Environment(
      directory,
      open<Buffer, Uint8Array>({
        path: directory,
        keyEncoding: "binary",
        encoding: "binary",
        cache: false,
        noSync: true,
        overlappingSync: false,
        useWritemap: true,
      } as Parameters<typeof open>[0]) as RootDatabase<Buffer, Uint8Array>,
    )
  } catch (error) {
    throw failed("open", directory, error)
  }
}

class Environment implements LmdbBytes {
  readonly #directory: string
  readonly #database: RootDatabase<Buffer, Uint8Array>

  constructor(directory: string, database: RootDatabase<Buffer, Uint8Array>) {
    this.#directory = directory
    this.#database = database
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#attempt("read from", () => this.#database.get(key))
  }

  range(prefix: Uint8Array, after: Uint8Array | undefined, limit: number): ReturnType<OrderedBytes["range"]> {
    return this.#attempt("read from", () => this.#range(prefix, after, limit, undefined))
  }

  write(changes: readonly BytesChange[]): void {
    const database = this.#database
    this.#attempt("write to", () =>
      database.transactionSync(() => {
        for (const { key, value } of changes) {
          if (value === undefined) database.removeSync(key)
          else database.putSync(key, asBuffer(value))
        }
      }, COMMIT_WITHOUT_SYNC),
    )
  }

  view(): ClosableView {
    const transaction = this.#attempt("read from", () => this.#database.useReadTransaction())
    return {
      get: (key) => this.#attempt("read from", () => this.#database.get(key, { transaction })),
      range: (prefix, after, limit) => this.#attempt("read from", () => this.#range(prefix, after, limit, transaction)),
      close: () => transaction.done(),
    }
  }

  close(): Promise<void> {
    return this.#database.close()
  }

  #range(
    prefix: Uint8Array,
    after: Uint8Array | undefined,
    limit: number,
    transaction: Transaction | undefined,
  ): ReturnType<OrderedBytes["range"]> {
    const end = new Uint8Array(prefix.length + 1)
    end.set(prefix)
    end[prefix.length] = BEHIND
    const found = this.#database.getRange({
      start: after ?? prefix,
      exclusiveStart: after !== undefined,
      end,
      limit,
      ...(transaction === undefined ? {} : { transaction }),
    })
    return [...found]
  }

  #attempt<T>(what: string, act: () => T): T {
    try {
      return act()
    } catch (error) {
      throw failed(what, this.#directory, error)
    }
  }
}

/** lmdb writes Buffers as they are, and other arrays by their encoding. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

async function importLmdb(): Promise<typeof import("lmdb")> {
  try {
    return await import("lmdb")
  } catch (cause) {
    const code = (cause as { code?: unknown } | null)?.code
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw cause
    throw new EngineError(
      "PEER_MISSING",
      "Cannot keep state on disk: the package lmdb is not installed; run npm install lmdb",
      {
        cause,
        details: { package: "lmdb" },
      },
    )
  }
}

function failed(what: string, directory: string, cause: unknown): EngineError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new EngineError(
    "STATE_DISK_FAILED",
    `Cannot ${what} the state in ${directory}: ${reason}; see that the disk is writable and not full, or give another directory by state: { kind: "lmdb", directory }`,
    { cause, details: { directory } },
  )
}

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { csv } from "../connectors/files/csv.ts"
import { ndjson } from "../connectors/files/ndjson.ts"
import { transactionalSink, type UpsertStore, upsertSink } from "../connectors/sinks/index.ts"
import type { Sink, SinkContext } from "../contracts/index.ts"
import { loadFastCheck } from "../proving/load-fast-check.ts"
import { type SinkTorture, type TortureSinkOptions, tortureSink } from "./torture-sink.ts"

interface Row {
  readonly id: number
}

/** A database with two-phase transactions, in memory: what outlives a process of the job. */
class Database {
  rows: Row[] = []
  readonly transactions = new Map<string, { rows: Row[]; prepared: boolean }>()
  readonly committed = new Set<string>()

  reset(): void {
    this.rows = []
    this.transactions.clear()
    this.committed.clear()
  }

  begin(id: string): void {
    if (!this.transactions.has(id)) this.transactions.set(id, { rows: [], prepared: false })
  }

  write(id: string, rows: readonly Row[]): void {
    this.transactions.get(id)!.rows.push(...rows)
  }

  prepare(id: string): void {
    this.transactions.get(id)!.prepared = true
  }

  commit(id: string): void {
    if (this.committed.has(id)) return
    const transaction = this.transactions.get(id)
    if (transaction?.prepared !== true) throw new Error(`there is no prepared transaction ${id}`)
    this.rows.push(...transaction.rows)
    this.committed.add(id)
    this.transactions.delete(id)
  }

  abort(id: string): void {
    this.transactions.delete(id)
  }
}

const db = new Database()

/** The sound sink over the database, with calls to be replaced by broken ones. */
function databaseSink(broken: Partial<Database> & { writer?: Sink<Row>["writer"] } = {}): Sink<Row> {
  const calls = { ...bound(db), ...broken }
  const sink = transactionalSink<Row, Database>({
    label: "rows",
    connect: () => db,
    begin: (_, id) => calls.begin(id),
    write: (_, id, rows) => calls.write(id, rows),
    prepare: (_, id) => calls.prepare(id),
    commit: (_, id) => calls.commit(id),
    abort: (_, id) => calls.abort(id),
    list: (_, prefix) => [...db.transactions.keys()].filter((id) => id.startsWith(prefix)),
  })
  return broken.writer === undefined ? sink : { ...sink, writer: broken.writer }
}

function bound(database: Database): Pick<Database, "begin" | "write" | "prepare" | "commit" | "abort"> {
  return {
    begin: (id) => database.begin(id),
    write: (id, rows) => database.write(id, rows),
    prepare: (id) => database.prepare(id),
    commit: (id) => database.commit(id),
    abort: (id) => database.abort(id),
  }
}

const OPTIONS: TortureSinkOptions<Row> = {
  reset: () => db.reset(),
  read: () => db.rows,
  record: (n) => ({ id: n }),
}

const found = async (torture: Promise<SinkTorture>): Promise<string> => {
  try {
    await torture
  } catch (error) {
    expect(error).toMatchObject({ code: "SINK_TORTURE_FAILED", details: { seed: expect.any(Number) } })
    return (error as Error).message
  }
  throw new Error("nothing was found")
}

describe("tortureSink() of a transactional sink", () => {
  test("finds nothing in a sound one", async () => {
    const { runs, steps } = await tortureSink(() => databaseSink(), { ...OPTIONS, runs: 500 })
    expect(runs).toBe(500)
    expect(steps).toBeGreaterThan(5000)
    expect(db.transactions.size).toBe(0)
  })

  test.each<[string, () => Sink<Row>, RegExp]>([
    [
      "a commit that is not idempotent",
      () =>
        databaseSink({
          commit: (id) => {
            const rows = db.transactions.get(id)?.rows ?? keptRows.get(id) ?? []
            db.rows.push(...rows)
            keptRows.set(id, rows)
            db.transactions.delete(id)
          },
        }),
      /is there twice/,
    ],
    [
      "a commit at prepare",
      () =>
        databaseSink({
          prepare: (id) => {
            db.prepare(id)
            db.commit(id)
          },
        }),
      /no commit has been asked for/,
    ],
    [
      "a writer that loses its buffer at prepare",
      () => {
        const buffers = new Map<string, Row[]>()
        return databaseSink({
          begin: (id) => {
            buffers.set(id, [])
            db.begin(id)
          },
          write: (id, rows) => {
            const buffer = buffers.get(id)!
            buffer.push(...rows)
            // Only full buffers are written.
            if (buffer.length >= 3) db.write(id, buffer.splice(0))
          },
        })
      },
      /is committed, and not there/,
    ],
    [
      "an abort that removes committed output",
      () => ({
        ...databaseSink(),
        abort: async () => {
          db.transactions.clear()
          db.rows = []
        },
      }),
      /is committed, and not there/,
    ],
    [
      "a restart that forgets what was prepared",
      () => {
        // A list in memory of what is to be committed: lost with the process.
        preparedHere = new Set()
        return databaseSink({
          prepare: (id) => {
            preparedHere.add(id)
            db.prepare(id)
          },
          commit: (id) => {
            if (preparedHere.has(id)) db.commit(id)
          },
        })
      },
      /is committed, and not there/,
    ],
    [
      "an abort that looks at no more subtasks than there are, where ids come again",
      () => ({
        ...databaseSink({ writer: (context) => reusingWriter(context) }),
        abort: async ({ parallelism }) => {
          for (let subtask = 0; subtask < parallelism; subtask++) {
            for (const id of db.transactions.keys()) if (id.startsWith(`${subtask}-`)) db.abort(id)
          }
        },
        commit: async (committables) => {
          for (const { id } of committables) db.commit(String(id))
        },
      }),
      /is there twice|is committed, and not there|no commit has been asked for/,
    ],
    [
      "a last commit that is forgotten",
      () => {
        const sink = databaseSink()
        return {
          ...sink,
          commit: async (committables, context) => {
            if (!context.final) await sink.commit!(committables, context)
          },
        }
      },
      /is committed, and not there/,
    ],
    [
      "a prepare of which only the last transaction is known",
      () => {
        const sink = databaseSink()
        return {
          ...sink,
          commit: async (committables, context) => sink.commit!(committables.slice(-1), context),
        }
      },
      /is committed, and not there/,
    ],
    [
      "a writer that takes records while it prepares, and counts them in",
      () => {
        const sink = databaseSink()
        return {
          ...sink,
          writer: async (context) => {
            const inner = await sink.writer(context)
            return {
              writesWhilePreparing: true,
              write: (rows, times) => inner.write(rows, times),
              prepareCommit: async (id) => {
                await new Promise((resolve) => setImmediate(resolve))
                return inner.prepareCommit!(id)
              },
            }
          },
        }
      },
      /no commit has been asked for/,
    ],
    [
      "a writer that fails",
      () =>
        databaseSink({
          write: () => {
            throw new Error("the connection is gone")
          },
        }),
      /write failed: the connection is gone/,
    ],
  ])("catches %s", async (_name, makeSink, expected) => {
    keptRows.clear()
    const message = await found(tortureSink(makeSink, { ...OPTIONS, runs: 500 }))
    expect(message).toMatch(expected)
    expect(message).toMatch(/^Cannot call rows a transactional sink: .+, after these steps:\n {2}1\. a process starts/)
  })

  test("a failing schedule is the shortest, and the same for the same seed", async () => {
    const commitsAtPrepare = () =>
      databaseSink({
        prepare: (id) => {
          db.prepare(id)
          db.commit(id)
        },
      })
    const message = await found(tortureSink(commitsAtPrepare, { ...OPTIONS, seed: 7 }))
    expect(await found(tortureSink(commitsAtPrepare, { ...OPTIONS, seed: 7 }))).toBe(message)
    expect(message.split("\n").length).toBeLessThan(14)
  })
})

const keptRows = new Map<string, readonly Row[]>()
let preparedHere = new Set<string>()

function reusingWriter({ subtask }: SinkContext) {
  let n = 0
  let open: string | undefined
  return {
    write(rows: Row[]) {
      open ??= `${subtask}-${n++}`
      db.begin(open)
      db.write(open, rows)
    },
    async prepareCommit() {
      if (open === undefined) return []
      const id = open
      open = undefined
      db.prepare(id)
      return [{ id }]
    },
  }
}

interface Total {
  readonly key: string
  readonly n: number
}

describe("tortureSink() of an upsert sink", () => {
  const store = new Map<string, Total>()
  const options: TortureSinkOptions<Total> = {
    reset: () => store.clear(),
    read: () => [...store.values()],
    record: (n) => ({ key: `k${(n * 7) % 5}`, n }),
    key: (total) => total.key,
    runs: 500,
  }
  /** Keeps what it writes in memory until it is told to flush. */
  const bufferingStore = (flush: (buffer: Map<string, Total>) => void): UpsertStore<Total, Map<string, Total>> => ({
    label: "totals",
    key: (total) => total.key,
    connect: () => new Map(),
    write: (buffer, entries) => {
      for (const [key, total] of entries) buffer.set(key, total)
      if (buffer.size > 3) flush(buffer)
    },
    flush,
  })
  const buffering = (flush: (buffer: Map<string, Total>) => void) => upsertSink(bufferingStore(flush))
  const flushAll = (buffer: Map<string, Total>): void => {
    for (const [key, total] of buffer) store.set(key, total)
    buffer.clear()
  }

  test("finds nothing in a sound one", async () => {
    expect((await tortureSink(() => buffering(flushAll), options)).runs).toBe(500)
  })

  test.each<[string, () => Sink<Total>, RegExp]>([
    [
      "a missing flush",
      () => {
        const { label, key, connect, write } = bufferingStore(flushAll)
        return upsertSink({ label, key, connect, write })
      },
      /is not there, where|has \{.+\}, where \{.+\} belongs/,
    ],
    [
      "a flush that forgets",
      () =>
        buffering((buffer) => {
          const [first, ...rest] = buffer
          if (first !== undefined) store.set(...first)
          buffer.clear()
          for (const [key, total] of rest.slice(1)) buffer.set(key, total)
        }),
      /is not there, where|belongs/,
    ],
    [
      "an append where it says upsert",
      () => ({
        label: "totals",
        kind: "upsert",
        writer: () => ({
          write: (totals: Total[]) => {
            for (const total of totals) store.set(`${store.size}`, total)
          },
        }),
      }),
      /is there twice/,
    ],
    [
      "the first of a batch in place of the last",
      () => ({
        label: "totals",
        kind: "upsert",
        writer: () => ({
          write: (totals: Total[]) => {
            for (const total of totals.reverse()) store.set(total.key, total)
          },
        }),
      }),
      /belongs/,
    ],
  ])("catches %s", async (_name, makeSink, expected) => {
    const message = await found(tortureSink(makeSink, options))
    expect(message).toMatch(expected)
    expect(message).toMatch(/^Cannot call totals an upsert sink/)
  })
})

describe("tortureSink() of the file sinks", () => {
  let dir: string
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "millrace-torture-"))
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true }))
  const reset = (): void => {
    rmSync(join(dir, "out"), { recursive: true, force: true })
    mkdirSync(join(dir, "out"))
  }
  const lines = (): string[] =>
    readdirSync(join(dir, "out"))
      .filter((name) => name.startsWith("part-"))
      .flatMap((name) =>
        readFileSync(join(dir, "out", name), "utf8")
          .trim()
          .split("\n"),
      )

  test.each(["replace", "append"] as const)("ndjson, existing: %s", async (existing) => {
    const { steps } = await tortureSink<Row>(() => ndjson(join(dir, "out"), { existing, rollBytes: 20 }), {
      reset,
      read: () => lines().map((line) => JSON.parse(line) as Row),
      record: (n) => ({ id: n }),
      runs: 30,
    })
    expect(steps).toBeGreaterThan(250)
  })

  test("csv", async () => {
    await tortureSink<Row>(() => csv(join(dir, "out")), {
      reset,
      read: () => lines().flatMap((line) => (line === "id" ? [] : [{ id: Number(line) }])),
      record: (n) => ({ id: n }),
      runs: 30,
    })
  })
})

describe("tortureSink() refuses", () => {
  test("a sink that does not say its kind, and an upsert sink without keys", async () => {
    const plain: Sink<Row> = { label: "plain", writer: () => ({ write: () => undefined }) }
    await expect(tortureSink(() => plain, OPTIONS)).rejects.toMatchObject({ code: "OPTION_INVALID" })
    await expect(tortureSink(() => plain, { ...OPTIONS, kind: "upsert" })).rejects.toMatchObject({
      code: "OPTION_INVALID",
    })
  })

  test("to work without fast-check, and says how to get it", async () => {
    const missing = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" })
    await expect(loadFastCheck(() => Promise.reject(missing))).rejects.toMatchObject({ code: "PEER_MISSING" })
  })
})

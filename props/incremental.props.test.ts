import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Chain } from "../src/actors/chain.ts"
import { ChangeLog } from "../src/actors/change-log.ts"
import { type RestoreTask, restoreChain } from "../src/actors/restore.ts"
import { SubtaskSnapshot } from "../src/actors/subtask-snapshot.ts"
import type { Vertex } from "../src/plan/index.ts"
import { DIRECTORY, JOB, openStore } from "../src/snapshot/store/_fixtures.ts"
import { type CheckpointStore, type Manifest, PartChain, PartWriter, SimDisk } from "../src/snapshot/store/index.ts"
import { HeapKeyedStore, hashKey, keyGroupOf, keyIdentity, subtaskOfKeyGroup, TimerTable } from "../src/state/index.ts"
import { TimerQueue } from "../src/time/index.ts"

const KEY_GROUPS = 8
const OPERATOR = "count"

interface Held {
  n: number
  list: number[]
}

/** One subtask with a store, timers, and a value: what it does with its snapshots is what actors/subtask.ts does. */
class Worker {
  readonly store = new HeapKeyedStore<Held>(KEY_GROUPS, { name: "held", trackChanges: true, loggedTogether: 1 })
  readonly timers = new TimerQueue<string>(keyIdentity)
  readonly parts = new PartChain()
  readonly log = new ChangeLog(OPERATOR, this.store)
  snapshot: SubtaskSnapshot | undefined
  value: unknown

  constructor() {
    this.timers.trackChanges()
  }

  get tables() {
    return [this.store, new TimerTable(this.timers)].map((table) => ({ operatorId: OPERATOR, table }))
  }

  begin(checkpointId: number, attempt: number, subtask: number, disk: SimDisk, directory: string, full: boolean): void {
    this.snapshot = new SubtaskSnapshot({
      checkpointId,
      kind: full ? "all" : this.parts.next(this.tables.reduce((held, { table }) => held + table.entryCount!, 0)),
      standsAlone: full,
      tables: this.tables,
      values: [{ operatorId: OPERATOR, value: checkpointId }],
      logs: [this.log],
      keyGroups: KEY_GROUPS,
      now: () => 0,
      createPart: () =>
        PartWriter.create({ disk, directory, jobName: JOB, checkpointId, attempt, vertexId: OPERATOR, subtask }),
      wake: () => undefined,
    })
  }

  /** The parts of its finished snapshot, which is over then. */
  acknowledge(): Manifest["subtasks"][number]["parts"] {
    const { kind, standsAlone, handle, entries } = this.snapshot!
    this.snapshot = undefined
    if (standsAlone) return [handle!]
    this.parts.extend(kind, handle, entries)
    return this.parts.parts
  }
}

/** What the job holds, in the plainest form. */
type Model = Map<string, unknown>

class Job {
  readonly disk = new SimDisk()
  readonly model: Model = new Map()
  workers: Worker[] = []
  store!: CheckpointStore
  attempt = 0
  checkpointId = 0
  /** Content at the checkpoint being taken, and at the newest one published. */
  captured: Model | undefined
  published: { readonly model: Model; readonly checkpointId: number } | undefined
  full = false
  /** Shares of the checkpoint being taken, by subtask. */
  shares: (Manifest["subtasks"][number]["parts"] | undefined)[] = []
  restores = 0

  async start(parallelism: number): Promise<void> {
    this.store = await openStore(this.disk, { retain: 1 })
    const { point } = await this.store.newestSound()
    expect(point?.manifest.checkpointId).toBe(this.published?.checkpointId)
    this.attempt = await this.store.beginAttempt()
    this.checkpointId = this.store.highestId
    this.captured = undefined
    this.workers = Array.from({ length: parallelism }, () => new Worker())
    this.model.clear()
    for (const [place, value] of this.published?.model ?? []) this.model.set(place, structuredClone(value))
    if (point !== undefined) await this.#restore(point.manifest, point.directory)
    this.check()
  }

  async #restore(manifest: Manifest, directory: string): Promise<void> {
    this.restores += 1
    const parallelism = this.workers.length
    const vertex = {
      id: OPERATOR,
      index: 0,
      parallelism,
      operators: [{ id: OPERATOR, node: { role: {} } }],
    } as unknown as Vertex
    const { subtasks, watermarks, checkpointId } = manifest
    const operators = manifest.plan.operators
    const restore: RestoreTask = {
      directory, jobName: JOB, checkpointId, keyGroups: KEY_GROUPS, subtasks, watermarks, operators, inFlight: false,
    } // biome-ignore format: a list
    for (const [subtask, worker] of this.workers.entries()) {
      let values: readonly unknown[] = []
      const chain = {
        tables: worker.tables,
        restoreValues: (_id: string, captured: readonly unknown[]) => {
          values = captured
        },
        restoreWatermark: () => undefined,
      } as unknown as Chain
      await restoreChain(chain, restore, vertex, subtask, this.disk)
      // Of each former subtask (of one's own former self when there are as many): the last part's.
      const former = operators[0]!.parallelism === parallelism ? 1 : operators[0]!.parallelism
      expect(values).toEqual(new Array(former).fill(checkpointId))
    }
  }

  workerOf(key: string): Worker {
    return this.workers[subtaskOfKeyGroup(keyGroupOf(hashKey(key), KEY_GROUPS), KEY_GROUPS, this.workers.length)]!
  }

  async begin(full: boolean): Promise<void> {
    if (this.captured !== undefined) return
    this.checkpointId += 1
    this.full = full
    this.captured = structuredClone(this.model)
    this.shares = this.workers.map(() => undefined)
    const kind = full ? "savepoint" : "checkpoint"
    const { checkpointId, attempt } = this
    const directory = await this.store.begin({ checkpointId, attempt, kind })
    for (const [subtask, worker] of this.workers.entries()) {
      worker.begin(checkpointId, attempt, subtask, this.disk, directory, full)
    }
  }

  async step(index: number): Promise<void> {
    const subtask = index % this.workers.length
    const worker = this.workers[subtask]!
    worker.snapshot?.step()
    await new Promise((resolve) => setImmediate(resolve))
    if (worker.snapshot?.done === true) this.shares[subtask] = worker.acknowledge()
  }

  /** The checkpoint is off; subtasks that have acknowledged need not hear of it. */
  async abort(): Promise<void> {
    for (const worker of this.workers) {
      worker.snapshot?.cancel()
      worker.snapshot = undefined
    }
    await new Promise((resolve) => setImmediate(resolve))
    this.captured = undefined
  }

  async publish(): Promise<void> {
    if (this.captured === undefined) return
    const ofOthers = (): boolean => this.workers.some((worker) => worker.snapshot !== undefined)
    for (let turns = 0; ofOthers(); turns++) {
      expect(turns).toBeLessThan(1000)
      await this.step(turns)
    }
    const { checkpointId, attempt } = this
    await this.store.publish({
      jobName: JOB,
      runId: "r",
      checkpointId,
      attempt,
      createdAtMs: 0,
      kind: this.full ? "savepoint" : "checkpoint",
      plan: {
        keyGroups: KEY_GROUPS,
        operators: [{ operatorId: OPERATOR, kind: "process", parallelism: this.workers.length }],
      },
      subtasks: this.shares.map((parts, subtask) => ({
        vertexId: OPERATOR,
        subtask,
        finished: false,
        watermarkMs: 0,
        parts: parts!,
      })),
      sources: [],
      watermarks: [],
      committables: [],
      audit: [],
    })
    this.published = { model: this.captured, checkpointId }
    this.captured = undefined
  }

  async crash(parallelism: number): Promise<void> {
    // Nothing of the dead process writes on.
    for (const worker of this.workers) worker.snapshot?.cancel()
    await this.store.close()
    this.disk.crash()
    await this.start(parallelism)
  }

  /** The workers hold what the model does. */
  check(): void {
    const held: Model = new Map()
    for (const worker of this.workers) {
      for (const [key, value] of worker.store.entries()) held.set(`held ${String(key)}`, value)
      const sink = {
        put: ({ key, namespace }: { readonly key: unknown; readonly namespace: number | null }) =>
          void held.set(`timer ${String(key)} ${namespace}`, true),
      }
      const timers = new TimerTable(worker.timers).capture("all", sink)
      timers.write(1_000)
      timers.cancel()
    }
    expect(held).toEqual(this.model)
  }
}

interface Step {
  readonly kind: string
  readonly key: string
  readonly n: number
  readonly full: boolean
  readonly index: number
  readonly parallelism: number
}

interface Step {
  readonly kind: string
  readonly key: string
  readonly n: number
  readonly full: boolean
  readonly index: number
  readonly parallelism: number
}

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom("set", "set", "change", "delete", "register", "unregister"),
      key: fc.constantFrom(..."abcdefghijkl"),
      n: fc.nat(9),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("begin"), full: fc.nat(5).map((n) => n === 0) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("log"), index: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("step"), index: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("publish") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("abort") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash"), parallelism: fc.integer({ min: 1, max: 3 }) }) },
) as fc.Arbitrary<Step>

async function act(job: Job, { kind, key, n, full, index, parallelism }: Step): Promise<void> {
  switch (kind) {
    case "set":
      job.workerOf(key).store.set(key, hashKey(key), { n, list: [n] })
      job.model.set(`held ${key}`, { n, list: [n] })
      return
    case "change": {
      const { store } = job.workerOf(key)
      const [held, copy] = [store.get(key, hashKey(key)), job.model.get(`held ${key}`) as Held | undefined]
      if (held === undefined || copy === undefined) return
      held.list.push(n)
      store.set(key, hashKey(key), held)
      copy.list.push(n)
      return
    }
    case "delete":
      job.workerOf(key).store.delete(key, hashKey(key))
      job.model.delete(`held ${key}`)
      return
    case "register":
      job.workerOf(key).timers.register(key, hashKey(key), n)
      job.model.set(`timer ${key} ${n}`, true)
      return
    case "unregister":
      job.workerOf(key).timers.delete(key, hashKey(key), n)
      job.model.delete(`timer ${key} ${n}`)
      return
    case "log":
      job.workers[index % job.workers.length]!.store.logChanges()
      return
    case "begin":
      return job.begin(full)
    case "step":
      return job.step(index)
    case "publish":
      return job.publish()
    case "abort":
      return job.abort()
    default:
      return job.crash(parallelism)
  }
}

describe("ST-7, STO-4: incremental checkpoints", () => {
  it("restore what a plain map held at the checkpoint, whatever was aborted, compacted, deleted or rescaled before", async () => {
    let restores = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120, size: "max" }), async (steps) => {
        const job = new Job()
        await job.start(2)
        for (const next of steps) await act(job, next)
        job.check()
        await job.abort()
        await job.begin(false)
        await job.publish()
        await job.crash(3)
        restores += job.restores
        await job.store.close()
        // Nothing is left but what a manifest names: one checkpoint is retained, and savepoints keep their own.
        const parts = await job.disk.list(`${DIRECTORY}/${JOB}/parts`)
        const [manifest] = await job.disk.list(`${DIRECTORY}/${JOB}/checkpoints`)
        expect(manifest).toBeDefined()
        expect(parts.length).toBeLessThanOrEqual(3 * 32)
      }),
    )
    expect(restores).toBeGreaterThan(100)
  })
})

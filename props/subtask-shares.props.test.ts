import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Chain } from "../src/actors/chain.ts"
import type { SubtaskShare } from "../src/actors/control.ts"
import { decodeEntries } from "../src/actors/entry-block.ts"
import { Pressure } from "../src/actors/pressure.ts"
import { Subtask, SubtaskPhase } from "../src/actors/subtask.ts"
import type { BarrierMark, SubtaskInput } from "../src/actors/subtask-input.ts"
import { VALUE_TABLE } from "../src/actors/subtask-snapshot.ts"
import type { Operator } from "../src/contracts/index.ts"
import { ProcessOperator, SinkOperator, valueState } from "../src/operators/index.ts"
import type { BlockInput, PartHandle, PartWriter } from "../src/snapshot/store/index.ts"
import { HeapKeyedStore, hashKey, type StateBackend } from "../src/state/index.ts"

const KEY_GROUPS = 8

/** Sets the state of its key; undefined clears it. */
interface Change {
  readonly key: number
  readonly value: unknown
}

/** Refused by every codec. */
const unwritable = (): number => 1

const anyChange = fc.record({
  key: fc.integer({ min: 0, max: 5 }),
  value: fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: 0, max: 99 }) },
    { weight: 4, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constant(unwritable) },
  ),
})

const anyMove = fc.oneof(
  { weight: 6, arbitrary: anyChange },
  { weight: 3, arbitrary: fc.constantFrom("barrier" as const, "savepoint" as const) },
  { weight: 8, arbitrary: fc.constantFrom("step" as const, "turn" as const, "settle" as const) },
  { weight: 2, arbitrary: fc.constantFrom("complete" as const, "abort" as const) },
  { weight: 1, arbitrary: fc.constantFrom("disk refuses" as const, "sink is slow" as const) },
)

type Queued = Change | BarrierMark

/** What stands in the queue of the subtask, and what the records before each barrier should have come to. */
class ScriptedInput implements SubtaskInput {
  readonly queue: Queued[] = []
  readonly idle = false
  readonly received: readonly number[] = []
  readonly barrierDeadlineMs = Number.POSITIVE_INFINITY
  watermarkMs = Number.NEGATIVE_INFINITY
  isLast = false
  readonly #state = new Map<number, unknown>()
  #written: string[] = []
  /** By checkpoint: the state at its barrier. */
  readonly expectedStates = new Map<number, ReadonlyMap<number, unknown>>()
  /** What the sink was given between two barriers, by the checkpoint of the latter, and nobody has said is committed. */
  uncommitted: { readonly checkpointId: number; readonly texts: readonly string[] }[] = []

  get ended(): boolean {
    return this.isLast && this.queue.length === 0
  }

  get barrierDue(): BarrierMark | undefined {
    const first = this.queue[0]
    return first !== undefined && "checkpointId" in first ? first : undefined
  }

  step(chain: Chain) {
    let records = 0
    for (let first = this.queue[0]; first !== undefined && !("checkpointId" in first); first = this.queue[0]) {
      this.queue.shift()
      const { key, value } = first
      chain.run({ values: [first], times: [0], keyHashes: [hashKey(key)] } as never, 0, 1)
      if (value === undefined) this.#state.delete(key)
      else this.#state.set(key, value)
      this.#written.push(textOf(first))
      records += 1
    }
    return { records, moved: records > 0 }
  }

  passBarrier() {
    const { checkpointId } = this.queue.shift() as BarrierMark
    this.expectedStates.set(checkpointId, new Map(this.#state))
    this.uncommitted.push({ checkpointId, texts: this.#written })
    this.#written = []
    return { progress: [], received: [] }
  }

  get expectedTexts(): readonly string[] {
    return this.uncommitted.flatMap(({ texts }) => texts)
  }

  /** What the last commit has to bring. */
  get rest(): readonly string[] {
    return [...this.expectedTexts, ...this.#written]
  }

  abortCheckpoint(checkpointId: number): void {
    const at = this.queue.findIndex((each) => "checkpointId" in each && each.checkpointId === checkpointId)
    if (at >= 0) this.queue.splice(at, 1)
  }

  readonly notice = () => undefined
  readonly report = () => ({}) as never
  readonly stop = () => undefined
  readonly close = () => undefined
}

const textOf = ({ key, value }: Change): string => `${key} ${typeof value === "function" ? "?" : String(value)}`

/** A subtask of keyed state and a sink, with a coordinator that does at any time what it may. */
class World {
  readonly input = new ScriptedInput()
  readonly subtask: Subtask
  /** Acknowledged, declined and aborted checkpoints. */
  readonly outcomes = { acknowledged: 0, declined: 0, aborted: 0 }
  last: SubtaskShare | undefined
  #checkpointId = 0
  #underWay: { readonly id: number; readonly savepoint: boolean; acknowledged: boolean } | undefined
  /** Their owner may carry them away. */
  readonly #partsOfSavepoints = new Set<PartHandle>()
  #diskRefuses = false
  #slowTurns = 0

  constructor() {
    const nothing = (): void => undefined
    const metrics = { add: nothing, set: nothing } as never
    const node = { sides: [], kind: "process" } as never
    const stages = [
      new ProcessOperator<Change, string, number, { held: ReturnType<typeof valueState<unknown>> }>({
        keyOf: (change) => change.key,
        spec: {
          state: { held: valueState<unknown>() },
          onRecord: (change, ctx) => {
            if (change.value === undefined) ctx.state.held.clear()
            else ctx.state.held.set(change.value)
            ctx.emit(textOf(change))
          },
        },
      }) as Operator,
      this.#newSink() as Operator,
    ]
    // Two keys are logged at once, so that logs are full, whole and broken in short histories too.
    const backend: StateBackend = {
      keyedStore: ({ keyGroups, ...options }) => new HeapKeyedStore(keyGroups, { ...options, loggedTogether: 2 }),
      close: async () => undefined,
    }
    const chain = new Chain({
      vertex: {
        ...{ index: 0, id: "held", name: "held", parallelism: 1 },
        operators: [
          { id: "held", kind: "process", name: "held", node, parent: -1, parentSide: undefined },
          { id: "sink", kind: "sink", name: "sink", node, parent: 0, parentSide: undefined },
        ],
      },
      ...{ subtask: 0, keyGroups: KEY_GROUPS, pressure: new Pressure(), metrics, writers: [], operators: stages },
      ...{ trackChanges: true, backend, now: () => 0, processingTimeMs: () => 0, wake: nothing },
    })
    this.subtask = new Subtask({
      ...{ vertex: 0, subtask: 0, input: this.input, chain, outputs: [], metrics, keyGroups: KEY_GROUPS },
      ...{ channels: { sent: [], received: [] }, incremental: true, now: () => 0, wake: nothing },
      outputCut: () => Promise.resolve(),
      createPart: async () => this.#newPart(),
      acknowledge: (id, share) => this.#onAcknowledged(id, share),
      decline: (id, error) => {
        expect(String(error)).toMatch(/disk is full|held/)
        this.outcomes.declined += 1
        this.#underWay = undefined
        this.subtask.checkpointAborted(id)
      },
      ended: (share) => {
        this.last = share
      },
    })
    this.subtask.open()
  }

  async play(move: typeof anyMove extends fc.Arbitrary<infer M> ? M : never): Promise<void> {
    if (typeof move === "object") this.input.queue.push(move)
    else if (move === "step") this.subtask.step()
    else if (move === "turn") await turn()
    else if (move === "settle") await this.#settle()
    else if (move === "disk refuses") this.#diskRefuses = true
    else if (move === "sink is slow") this.#slowTurns = 2
    else if (move === "complete") this.#complete()
    else if (move === "abort") this.#abort()
    else this.#trigger(move === "savepoint")
  }

  /** The input ends, and with it the subtask. */
  async end(): Promise<void> {
    this.#abort()
    this.input.isLast = true
    for (let steps = 0; this.subtask.phase !== SubtaskPhase.DONE; steps++) {
      expect(steps).toBeLessThan(1_000)
      this.subtask.step()
      await turn()
    }
  }

  /** Long enough for a share to be written. */
  async #settle(): Promise<void> {
    for (let steps = 0; steps < 6; steps++) {
      this.subtask.step()
      await turn()
    }
  }

  #trigger(savepoint: boolean): void {
    if (this.#underWay !== undefined) return
    this.#checkpointId += 1
    this.#underWay = { id: this.#checkpointId, savepoint, acknowledged: false }
    this.input.queue.push({ checkpointId: this.#checkpointId, bornMs: 0, savepoint })
  }

  #complete(): void {
    if (this.#underWay?.acknowledged !== true) return
    const { id } = this.#underWay
    this.#underWay = undefined
    this.subtask.checkpointCompleted(id)
    this.input.uncommitted = this.input.uncommitted.filter(({ checkpointId }) => checkpointId > id)
  }

  /** Also of one that this subtask has acknowledged: another one may have declined it. */
  #abort(): void {
    if (this.#underWay === undefined) return
    this.subtask.checkpointAborted(this.#underWay.id)
    this.#underWay = undefined
    this.outcomes.aborted += 1
  }

  #onAcknowledged(id: number, { parts, prepared }: SubtaskShare): void {
    expect(this.#underWay).toMatchObject({ id, acknowledged: false })
    this.#underWay!.acknowledged = true
    if (this.#underWay!.savepoint) for (const part of parts) this.#partsOfSavepoints.add(part)
    else expect(parts.filter((part) => this.#partsOfSavepoints.has(part))).toEqual([])
    this.outcomes.acknowledged += 1
    expect(preparedTexts(prepared)).toEqual(this.input.expectedTexts)
    expect(fold(parts)).toEqual(this.input.expectedStates.get(id))
  }

  #newSink(): SinkOperator<string> {
    let written: string[] = []
    return new SinkOperator<string>({
      writer: {
        write: (texts) => void written.push(...texts),
        prepareCommit: async () => {
          const texts = written
          written = []
          for (; this.#slowTurns > 0; this.#slowTurns--) await turn()
          return [{ texts }] as never
        },
      },
    })
  }

  #newPart(): PartWriter {
    const blocks: BlockInput[] = []
    return {
      append: async (block: BlockInput) => {
        if (this.#diskRefuses) {
          this.#diskRefuses = false
          throw new Error("the disk is full")
        }
        blocks.push(block)
      },
      finish: async () => ({ blocks, bytes: blocks.reduce((sum, { bytes }) => sum + bytes.length, 0) }),
      abort: async () => undefined,
    } as unknown as PartWriter
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function preparedTexts(prepared: SubtaskShare["prepared"]): readonly string[] {
  const committables = (prepared.sink ?? []) as unknown as readonly { readonly texts: readonly string[] }[]
  return committables.flatMap(({ texts }) => texts)
}

/** The state that parts add up to. */
function fold(parts: readonly PartHandle[]): Map<unknown, unknown> {
  const state = new Map<unknown, unknown>()
  for (const { blocks } of parts as unknown as readonly { readonly blocks: readonly BlockInput[] }[]) {
    for (const { table, bytes } of blocks) {
      if (table === VALUE_TABLE) continue
      for (const { key, value, deleted } of decodeEntries(bytes)) {
        if (deleted) state.delete(key)
        else state.set(key, value)
      }
    }
  }
  return state
}

describe("a subtask's share of a checkpoint", () => {
  it("has the state at its barrier and all that sinks prepared and nobody committed, whatever became of the checkpoints before", async () => {
    const seen = { acknowledged: 0, declined: 0, aborted: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(anyMove, { minLength: 20, maxLength: 120, size: "max" }), async (moves) => {
        const world = new World()
        for (const move of moves) await world.play(move)
        await world.end()
        expect(preparedTexts(world.last!.prepared)).toEqual(world.input.rest)
        for (const [name, times] of Object.entries(world.outcomes)) seen[name as keyof typeof seen] += times
      }),
    )
    for (const times of Object.values(seen)) expect(times).toBeGreaterThan(20)
  })
})

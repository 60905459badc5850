import { SharedDoorbell } from "../mailbox/index.ts"
import { type PhysicalPlan, workerOf } from "../plan/index.ts"
import { HOLDS_NOBODY, mustWait, slowestOf } from "../time/index.ts"

/**
 * Shared memory in which the readers of aligned sources see how far the others are, 128 bytes per reader:
 *
 * ```
 *  byte 0            8         12           128
 *  +-----------------+---------+-------------+---  next reader
 *  | MARK (int64)    | PAUSED  | free        |
 *  | owner writes    | owner   |             |
 *  +-----------------+---------+-------------+---
 * ```
 *
 * Why nobody sleeps for ever. A reader that must wait sets PAUSED, looks at the marks once more, and only then waits; one that
 * moves writes MARK, then looks at PAUSED of the others and rings their workers. All of these are sequentially consistent, so
 * either the waiting one's last look sees the new mark, or the moving one sees PAUSED.
 */
const BYTES_PER_MEMBER = 128
const WORDS_PER_MEMBER = BYTES_PER_MEMBER / 4
const PAUSED = 2

/** One reader of an aligned source. */
export interface AlignmentMember {
  readonly group: string
  /** The vertex's index. */
  readonly vertex: number
  readonly subtask: number
  readonly slot: number
}

/** All readers of aligned sources, in the same order in every thread. */
export function alignmentMembers(plan: PhysicalPlan): AlignmentMember[] {
  const members: AlignmentMember[] = []
  for (const vertex of plan.vertices) {
    const { role } = vertex.operators[0]!.node
    const alignment = role.type === "source" ? role.eventTime?.alignment : undefined
    if (alignment === undefined) continue
    for (let subtask = 0; subtask < vertex.parallelism; subtask++) {
      members.push({ group: alignment.group, vertex: vertex.index, subtask, slot: members.length })
    }
  }
  return members
}

/** Memory for the readers of a plan. Nobody has a record yet: everyone holds. */
export function createAlignmentMemory(plan: PhysicalPlan): SharedArrayBuffer {
  const count = alignmentMembers(plan).length
  const memory = new SharedArrayBuffer(Math.max(1, count) * BYTES_PER_MEMBER)
  for (let slot = 0; slot < count; slot++) new BigInt64Array(memory, slot * BYTES_PER_MEMBER, 1)[0] = BEFORE_ALL
  return memory
}

const BEFORE_ALL = -(2n ** 63n)
const BEYOND_ALL = 2n ** 63n - 1n

export interface AlignedReaderOptions {
  readonly plan: PhysicalPlan
  readonly memory: SharedArrayBuffer
  readonly doorbells: SharedArrayBuffer
  readonly vertex: number
  readonly subtask: number
  readonly maxDriftMs: number
}

/** What one reader sees of its alignment group. */
export class AlignedReader {
  readonly #members: readonly AlignmentMember[]
  readonly #own: number
  readonly #maxDriftMs: number
  readonly #marks: readonly BigInt64Array[]
  readonly #words: readonly Int32Array[]
  readonly #bells: readonly SharedDoorbell[]
  /** Copies of the marks as numbers. */
  readonly #seen: Float64Array
  #ownMs = Number.NEGATIVE_INFINITY
  #paused = false

  constructor({ plan, memory, doorbells, vertex, subtask, maxDriftMs }: AlignedReaderOptions) {
    const all = alignmentMembers(plan)
    const self = all.find((member) => member.vertex === vertex && member.subtask === subtask)!
    this.#members = all.filter(({ group }) => group === self.group)
    this.#own = this.#members.indexOf(self)
    this.#maxDriftMs = maxDriftMs
    this.#marks = this.#members.map(({ slot }) => new BigInt64Array(memory, slot * BYTES_PER_MEMBER, 1))
    this.#words = this.#members.map(({ slot }) => new Int32Array(memory, slot * BYTES_PER_MEMBER, WORDS_PER_MEMBER))
    this.#bells = this.#members.map((member) => new SharedDoorbell(doorbells, workerOf(member.subtask, plan.workers)))
    this.#seen = new Float64Array(this.#members.length)
  }

  get paused(): boolean {
    return this.#paused
  }

  /** How far this reader may go before it must look again, event-time ms. */
  get limitMs(): number {
    const slowest = this.#slowest()
    return slowest === -1 ? Number.POSITIVE_INFINITY : this.#seen[slowest]! + this.#maxDriftMs
  }

  /** Says where this reader is: the watermark of its split, or HOLDS_NOBODY. Wakes those that wait. */
  publish(markMs: number): void {
    if (markMs === HOLDS_NOBODY && this.#paused) this.#setPaused(false)
    if (markMs === this.#ownMs) return
    this.#ownMs = markMs
    Atomics.store(this.#marks[this.#own]!, 0, toMark(markMs))
    for (let member = 0; member < this.#members.length; member++) {
      if (member !== this.#own && Atomics.load(this.#words[member]!, PAUSED) === 1) this.#bells[member]!.ring()
    }
  }

  /** Whether this reader, at `ownMs`, must wait; if so it is rung when another has moved. */
  mustWait(ownMs: number): boolean {
    if (this.#isAhead(ownMs)) {
      if (this.#paused) return true
      this.#setPaused(true)
      if (this.#isAhead(ownMs)) return true
    }
    if (this.#paused) this.#setPaused(false)
    return false
  }

  /** The one that holds the others, and where it is; undefined when nobody does. */
  get slowest(): { readonly vertex: number; readonly subtask: number; readonly markMs: number } | undefined {
    const slowest = this.#slowest()
    if (slowest === -1) return undefined
    const { vertex, subtask } = this.#members[slowest]!
    return { vertex, subtask, markMs: this.#seen[slowest]! }
  }

  #isAhead(ownMs: number): boolean {
    const slowest = this.#slowest()
    return slowest !== -1 && slowest !== this.#own && mustWait(ownMs, this.#seen[slowest]!, this.#maxDriftMs)
  }

  #slowest(): number {
    for (let member = 0; member < this.#members.length; member++) {
      this.#seen[member] = toMs(Atomics.load(this.#marks[member]!, 0))
    }
    return slowestOf(this.#seen)
  }

  #setPaused(paused: boolean): void {
    this.#paused = paused
    Atomics.store(this.#words[this.#own]!, PAUSED, paused ? 1 : 0)
  }
}

function toMark(ms: number): bigint {
  if (ms === Number.NEGATIVE_INFINITY) return BEFORE_ALL
  return ms === Number.POSITIVE_INFINITY ? BEYOND_ALL : BigInt(ms)
}

function toMs(mark: bigint): number {
  if (mark === BEFORE_ALL) return Number.NEGATIVE_INFINITY
  return mark === BEYOND_ALL ? Number.POSITIVE_INFINITY : Number(mark)
}

import { invariant } from "../errors/index.ts"
import { type Mark, type Moment, type Schedule, seededRandom } from "./schedule.ts"

/** Things of one kind that can happen, one at a time and in order: an actor's steps, a port's messages, a disk's calls. */
export interface Lane {
  readonly name: string
  /** Whether it computes, or reads and writes: both have their turns. */
  readonly kind: "actor" | "io"
  readonly ready: boolean
  /** Does the next thing. @returns what it was, for the log */
  run(): string
}

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly call: () => void
}

export interface WorldOptions {
  readonly schedule: Schedule
  /** Whether the log is kept as text, beside its hash. */
  readonly keepsLog: boolean
}

/**
 * All that happens in a simulation, one thing at a time: lanes with what can happen next, a clock, timers, and the schedule
 * that chooses among them. Every step takes a virtual millisecond; when nothing can happen the clock jumps to the next timer.
 *
 * Pure but for what lanes do. The same schedule and the same lanes give the same log.
 */
export class World {
  readonly #schedule: Schedule
  readonly #random: (() => number) | undefined
  readonly #preemptions: Map<number, { readonly pick: number; readonly hold: number }>
  #lanes: Lane[] = []
  /** Until which step a lane must wait. */
  readonly #held = new Map<Lane, number>()
  #timers: Timer[] = []
  #timerOrder = 0
  #turn = { actor: 0, io: 0 }
  #ioNext = true
  #budget = 0
  /** Grows with everything that may give an actor work. */
  changes = 1
  steps = 0
  nowMs = 0
  readonly marks = new Map<Mark, { count: number; readonly steps: number[] }>()
  #hash = 0x811c9dc5
  readonly log: string[] | undefined
  /** Where the schedule's preemptions made a difference, in words. */
  readonly departures: string[] = []

  constructor({ schedule, keepsLog }: WorldOptions) {
    this.#schedule = schedule
    this.#random = schedule.order === 0 ? undefined : seededRandom(schedule.order)
    this.#preemptions = new Map(schedule.preemptions.map(({ at, pick, hold }) => [at, { pick, hold }]))
    this.log = keepsLog ? [] : undefined
    invariant(
      schedule.budgets.length > 0 && schedule.budgets.every((budget) => budget >= 1),
      () => `actors with budgets of ${schedule.budgets}`,
    )
  }

  /** Of all that has happened, in order. */
  get hash(): number {
    return this.#hash >>> 0
  }

  add(lane: Lane): void {
    this.#lanes.push(lane)
  }

  remove(lane: Lane): void {
    this.#lanes = this.#lanes.filter((each) => each !== lane)
    this.#held.delete(lane)
  }

  /** The process ends: nothing that it was about to do happens. */
  clear(): void {
    this.#lanes = []
    this.#held.clear()
    this.#timers = []
  }

  /** The next actor's budget. */
  nextBudget(): number {
    const { budgets } = this.#schedule
    return budgets[this.#budget++ % budgets.length]!
  }

  /** Draws from 0..count-1: 0 in a schedule without a random order. */
  draw(count: number): number {
    return this.#random === undefined ? 0 : Math.floor(this.#random() * count)
  }

  /** Something happened that faults may be timed by. */
  mark(mark: Mark): void {
    const known = this.marks.get(mark)
    if (known === undefined) this.marks.set(mark, { count: 1, steps: [this.steps] })
    else {
      known.count += 1
      known.steps.push(this.steps)
    }
    this.note(mark)
  }

  /** Whether a moment has come. */
  isDue({ after, nth, steps }: Moment): boolean {
    const at = this.marks.get(after)?.steps[nth - 1]
    return at !== undefined && this.steps >= at + steps
  }

  note(text: string): void {
    for (let index = 0; index < text.length; index++) {
      this.#hash = Math.imul(this.#hash ^ text.charCodeAt(index), 0x01000193)
    }
    this.log?.push(`${String(this.steps).padStart(5)} ${text}`)
  }

  after(ms: number, call: () => void): () => void {
    const timer: Timer = { dueMs: this.nowMs + Math.max(0, ms), order: this.#timerOrder++, call }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer)
    }
  }

  every(ms: number, call: () => void): () => void {
    let cancel: () => void
    const again = (): void => {
      cancel = this.after(ms, again)
      call()
    }
    cancel = this.after(ms, again)
    return () => cancel()
  }

  /** Does one thing. @returns false when nothing can happen but that time goes by */
  step(): boolean {
    const timer = this.#dueTimer()
    const ready = this.#ready()
    if (ready.length === 0 && timer === undefined) return false
    const step = this.steps
    if (timer !== undefined && (ready.length === 0 || step % 4 === 0)) {
      this.#timers = this.#timers.filter((each) => each !== timer)
      this.note("timer")
      timer.call()
      this.changes += 1
    } else {
      const lane = this.#choose(ready)
      const what = lane.run()
      this.note(`${lane.name}: ${what}`)
    }
    this.steps += 1
    this.nowMs += 1
    return true
  }

  /** Nothing can happen: the clock goes to the next timer. @returns false when there is none */
  advance(): boolean {
    let dueMs = Number.POSITIVE_INFINITY
    for (const timer of this.#timers) dueMs = Math.min(dueMs, timer.dueMs)
    if (dueMs === Number.POSITIVE_INFINITY) return false
    this.nowMs = Math.max(this.nowMs, dueMs)
    return true
  }

  #dueTimer(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs > this.nowMs) continue
      if (
        first === undefined ||
        timer.dueMs < first.dueMs ||
        (timer.dueMs === first.dueMs && timer.order < first.order)
      )
        first = timer
    }
    return first
  }

  #ready(): Lane[] {
    const ready = this.#lanes.filter((lane) => lane.ready)
    if (this.#held.size === 0) return ready
    const free = ready.filter((lane) => (this.#held.get(lane) ?? 0) <= this.steps)
    // What is held back may not stop everything: a slow actor is slow, not dead.
    if (free.length > 0 || ready.length === 0) return free
    this.#held.clear()
    return ready
  }

  #choose(ready: readonly Lane[]): Lane {
    const usual = this.#random === undefined ? this.#inTurn(ready) : Math.floor(this.#random() * ready.length)
    const preemption = this.#preemptions.get(this.steps)
    if (preemption === undefined) return ready[usual]!
    const { pick, hold } = preemption
    const chosen = (usual + pick) % ready.length
    if (chosen !== usual || hold > 0) {
      const late = `${ready[usual]!.name} ${hold > 0 ? `waits for ${hold} steps` : "comes later"}`
      const goes = chosen === usual ? "" : `${ready[chosen]!.name} goes on and `
      this.departures.push(`at step ${this.steps} ${goes}${late}`)
      if (hold > 0) this.#held.set(ready[usual]!, this.steps + hold)
    }
    return ready[chosen]!
  }

  /** The next of either kind, in turn. */
  #inTurn(ready: readonly Lane[]): number {
    const wanted = this.#ioNext ? "io" : "actor"
    this.#ioNext = !this.#ioNext
    const kind = ready.some((lane) => lane.kind === wanted) ? wanted : wanted === "io" ? "actor" : "io"
    // Lanes keep their places, so counting on among all of them is fair.
    const count = this.#lanes.length
    for (let offset = 0; offset < count; offset++) {
      const at = (this.#turn[kind] + offset) % count
      const lane = this.#lanes[at]!
      if (lane.kind !== kind) continue
      const index = ready.indexOf(lane)
      if (index === -1) continue
      this.#turn[kind] = at + 1
      return index
    }
    return 0
  }
}

/** Things that wait to happen in order. With a random order, calls that do not depend on each other overtake. */
export class QueueLane implements Lane {
  readonly kind = "io"
  readonly name: string
  readonly #world: World
  readonly #overtakes: boolean
  #waiting: { readonly what: string; readonly act: () => void }[] = []

  constructor(world: World, name: string, { overtakes }: { readonly overtakes: boolean }) {
    this.name = name
    this.#world = world
    this.#overtakes = overtakes
  }

  get ready(): boolean {
    return this.#waiting.length > 0
  }

  push(what: string, act: () => void): void {
    this.#waiting.push({ what, act })
  }

  /** Resolves when it is this call's turn. */
  turn(what: string): Promise<void> {
    return new Promise((resolve) => this.push(what, resolve))
  }

  clear(): void {
    this.#waiting = []
  }

  run(): string {
    const index = this.#overtakes ? this.#world.draw(this.#waiting.length) : 0
    const [next] = this.#waiting.splice(index, 1)
    next!.act()
    this.#world.changes += 1
    return next!.what
  }
}

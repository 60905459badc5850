/**
 * Every interleaving of two threads that share the memory of one ring and two doorbells: the real classes, stepped by single
 * atomic operations and by single writes of payload.
 *
 * How. A thread's program sees shared memory through Atomics, and through views on the ring's data. Each thread gets a ring
 * of its own; a global Atomics in its place answers what the *model's* memory holds, and plain writes are found by comparing
 * the thread's own data before and after. A program cannot be stopped in the middle of synchronous code, so it is run again
 * from its beginning for each new answer, up to the first operation that has none yet: what a thread does next is a
 * function of the answers it had (`Moment`). The search is over pairs of moments; two schedules that gave both threads the
 * same answers are one state. Where a thread tries anew (`until`), what it was answered before counts only as far as it can
 * remember it: the cursors as it read and wrote them last, the data that it sees, and what its program says (`remember`).
 *
 * Of plain memory a reader is shown what it owns, [RELEASED it wrote, PUBLISHED it read), and poison elsewhere; a writer may
 * change what it owns and nothing else. Without races that is what any processor shows (sequential consistency for
 * data-race-free programs: Adve and Hill, ISCA 1990); a race is reported as a violation.
 */
import { createHash } from "node:crypto"
import { SharedDoorbell, Sleeper } from "../src/mailbox/index.ts"
import { HEADER_BYTES, Word } from "../src/mailbox/layout.ts"

export const SENDER = 0
export const RECEIVER = 1

/** Ring words first, then the doorbells' of both threads. */
const RING_WORDS = HEADER_BYTES / 4
const BELL_WORDS = 64
const CONSTANT_WORDS = 3
/** Plain writes between two atomic operations go out in so many pieces at most. */
const MOST_PIECES = 4
const POISON = 0xee

type Kind = "load" | "store" | "add" | "notify" | "wait" | "sleep" | "use" | "done" | "failed"
interface Operation {
  readonly kind: Kind
  /** Word of the model's memory. */
  readonly at: number
  readonly value: number
}
/** Answers of a sleep. */
const NOTIFIED = 1
const WOKEN_LOCALLY = 2

/** What one operation was answered, and the data that the thread owns from then on. */
interface Answer {
  readonly result: number
  readonly owned: Uint8Array | undefined
}

/** Where one thread is: after these answers, or others that left it the same. */
interface Moment {
  readonly id: number
  readonly answers: readonly Answer[]
  readonly next: Operation
  /** Plain writes since the operation before, to be done before the next one. */
  readonly writes: readonly Piece[]
  readonly note: number
  readonly error: unknown
  /** Whether it has been answered nothing since it tries anew. */
  readonly anew: boolean
  readonly children: Map<string, Moment>
  /** First byte and length of the data owned after each store of RELEASED or load of PUBLISHED. */
  readonly released: number
  readonly published: number
}
interface Piece {
  readonly at: number
  readonly bytes: Uint8Array
}

class Paused extends Error {}

/** What a program of one thread works with. */
export interface Thread {
  readonly ring: SharedArrayBuffer
  readonly doorbells: SharedArrayBuffer
  /** From here on every access is a step. */
  start(): void
  /** A step that touches nothing: time in which the other may do anything. */
  use(): void
  /** For `holds`: what this thread has done so far, as a number. */
  note(value: number): void
  /** All that this thread remembers from here on, beside the ring's cursors as it read and wrote them last. */
  remember(what: string): void
  /** Tries until it works, and sleeps in between as a worker does. */
  until(attempt: () => boolean): Promise<void>
}

export interface Interleavings {
  /** A ring as both find it. */
  readonly ring: SharedArrayBuffer
  readonly sender: (thread: Thread) => Promise<void>
  readonly receiver: (thread: Thread) => Promise<void>
  /** Must hold after every step. @returns what is wrong */
  readonly holds: (words: Int32Array, notes: readonly [number, number]) => string | undefined
  /** How often an alarm of its own may wake the sender while it sleeps. */
  readonly alarms?: number
}

export interface Explored {
  readonly states: number
  readonly steps: number
  /** Schedules: ways through the states from the first to a last. */
  readonly interleavings: number
  readonly executions: number
}

export class Violation extends Error {
  override readonly name = "Violation"
}

/** @throws {Violation} with the schedule that leads to it */
export async function explore(options: Interleavings): Promise<Explored> {
  const restore = interceptAtomics()
  try {
    return await new Exploration(options).run()
  } finally {
    restore()
  }
}

class Exploration {
  readonly #options: Interleavings
  readonly #words = new Int32Array(RING_WORDS + 2 * BELL_WORDS)
  readonly #data: Uint8Array
  /** Of the waiter of each thread: 0 none, 1 waits, 2 was notified. */
  readonly #waiters: [number, number] = [0, 0]
  readonly #paths = new Map<string, number>()
  readonly #schedule: string[] = []
  #steps = 0
  #executions = 0
  readonly #moments = new Map<string, Moment>()

  constructor(options: Interleavings) {
    this.#options = options
    this.#words.set(new Int32Array(options.ring, 0, RING_WORDS))
    this.#data = new Uint8Array(options.ring.slice(HEADER_BYTES))
  }

  async run(): Promise<Explored> {
    const roots = [await this.#moment(SENDER), await this.#moment(RECEIVER)] as const
    const interleavings = await this.#search([roots[0], roots[1]], 0, this.#options.alarms ?? 0)
    return { states: this.#paths.size, steps: this.#steps, interleavings, executions: this.#executions }
  }

  /** @returns how many schedules lead from here to an end */
  async #search(at: readonly [Moment, Moment], written: number, alarms: number): Promise<number> {
    // The rest of memory follows from where the threads are.
    const bells = `${this.#words[RING_WORDS]} ${this.#words[RING_WORDS + BELL_WORDS]}`
    const key = `${at[0].id} ${written} ${at[1].id} ${this.#waiters.join("")} ${bells} ${alarms}`
    const known = this.#paths.get(key)
    if (known !== undefined) return known
    const wrong = this.#options.holds(this.#words, [at[0].note, at[1].note])
    if (wrong !== undefined) this.#fail(wrong)

    let paths = 0
    for (const thread of [SENDER, RECEIVER] as const) {
      const { next, writes, error } = at[thread]
      const name = thread === SENDER ? "sender" : "receiver"
      if (thread === SENDER && written < writes.length) {
        const { at: from, bytes } = writes[written]!
        const before = this.#data.slice(from, from + bytes.length)
        this.#data.set(bytes, from)
        paths += await this.#step(`${name} writes ${bytes.length} bytes at ${from}`, at, written + 1, alarms)
        this.#data.set(before, from)
        continue
      }
      if (next.kind === "failed") this.#fail(`the ${name} failed: ${(error as Error)?.message}`)
      if (next.kind === "done") continue
      for (const result of this.#answers(thread, next, alarms)) {
        const undo = this.#do(thread, next, result)
        const child = await this.#child(at[thread], thread, result)
        // A thread that tries anew remembers no sequence: its bell counts from there.
        if (child.anew) this.#words[RING_WORDS + thread * BELL_WORDS] = 0
        const both: [Moment, Moment] = thread === SENDER ? [child, at[1]] : [at[0], child]
        const text = `${name} ${next.kind} ${wordName(next.at)} ${next.kind === "store" ? next.value : ""} -> ${result}`
        const left = next.kind === "sleep" && result === WOKEN_LOCALLY ? alarms - 1 : alarms
        paths += await this.#step(text, both, thread === SENDER ? 0 : written, left)
        undo()
      }
    }
    if (paths === 0) {
      if (at[0].next.kind !== "done" || at[1].next.kind !== "done") {
        this.#fail(`nobody wakes: sender at ${at[0].next.kind}, receiver at ${at[1].next.kind}`)
      }
      paths = 1
    }
    this.#paths.set(key, paths)
    return paths
  }

  async #step(text: string, at: readonly [Moment, Moment], written: number, alarms: number): Promise<number> {
    this.#steps += 1
    this.#schedule.push(text)
    const paths = await this.#search(at, written, alarms)
    this.#schedule.pop()
    return paths
  }

  /** What an operation may be answered now; none when it has to wait. */
  #answers(thread: 0 | 1, { kind, at, value }: Operation, alarms: number): readonly number[] {
    switch (kind) {
      case "load":
        return [this.#words[at]!]
      case "wait":
        return [this.#words[at] === value ? 1 : 0]
      case "sleep": {
        const notified = this.#waiters[thread] === 2 ? [NOTIFIED] : []
        // An alarm is no cure for a lost wake-up: it comes when the other could as well go on without it.
        return thread === SENDER && alarms > 0 ? [...notified, WOKEN_LOCALLY] : notified
      }
      default:
        return [0]
    }
  }

  #do(thread: 0 | 1, { kind, at, value }: Operation, result: number): () => void {
    const word = this.#words[at]!
    const bell = RING_WORDS + thread * BELL_WORDS
    const rung = this.#words[bell]!
    const waiters = [...this.#waiters] as [number, number]
    if (kind === "store") this.#words[at] = value
    else if (kind === "add") this.#words[at] = (word + value) | 0
    else if (kind === "wait" && result === 1) this.#waiters[thread] = 1
    else if (kind === "sleep" && result === NOTIFIED) this.#waiters[thread] = 0
    else if (kind === "notify") {
      const woken = at < RING_WORDS + BELL_WORDS ? SENDER : RECEIVER
      if (this.#waiters[woken] === 1) this.#waiters[woken] = 2
    }
    return () => {
      this.#words[bell] = rung
      this.#words[at] = word
      this.#waiters[SENDER] = waiters[SENDER]
      this.#waiters[RECEIVER] = waiters[RECEIVER]
    }
  }

  async #child(parent: Moment, thread: 0 | 1, result: number): Promise<Moment> {
    const { next } = parent
    let { released, published } = parent
    if (next.kind === "store" && next.at === Word.RELEASED) released = next.value
    if (next.kind === "load" && next.at === Word.PUBLISHED) published = result
    const owned = thread === RECEIVER ? this.#dataBetween(released, published) : undefined
    const key = owned === undefined ? `${result}` : `${result} ${Buffer.from(owned).toString("latin1")}`
    let child = parent.children.get(key)
    if (child === undefined) {
      child = await this.#moment(thread, [...parent.answers, { result, owned }], released, published)
      parent.children.set(key, child)
    }
    return child
  }

  #dataBetween(from: number, to: number): Uint8Array {
    const bytes = new Uint8Array((to - from) | 0)
    for (let index = 0; index < bytes.length; index++)
      bytes[index] = this.#data[(from + index) & (this.#data.length - 1)]!
    return bytes
  }

  /** Runs a thread from its beginning, up to the operation that has no answer yet. */
  async #moment(
    thread: 0 | 1,
    answers: readonly Answer[] = [],
    released?: number,
    published?: number,
  ): Promise<Moment> {
    this.#executions += 1
    const execution = new Execution(thread, this.#options, answers)
    const { next, writes, note, error, memory, anew } = await execution.run()
    const known = this.#moments.get(memory)
    if (known !== undefined) return known
    const start = this.#words[Word.RELEASED]!
    const moment: Moment = {
      id: this.#moments.size,
      answers,
      next,
      writes,
      note,
      error,
      anew,
      children: new Map(),
      released: released ?? start,
      published: published ?? start,
    }
    this.#moments.set(memory, moment)
    return moment
  }

  #fail(text: string): never {
    throw new Violation(`${text}\nafter\n  ${this.#schedule.join("\n  ")}`)
  }
}

/** Executions by the memory that their Atomics work on. */
const executions = new WeakMap<ArrayBufferLike, Execution>()

/** One run of one thread's program, in memory of its own. */
class Execution implements Thread {
  readonly ring: SharedArrayBuffer
  readonly doorbells = new SharedArrayBuffer(2 * BELL_WORDS * 4)
  readonly #thread: 0 | 1
  readonly #options: Interleavings
  readonly #answers: readonly Answer[]
  readonly #data: Uint8Array
  /** The data as it was at the operation before. */
  #before: Uint8Array
  #answered = 0
  #started = false
  #next: Operation | undefined
  #writes: readonly Piece[] = []
  #note = 0
  #remembered = ""
  /** What decides all that this thread is going to do, and does not depend on what it does not remember. */
  #memory: string
  #anew = true
  readonly #lastWords = new Map<number, number>()
  #listener: (() => void) | undefined
  readonly #sleeper: Sleeper
  #published: number
  #released: number

  constructor(thread: 0 | 1, options: Interleavings, answers: readonly Answer[]) {
    this.#thread = thread
    this.#memory = `${thread}`
    this.#options = options
    this.#answers = answers
    this.ring = options.ring.slice()
    this.#data = new Uint8Array(this.ring, HEADER_BYTES)
    this.#before = this.#data.slice()
    const words = new Int32Array(this.ring, 0, RING_WORDS)
    this.#published = words[Word.PUBLISHED]!
    this.#released = words[Word.RELEASED]!
    this.#sleeper = new Sleeper(this.doorbells, thread)
    executions.set(this.ring, this)
    executions.set(this.doorbells, this)
  }

  async run(): Promise<Pick<Moment, "next" | "writes" | "note" | "error" | "anew"> & { memory: string }> {
    const program = this.#thread === SENDER ? this.#options.sender : this.#options.receiver
    let error: unknown
    let end: Operation = { kind: "done", at: 0, value: 0 }
    try {
      await program(this)
      this.#writes = this.#newWrites()
    } catch (thrown) {
      if (!(thrown instanceof Paused)) {
        error = thrown
        end = { kind: "failed", at: 0, value: 0 }
      }
    }
    const next = error === undefined ? (this.#next ?? end) : end
    return { next, writes: this.#writes, note: this.#note, error, memory: this.#memory, anew: this.#anew }
  }

  start(): void {
    if (this.#thread === RECEIVER) this.#show(new Uint8Array(0))
    this.#before = this.#data.slice()
    this.#started = true
  }

  use(): void {
    this.perform("use", this.ring, 0, 0)
  }

  note(value: number): void {
    this.#note = value
  }

  remember(what: string): void {
    this.#remembered = what
    this.#forget()
  }

  async until(attempt: () => boolean): Promise<void> {
    for (;;) {
      this.#forget()
      if (attempt()) return
      this.#sleeper.prepare()
      if (attempt()) return this.#sleeper.cancel()
      await this.#sleep()
    }
  }

  #forget(): void {
    const words = [...this.#lastWords].sort(([a], [b]) => a - b).join(" ")
    const data = createHash("sha1").update(this.#data).digest("base64")
    this.#anew = true
    this.#memory = `${this.#thread}; ${this.#remembered}; ${this.#note}; ${words}; ${data};`
  }

  async #sleep(): Promise<void> {
    let awake = false
    this.#sleeper.wait().then(() => {
      awake = true
    })
    // A wait that is over at once says so in a microtask.
    for (await undefined; !awake; await undefined) {
      if (this.perform("sleep", this.doorbells, 0, 0) === WOKEN_LOCALLY) this.#sleeper.wakeLocal()
      else this.#listener!()
    }
  }

  listen(listener: () => void): void {
    this.#listener = listener
  }

  /** @returns what the operation is answered @throws {Paused} when it is not yet */
  perform(kind: Kind, buffer: ArrayBufferLike, index: number, value: number): number {
    if (!this.#started || (buffer === this.ring && index < CONSTANT_WORDS && kind === "load")) {
      return new Int32Array(buffer)[index]!
    }
    const at = buffer === this.ring ? index : RING_WORDS + index
    const writes = this.#newWrites()
    const answer = this.#answers[this.#answered]
    if (answer === undefined) {
      this.#next ??= { kind, at, value }
      this.#writes = writes
      throw new Paused()
    }
    this.#answered += 1
    this.#anew = false
    const data = answer.owned === undefined ? "" : Buffer.from(answer.owned).toString("latin1")
    this.#memory += `${answer.result} ${data},`
    if (at === Word.RELEASED || at === Word.PUBLISHED) this.#lastWords.set(at, kind === "store" ? value : answer.result)
    if (kind === "store" && at === Word.PUBLISHED) this.#published = value
    if (kind === "load" && at === Word.RELEASED) this.#released = answer.result
    if (kind === "store" && at === Word.RELEASED) this.#released = value
    if (answer.owned !== undefined) this.#show(answer.owned)
    this.#before = this.#data.slice()
    return answer.result
  }

  #show(owned: Uint8Array): void {
    this.#data.fill(POISON)
    for (let index = 0; index < owned.length; index++) {
      this.#data[(this.#released + index) & (this.#data.length - 1)] = owned[index]!
    }
  }

  #newWrites(): readonly Piece[] {
    const slots: number[] = []
    for (let at = 0; at < this.#data.length; at += 8) {
      for (let byte = at; byte < at + 8; byte++) {
        if (this.#data[byte] === this.#before[byte]) continue
        slots.push(at)
        break
      }
    }
    if (slots.length === 0) return []
    if (this.#thread === RECEIVER) throw new Error("the receiver writes into the ring's data")
    const free = this.#data.length - ((this.#published - this.#released) | 0)
    for (const at of slots) {
      const offset = (at - this.#published) & (this.#data.length - 1)
      if (offset >= free) throw new Error(`the sender writes at ${at}, which is published and not released`)
    }
    const perPiece = Math.ceil(slots.length / MOST_PIECES)
    const pieces: Piece[] = []
    for (let first = 0; first < slots.length; first += perPiece) {
      const [from, to] = [slots[first]!, slots[Math.min(first + perPiece, slots.length) - 1]! + 8]
      pieces.push({ at: from, bytes: this.#data.slice(from, to) })
    }
    return pieces
  }
}

/** The words of one memory belong to the thread that runs: everything else is passed on. @returns how to end it */
function interceptAtomics(): () => void {
  const own = Object.getOwnPropertyDescriptors(Atomics)
  const route = (name: Kind, original: (...args: never[]) => unknown) =>
    function atomic(words: Int32Array, index: number, value = 0): unknown {
      const execution = executions.get(words.buffer)
      if (execution === undefined) return original(...([words, index, value] as never[]))
      return execution.perform(name, words.buffer, words.byteOffset / 4 + index, value)
    }
  const waitAsync = (Atomics as unknown as { waitAsync: (...args: unknown[]) => unknown }).waitAsync
  Object.assign(Atomics, {
    load: route("load", Atomics.load as never),
    add: route("add", Atomics.add as never),
    notify: route("notify", Atomics.notify as never),
    store: route("store", Atomics.store as never),
    waitAsync(words: Int32Array, index: number, value: number): unknown {
      const execution = executions.get(words.buffer)
      if (execution === undefined) return waitAsync(words, index, value)
      if (execution.perform("wait", words.buffer, words.byteOffset / 4 + index, value) === 0) return { async: false }
      // biome-ignore lint/suspicious/noThenProperty: stands for the promise of waitAsync, settled when the search says so
      return { async: true, value: { then: (listener: () => void) => execution.listen(listener) } }
    },
  })
  return () => void Object.defineProperties(Atomics, own)
}

/** The bell of the other thread. */
export function bellOf(thread: Thread, other: number): SharedDoorbell {
  return new SharedDoorbell(thread.doorbells, other)
}

function wordName(at: number): string {
  if (at >= RING_WORDS) {
    const index = at - RING_WORDS
    return `${index < BELL_WORDS ? "sender's" : "receiver's"} bell ${index % BELL_WORDS}`
  }
  return Object.entries(Word).find(([, word]) => word === at)?.[0] ?? `word ${at}`
}

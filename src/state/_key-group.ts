import { BORN, EPOCH_STEP } from "./_epochs.ts"
import { hashKey } from "./key-hash.ts"
import type { Key, KeyPart } from "./keyed-store.ts"

/** What `find` answers for a key that is not there. */
export const NOWHERE = -1

const FIRST_SLOTS = 4
const FIRST_PLACES = 8
/** Fibonacci hashing: the group has taken some of the hash's low bits for itself. */
const GOLDEN = 0x9e3779b1

/**
 * The keys of one key group: an open-addressing hash table from a key to its slot, and beside it what belongs to the slots,
 * in the order in which the keys came. The caller brings the hash.
 *
 * - A key that goes leaves a hole; holes are closed when they are half of the slots and nobody has pinned them. So a slot
 *   stays what it is until a key is added, or as long as it is pinned; `changed` and the other lists follow.
 *
 * A Map does the same at two to three times the price (1,000,000 keys, 1 in 100 of them busy, Node 20: 1.05 us for a get and a
 * set of a key that comes as a new string; 0.40 here): it hashes the string once more, and looks in four places of
 * memory where this one looks in two. Memory beside key and value: 28 to 49 bytes a key.
 */
export class KeyGroup<V> {
  /**
   * By slot, three each: the key, undefined for a hole; its value; the epoch (heap-keyed-store.ts). Beside each other: who finds the
   * key wants the value, and asks whether it has been touched.
   */
  readonly #cells: (Key | V | number | undefined)[] = []
  /** Slots so far, holes among them. */
  slots = 0
  /** By slot. */
  #hashes = new Int32Array(FIRST_SLOTS)
  /** Two for each place: a hash, and a slot + 1; 0 for a free one. At most three in four are taken. */
  #table = new Int32Array(2 * FIRST_PLACES)
  #shift = 32 - Math.log2(FIRST_PLACES)
  /** Keys that are there. */
  size = 0
  /** While above 0, slots stay what they are. */
  pins = 0
  /** Slots touched since the last capture, where changes are tracked; each may come more than once. */
  changed: number[] = []
  /** The same as the last capture found it. */
  taken: number[] = []
  /** Keys deleted since the last capture, and before it, that an earlier one may hold. */
  gone: Key[] = []
  takenGone: Key[] = []
  /** So many of `takenGone` a running capture has handed over. */
  goneWritten = 0

  /** @param hash signed, as all hashes here */
  find(key: Key, hash: number): number {
    const table = this.#table
    const mask = table.length - 1
    for (let at = (Math.imul(hash, GOLDEN) >>> this.#shift) << 1; ; at = (at + 2) & mask) {
      const slot = table[at + 1]! - 1
      if (slot === NOWHERE) return NOWHERE
      if (table[at] === hash) {
        const held = this.#cells[3 * slot] as Key
        if (held === key || (typeof key !== "string" && isSameKey(held, key))) return slot
      }
    }
  }

  /** undefined for a hole. */
  keyOf(slot: number): Key | undefined {
    return this.#cells[3 * slot] as Key | undefined
  }

  valueOf(slot: number): V {
    return this.#cells[3 * slot + 1] as V
  }

  setValue(slot: number, value: V): void {
    this.#cells[3 * slot + 1] = value
  }

  hashOf(slot: number): number {
    return this.#hashes[slot]! >>> 0
  }

  epochOf(slot: number): number {
    return this.#cells[3 * slot + 2] as number
  }

  setEpoch(slot: number, epoch: number): void {
    this.#cells[3 * slot + 2] = epoch
  }

  /** Whether the next key that is added may move slots. */
  get isFull(): boolean {
    return this.slots === this.#hashes.length
  }

  /** Adds a key that `find` did not find. @returns its slot */
  add(key: Key, hash: number, value: V, epoch: number): number {
    if (this.isFull) this.#makeRoom()
    const slot = this.slots++
    this.#cells.push(ownKey(key), value, epoch)
    this.#hashes[slot] = hash
    this.size += 1
    if (8 * this.size > 3 * this.#table.length) this.#fillTable(2 * this.#table.length)
    else this.#place(hash, slot)
    return slot
  }

  remove(slot: number): void {
    this.#unplace(slot)
    this.#cells[3 * slot] = undefined
    this.#cells[3 * slot + 1] = undefined
    this.size -= 1
  }

  /** A capture is taken: what has changed so far is its. */
  take(): void {
    this.taken = this.changed
    this.takenGone = this.gone
    this.goneWritten = 0
    this.changed = []
    this.gone = []
  }

  /** Counts what the capture took as changed again: it may be so once too often, which does no harm. */
  takeBack(): void {
    this.changed = this.taken.concat(this.changed)
    this.gone = this.takenGone.filter((key) => !this.#isBack(key)).concat(this.gone)
    this.taken = []
    this.takenGone = []
  }

  /**
   * A key that has come back is gone no more: what it has now replaces what it had, and may have been logged, before which its deletion
   * would not be told. But it is none that no capture has.
   */
  #isBack(key: Key): boolean {
    const slot = this.find(key, hashKey(key) | 0)
    if (slot === NOWHERE) return false
    const epoch = this.epochOf(slot)
    if (epoch % EPOCH_STEP === BORN) this.setEpoch(slot, epoch - BORN)
    return true
  }

  #makeRoom(): void {
    if (this.pins === 0 && 2 * this.size <= this.slots) this.#closeHoles()
    else {
      const hashes = new Int32Array(2 * this.#hashes.length)
      hashes.set(this.#hashes)
      this.#hashes = hashes
    }
  }

  #closeHoles(): void {
    const cells = this.#cells
    const hashes = this.#hashes
    const moved = new Int32Array(this.slots).fill(NOWHERE)
    let to = 0
    for (let from = 0; from < this.slots; from++) {
      if (cells[3 * from] === undefined) continue
      moved[from] = to
      cells.copyWithin(3 * to, 3 * from, 3 * from + 3)
      hashes[to] = hashes[from]!
      to += 1
    }
    cells.length = 3 * to
    this.slots = to
    const follow = (slots: readonly number[]): number[] =>
      slots.map((slot) => moved[slot]!).filter((slot) => slot !== NOWHERE)
    this.changed = follow(this.changed)
    this.taken = follow(this.taken)
    this.#fillTable(this.#table.length)
  }

  #fillTable(length: number): void {
    this.#table = new Int32Array(length)
    this.#shift = 33 - Math.log2(length)
    for (let slot = 0; slot < this.slots; slot++) {
      if (this.#cells[3 * slot] !== undefined) this.#place(this.#hashes[slot]!, slot)
    }
  }

  #place(hash: number, slot: number): void {
    const table = this.#table
    const mask = table.length - 1
    let at = this.#homeOf(hash)
    while (table[at + 1] !== 0) at = (at + 2) & mask
    table[at] = hash
    table[at + 1] = slot + 1
  }

  /** Frees the place of a slot, and moves up what would no longer be found behind it (Knuth, TAOCP 6.4, algorithm R). */
  #unplace(slot: number): void {
    const table = this.#table
    const mask = table.length - 1
    let free = this.#homeOf(this.#hashes[slot]!)
    while (table[free + 1] !== slot + 1) free = (free + 2) & mask
    for (let at = (free + 2) & mask; table[at + 1] !== 0; at = (at + 2) & mask) {
      const home = this.#homeOf(table[at]!)
      if (((at - home) & mask) < ((at - free) & mask)) continue
      table[free] = table[at]!
      table[free + 1] = table[at + 1]!
      free = at
    }
    table[free + 1] = 0
  }

  #homeOf(hash: number): number {
    return (Math.imul(hash, GOLDEN) >>> this.#shift) << 1
  }
}

/** A key as it is kept: -0 as 0, as in a Map; a composite one copied, since the caller may reuse its array for the next record's key. */
function ownKey(key: Key): Key {
  if (Array.isArray(key)) return (key as readonly KeyPart[]).map((part) => (part === 0 ? 0 : part))
  return key === 0 ? 0 : key
}

/** Whether two keys are one, as a Map compares: NaN is NaN, 0 is -0; arrays by their parts. */
export function isSameKey(a: Key, b: Key): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return isSamePart(a as KeyPart, b as KeyPart)
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (!isSamePart(a[index] as KeyPart, b[index] as KeyPart)) return false
  return true
}

function isSamePart(a: KeyPart, b: KeyPart): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b))
}

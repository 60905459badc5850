import { Readable } from "node:stream"
import type { Position, ReadContext, Source, SourceBatch, Split } from "../../contracts/index.ts"
import { describe, EngineError } from "../../errors/index.ts"
import { AsyncBatches } from "./_async-batches.ts"

/** Whatever can be iterated, or a function that returns it: called for each reading, so that it can be read again. */
export type Items<T> = Iterable<T> | AsyncIterable<T> | (() => Iterable<T> | AsyncIterable<T>)

export interface IterableSourceOptions {
  /** For messages and plans. Default: what kind of thing it is, e.g. `array of 3`. */
  readonly label?: string
  /** False when the items never end by themselves. Default: true. */
  readonly bounded?: boolean
}

const BATCH_ITEMS = 1024

/**
 * Reads what a program already holds: an array, an iterable, an async iterable, or a function that returns one.
 *
 * - Order: that of the iteration. An array of more than 1,024 items is cut into at most one contiguous range per reader;
 *   all else is one split. Positions are indexes.
 * - A slow async iterable's item is passed on at once, a fast one's items travel together, up to 1,024.
 * - Resuming iterates again and leaves out what was read. What can be iterated only once (a generator object, a stream)
 *   cannot resume: pass a function that makes it.
 * - When the job stops, the iterator's `return()` is called and not waited for.
 *
 * @throws {EngineError} SOURCE_NOT_ITERABLE when `items` is none of the above; while reading SOURCE_NOT_REPLAYABLE when
 *   asked to read again what can be iterated only once
 */
export function iterableSource<T>(items: Items<T>, options: IterableSourceOptions = {}): Source<T> {
  if (!isIterable(items) && !isAsyncIterable(items) && typeof items !== "function") throw notIterable(items)
  const bounded = options.bounded ?? true
  return Array.isArray(items)
    ? arraySource(items, options.label ?? `array of ${items.length}`, bounded)
    : otherSource(items, options.label ?? (typeof items === "function" ? "iterable function" : "iterable"), bounded)
}

function arraySource<T>(items: readonly T[], label: string, bounded: boolean): Source<T> {
  return {
    label,
    bounded,
    splitsInOrder: true,
    splits({ parallelism }) {
      const parts = Math.max(1, Math.min(parallelism, Math.ceil(items.length / BATCH_ITEMS)))
      const bound = (part: number): number => Math.floor((items.length * part) / parts)
      return Array.from({ length: parts }, (_, part): Split => {
        const [start, end] = [bound(part), bound(part + 1)]
        return { id: `items@${start}`, data: { start, end } }
      })
    },
    read(split, from, context) {
      const { start, end } = split.data as { start: number; end: number }
      return arrayBatches(items, indexOf(from, start), end, context)
    },
  }
}

function otherSource<T>(items: Exclude<Items<T>, readonly T[]>, label: string, bounded: boolean): Source<T> {
  const given = new WeakSet<object>()
  return {
    label,
    bounded,
    splitsInOrder: true,
    splits: () => [{ id: "items@0", data: null }],
    read(_split, from, context) {
      const skip = indexOf(from, 0)
      const iterable = typeof items === "function" ? items() : items
      if (typeof iterable === "object" && iterable !== null) {
        // A function may hand out the same generator twice: reading that again would find it empty, without a word.
        const isAgain = given.has(iterable) || (skip > 0 && typeof items !== "function")
        if (isAgain && isOneShot(iterable)) throw notReplayable(label, skip)
        given.add(iterable)
      }
      if (isAsyncIterable<T>(iterable)) return new AsyncBatches(iterable, skip, BATCH_ITEMS, context)
      if (Array.isArray(iterable)) return arrayBatches(iterable, skip, iterable.length, context)
      if (isIterable<T>(iterable)) return iterableBatches(iterable, skip, context)
      throw notIterable(iterable)
    },
  }
}

function* arrayBatches<T>(
  items: readonly T[],
  start: number,
  end: number,
  { signal }: ReadContext,
): Generator<SourceBatch<T>, void, undefined> {
  for (let index = start; index < end && !signal.aborted; ) {
    const next = Math.min(index + BATCH_ITEMS, end)
    yield { values: items.slice(index, next), next }
    index = next
  }
}

function* iterableBatches<T>(
  items: Iterable<T>,
  skip: number,
  { signal }: ReadContext,
): Generator<SourceBatch<T>, void, undefined> {
  let index = 0
  let values: T[] = []
  for (const item of items) {
    if (index++ < skip) continue
    values.push(item)
    if (values.length < BATCH_ITEMS) continue
    yield { values, next: index }
    if (signal.aborted) return
    values = []
  }
  if (values.length > 0) yield { values, next: index }
}

function indexOf(from: Position | undefined, start: number): number {
  return typeof from === "number" ? from : start
}

/** Iterators that are their own iterable, and streams: what was taken from them is gone. */
function isOneShot(items: unknown): boolean {
  if (items instanceof Readable || items instanceof ReadableStream) return true
  if (isIterable(items)) return (items[Symbol.iterator]() as unknown) === items
  return isAsyncIterable(items) && (items[Symbol.asyncIterator]() as unknown) === items
}

function isIterable<T>(items: unknown): items is Iterable<T> {
  return typeof (items as Partial<Iterable<T>> | null | undefined)?.[Symbol.iterator] === "function"
}

function isAsyncIterable<T>(items: unknown): items is AsyncIterable<T> {
  return typeof (items as Partial<AsyncIterable<T>> | null | undefined)?.[Symbol.asyncIterator] === "function"
}

function notIterable(items: unknown): EngineError {
  return new EngineError(
    "SOURCE_NOT_ITERABLE",
    `Cannot read from ${describe(items, 80)}: it is neither iterable nor async iterable; ` +
      "pass an array, an iterable, an async iterable, or a function that returns one",
  )
}

function notReplayable(label: string, skip: number): EngineError {
  return new EngineError(
    "SOURCE_NOT_REPLAYABLE",
    `Cannot read ${label} again from item ${skip}: it can be iterated only once; ` +
      "pass a function that makes it anew, or read from something that can be read again",
    { details: { source: label, index: skip } },
  )
}

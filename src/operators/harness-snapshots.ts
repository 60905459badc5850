import type { Operator } from "../contracts/index.ts"
import { MsgpackCodec } from "../records/index.ts"
import {
  type CaptureKind,
  type EntrySink,
  keyIdentity,
  type StateTable,
  type TableCapture,
  type TableEntry,
} from "../state/index.ts"

/** What a test needs to capture and restore an operator: its tables are those of its world and its own. */
export interface Captured {
  readonly operator: Operator<never, never>
  readonly context: { readonly stores: ReadonlyMap<string, StateTable> }
}

/** One snapshot of an operator, as bytes: nothing in it is shared with the operator. */
export interface OperatorSnapshot {
  readonly kind: CaptureKind
  readonly entries: ReadonlyMap<string, readonly Uint8Array[]>
  readonly value: Uint8Array
}

type Row = readonly [
  keyHash: number,
  key: TableEntry["key"],
  namespace: number | null,
  value: unknown,
  deleted: boolean,
]

const codec = new MsgpackCodec()

/** A capture of all of an operator's state, under way. */
export class OperatorCapture {
  readonly #kind: CaptureKind
  readonly #value: Uint8Array
  readonly #parts: { readonly name: string; readonly capture: TableCapture; readonly sink: BytesSink }[] = []

  constructor(subject: Captured, kind: CaptureKind) {
    this.#kind = kind
    for (const table of tablesOf(subject)) {
      const sink = new BytesSink()
      this.#parts.push({ name: table.name, capture: table.capture(kind, sink), sink })
    }
    this.#value = codec.encode([subject.operator.captureValue?.()]).slice()
  }

  /** @returns the snapshot when all of it is written */
  write(budget: number): OperatorSnapshot | undefined {
    let done = true
    for (const { capture } of this.#parts) if (!capture.write(budget)) done = false
    if (!done) return undefined
    return {
      kind: this.#kind,
      entries: new Map(this.#parts.map(({ name, sink }) => [name, sink.frames])),
      value: this.#value,
    }
  }

  cancel(): void {
    for (const { capture } of this.#parts) capture.cancel()
  }
}

/** Captures all of an operator's state at once. */
export function takeSnapshot(subject: Captured, kind: CaptureKind): OperatorSnapshot {
  return new OperatorCapture(subject, kind).write(Number.POSITIVE_INFINITY)!
}

/**
 * Restores an operator that was opened just now.
 * @param chains of each former subtask, a snapshot of everything and those of the changes that followed
 * @param owns whether the operator owns the key group of a hash; all of them when not given
 */
export function restoreSnapshots(
  subject: Captured,
  chains: readonly (readonly OperatorSnapshot[])[],
  owns: (keyHash: number) => boolean = () => true,
): void {
  for (const [former, chain] of chains.entries()) {
    for (const { entries } of chain) {
      for (const table of tablesOf(subject)) {
        for (const frame of entries.get(table.name) ?? []) {
          const entry = entryOf(frame)
          if (owns(entry.keyHash)) table.load(entry, former)
        }
      }
    }
  }
  subject.operator.restoreValue?.(chains.map((chain) => codec.decode(chain.at(-1)!.value)[0]))
}

/** The content that a chain of snapshots adds up to, in an order that depends on nothing else. */
export function canonicalSnapshot(chain: readonly OperatorSnapshot[]): readonly string[] {
  const content = new Map<string, string>()
  for (const { entries } of chain) {
    for (const [name, frames] of entries) {
      for (const frame of frames) {
        const { key, namespace, deleted } = entryOf(frame)
        const identity = keyIdentity(key)
        const place = `${name} ${namespace} ${typeof identity} ${String(identity)}`
        if (deleted) content.delete(place)
        else content.set(place, frame.join())
      }
    }
  }
  return [...[...content].map(([place, frame]) => `${place}: ${frame}`).sort(), chain.at(-1)!.value.join()]
}

function tablesOf({ operator, context }: Captured): StateTable[] {
  return [...context.stores.values(), ...(operator.tables?.() ?? [])]
}

function entryOf(frame: Uint8Array): TableEntry {
  const [keyHash, key, namespace, value, deleted] = codec.decode(frame)[0] as Row
  return { keyHash, key, namespace, value, deleted }
}

class BytesSink implements EntrySink {
  readonly frames: Uint8Array[] = []

  put({ keyHash, key, namespace, value, deleted }: TableEntry): void {
    this.frames.push(codec.encode([[keyHash, key, namespace, value, deleted] satisfies Row]).slice())
  }
}

import { MsgpackCodec } from "../../records/index.ts"
import { keyGroupOf } from "../key-groups.ts"
import type { KeyIdentity } from "../key-identity.ts"
import { identityAt, isShared, placeOf } from "./_place-bytes.ts"
import type { BytesChange, BytesView } from "./ordered-bytes.ts"

/** What waits to be written for a key. */
export interface PendingEntry {
  readonly keyHash: number
  /** undefined: deleted. */
  readonly bytes: Uint8Array | undefined
}

/** What stands at one place: more than one only for identities that are too long for a key of their own. */
type Held = readonly (readonly [identity: KeyIdentity, bytes: Uint8Array])[]

const lists = new MsgpackCodec()

/** How the entries of one store lie in a sorted map of bytes. */
export class DiskEntries {
  readonly #table: number
  readonly #keyGroups: number

  constructor(table: number, keyGroups: number) {
    this.#table = table
    this.#keyGroups = keyGroups
  }

  get(view: BytesView, identity: KeyIdentity, keyHash: number): Uint8Array | undefined {
    const place = this.#placeOf(identity, keyHash)
    const value = view.get(place)
    if (value === undefined || !isShared(place)) return value
    return heldIn(value).find(([other]) => other === identity)?.[1]
  }

  /** The entries that stand at a place. */
  at(place: Uint8Array, value: Uint8Array): Held {
    return isShared(place) ? heldIn(value) : [[identityAt(place), value]]
  }

  /** What is to be written so that these entries are there, or gone. Sorted by place. */
  changesOf(view: BytesView, entries: readonly (readonly [KeyIdentity, PendingEntry])[]): BytesChange[] {
    const changes: BytesChange[] = []
    const shared = new Map<string, { readonly key: Uint8Array; held: Held }>()
    for (const [identity, { keyHash, bytes }] of entries) {
      const key = this.#placeOf(identity, keyHash)
      if (!isShared(key)) {
        changes.push({ key, value: bytes })
        continue
      }
      const name = key.join()
      const value = view.get(key)
      const list = shared.get(name) ?? { key, held: value === undefined ? [] : heldIn(value) }
      const others = list.held.filter(([other]) => other !== identity)
      list.held = bytes === undefined ? others : [...others, [identity, bytes]]
      shared.set(name, list)
    }
    for (const { key, held } of shared.values()) {
      changes.push({ key, value: held.length === 0 ? undefined : lists.encode(held).slice() })
    }
    return changes.sort((a, b) => compareBytes(a.key, b.key))
  }

  #placeOf(identity: KeyIdentity, keyHash: number): Uint8Array {
    return placeOf(this.#table, keyGroupOf(keyHash, this.#keyGroups), keyHash, identity)
  }
}

function heldIn(value: Uint8Array): Held {
  return lists.decode(value) as unknown as Held
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const difference = a[index]! - b[index]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

import type { Aggregate, OperatorContext } from "../contracts/index.ts"
import type { Key } from "../state/index.ts"
import type { Pane, PaneEntry } from "./_pane.ts"
import type { PaneTable } from "./_pane-table.ts"

/** Adds a record to its key's entry of a window. */
export type AddToPane<In, K extends Key, Acc> = (pane: Pane<K, Acc>, value: In) => PaneEntry<K, Acc>

export interface AddParts<In, K extends Key, Acc> {
  /** Has the hash of the record's key. */
  readonly context: OperatorContext
  readonly keyOf: (value: In) => K
  readonly aggregate: Aggregate<In, Acc, unknown>
  readonly panes: PaneTable<K, Acc>
}

/**
 * Compiles what an operator does with every record anew for each operator: in code that all operators of a thread share, the
 * engine's compiler sees as many aggregates and key functions as there are operators, and puts none of them in place.
 */
export function compileAdd<In, K extends Key, Acc>(parts: AddParts<In, K, Acc>): AddToPane<In, K, Acc> {
  return new Function("parts", SOURCE)(parts) as AddToPane<In, K, Acc>
}

const SOURCE = `"use strict"
const { context, keyOf, aggregate, panes } = parts
return function add(pane, value) {
  const key = keyOf(value)
  const keyHash = context.keyHash
  let entry = pane.find(key, keyHash)
  if (entry === undefined) entry = pane.add(key, keyHash, aggregate.create(), panes.epoch)
  if (entry.epoch !== panes.epoch) panes.touch(pane, entry)
  entry.accumulator = aggregate.add(entry.accumulator, value)
  return entry
}`

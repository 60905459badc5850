/**
 * An empty array for cells of a column.
 *
 * V8 has other code for arrays of small integers, of numbers and of anything, with holes and without, and throws compiled code away
 * that meets a kind for the first time: the loops over the records on their way, when a checkpoint writes a column of numbers with
 * them. This one has the kind that batches of records have, anything and perhaps holes, whatever is put into it.
 */
export function newCells<T>(): T[] {
  const cells = new Array<T | undefined>(1).fill(undefined)
  cells.length = 0
  return cells as T[]
}

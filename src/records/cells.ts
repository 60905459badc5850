/**
 * An array for cells of a column.
 *
 * V8 has other code for arrays of small integers, of numbers and of anything, with holes and without, and throws compiled code away
 * that meets a kind for the first time; where it has met five, it writes a cell by a call. This one has one kind, anything and perhaps
 * holes, whatever is put into it: the loops over the records on their way meet no other, also when a checkpoint writes a column
 * of numbers with them.
 */
export function newCells<T>(length = 0): T[] {
  const cells = new Array<T | undefined>(Math.max(1, length)).fill(undefined)
  cells.length = length
  return cells as T[]
}

const SOME_NUMBERS = new Array<number>(1024).fill(0.5)

/** The same for a column of numbers: floating-point ones, whatever they are. */
export function newNumbers(length = 0): number[] {
  // A copy has the kind from the start: filling makes a list of small integers first.
  if (length <= SOME_NUMBERS.length) return SOME_NUMBERS.slice(0, length)
  return new Array<number>(length).fill(0.5)
}

import { damaged } from "./byte-cursor.ts"

/**
 * What a column holds, cell for cell. Part of the wire format.
 *
 * Every column has one byte per cell at least, so that no count that the bytes do not bear out is believed.
 */
export const Kind = {
  /** Integers. Not -0. */
  INT8: 1,
  INT16: 2,
  INT32: 3,
  /** Any numbers: keeps -0, NaN and infinities. */
  FLOAT64: 4,
  BOOLEAN: 5,
  STRING: 6,
  NULL: 7,
  UNDEFINED: 8,
  /** By its ms. */
  DATE: 9,
  /** Everything else: a frame of MsgpackCodec. */
  CELLS: 10,
  /** Plain objects with the same fields in the same order: a column each. */
  OBJECT: 11,
  /** Arrays: their lengths, and one column of all their items. */
  LIST: 12,
  /** Cells of several kinds: a number per cell that says which, and a column per kind. */
  UNION: 13,
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

export type ObjectShape = readonly [kind: typeof Kind.OBJECT, keys: readonly string[], fields: readonly Shape[]]
export type ListShape = readonly [kind: typeof Kind.LIST, items: Shape]
export type UnionShape = readonly [kind: typeof Kind.UNION, members: readonly Shape[]]

/** The shape of a column. As JSON it stands at the head of each frame, and names the code that reads it. */
export type Shape = Kind | ObjectShape | ListShape | UnionShape

/** Objects and lists inside each other that travel as columns. What is deeper goes into CELLS. */
export const MAX_SHAPE_DEPTH = 6
/** Objects with more fields go into CELLS. */
export const MAX_FIELDS = 64
/** Kinds of cells in one column. */
export const MAX_MEMBERS = 16

/** @throws {EngineError} RECORD_NOT_READABLE when the text is not the JSON of a shape */
export function parseShape(text: string): Shape {
  let shape: unknown
  try {
    shape = JSON.parse(text)
  } catch {
    throw damaged(`their shape ${JSON.stringify(text.slice(0, 80))} is no JSON`)
  }
  if (!isShape(shape, 0)) throw damaged(`their shape ${text.slice(0, 80)} is unknown`)
  return shape
}

function isShape(shape: unknown, depth: number): shape is Shape {
  if (typeof shape === "number") return Number.isInteger(shape) && shape >= Kind.INT8 && shape <= Kind.CELLS
  if (!Array.isArray(shape) || depth > 2 * MAX_SHAPE_DEPTH) return false
  const [kind, first, second] = shape as unknown[]
  const areShapes = (list: unknown): list is Shape[] =>
    Array.isArray(list) && list.length > 0 && list.every((each) => isShape(each, depth + 1))
  switch (kind) {
    case Kind.OBJECT:
      return shape.length === 3 && areKeys(first) && areShapes(second) && first.length === second.length
    case Kind.LIST:
      return shape.length === 2 && isShape(first, depth + 1)
    case Kind.UNION:
      return shape.length === 2 && areShapes(first) && first.length <= MAX_MEMBERS
    default:
      return false
  }
}

/** Keys of an object literal: `__proto__` would not become a field there. */
export function areKeys(keys: unknown): keys is string[] {
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_FIELDS) return false
  return keys.every((key) => typeof key === "string" && key !== "__proto__") && new Set(keys).size === keys.length
}

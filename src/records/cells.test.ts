import { setFlagsFromString } from "node:v8"
import { expect, it } from "vitest"
import { newCells } from "./cells.ts"

setFlagsFromString("--allow-natives-syntax")
const isOfAnything = new Function("cells", "return %HasObjectElements(cells) && %HasHoleyElements(cells)")

it("cells are of one kind to V8, that of a batch's records, whatever is put into them", () => {
  const records = new Array(3)
  records[0] = { n: 1 }
  const kinds = [[1, 2], [0.5], ["a"], [null], []].map((values) => {
    const cells = newCells<unknown>()
    cells.push(...values)
    return isOfAnything(cells)
  })
  expect([isOfAnything(records), ...kinds]).toEqual(kinds.map(() => true).concat(true))
  expect(isOfAnything([1, 2])).toBe(false)
})

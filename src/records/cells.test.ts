import { setFlagsFromString } from "node:v8"
import { expect, it } from "vitest"
import { newCells, newNumbers } from "./cells.ts"

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

const isOfNumbers = new Function("cells", "return %HasDoubleElements(cells) && %HasHoleyElements(cells)")

it("numbers are of one kind, whatever they are and however many", () => {
  for (const length of [0, 1, 512, 5000]) {
    const numbers = newNumbers(length)
    expect(numbers.length).toBe(length)
    numbers[length] = 1
    numbers[0] = Number.NEGATIVE_INFINITY
    expect(isOfNumbers(numbers)).toBe(true)
    expect(newCells(length).length).toBe(length)
    expect(isOfAnything(newCells(length))).toBe(true)
  }
})

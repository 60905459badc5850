import { expect, it } from "vitest"
import { WatermarkGenerator } from "./watermark-generator.ts"

it("WatermarkGenerator is at -Infinity before the first record with a time", () => {
  const generator = new WatermarkGenerator(10)
  expect(generator.current()).toBe(Number.NEGATIVE_INFINITY)
  generator.observe(Number.NEGATIVE_INFINITY)
  generator.observe(Number.NaN)
  expect(generator.current()).toBe(Number.NEGATIVE_INFINITY)
})

it("WatermarkGenerator leaves room for records that repeat the time max - bound", () => {
  const generator = new WatermarkGenerator(10)
  generator.observe(100)
  expect(generator.current()).toBe(89)
  const inOrder = new WatermarkGenerator(0)
  inOrder.observe(100)
  expect(inOrder.current()).toBe(99)
})

it("WatermarkGenerator does not go back for records behind the newest", () => {
  const generator = new WatermarkGenerator(10)
  generator.observe(100)
  generator.observe(50)
  expect(generator.current()).toBe(89)
  generator.observe(-7)
  generator.observe(101)
  expect(generator.current()).toBe(90)
})

it("WatermarkGenerator does not take a time of Infinity for the end of event time", () => {
  const generator = new WatermarkGenerator(0)
  generator.observe(5)
  generator.observe(Number.POSITIVE_INFINITY)
  expect(generator.current()).toBe(4)
})

import { expect, it } from "vitest"
import { DEFAULT_KEY_GROUPS, keyGroupOf, keyGroupRange, subtaskOfKeyGroup } from "./key-groups.ts"

it("RSC-1: key group ranges partition 0..G-1 for every parallelism, as subtaskOfKeyGroup() says", () => {
  for (const keyGroups of [1, 2, 3, 7, 127, 128, 129, 1_000]) {
    for (let parallelism = 1; parallelism <= keyGroups; parallelism++) {
      let next = 0
      for (let subtask = 0; subtask < parallelism; subtask++) {
        const { first, end } = keyGroupRange(subtask, keyGroups, parallelism)
        const sizeFits =
          end - first === Math.floor(keyGroups / parallelism) || end - first === Math.ceil(keyGroups / parallelism)
        let ownsAll = true
        for (let group = first; group < end; group++) {
          if (subtaskOfKeyGroup(group, keyGroups, parallelism) !== subtask) ownsAll = false
        }
        // One plain check: expect() half a million times takes long.
        if (first !== next || !sizeFits || !ownsAll) {
          expect.fail(`subtask ${subtask} of ${parallelism} has [${first}, ${end}) of ${keyGroups}, after ${next}`)
        }
        next = end
      }
      expect(next).toBe(keyGroups)
    }
  }
})

it("keyGroupRange() is Flink's for 128 groups and 3 subtasks", () => {
  expect([0, 1, 2].map((subtask) => keyGroupRange(subtask, DEFAULT_KEY_GROUPS, 3))).toEqual([
    { first: 0, end: 43 },
    { first: 43, end: 86 },
    { first: 86, end: 128 },
  ])
})

it("keyGroupOf() treats hashes as unsigned", () => {
  expect(keyGroupOf(0xffffffff, 128)).toBe(127)
  expect(keyGroupOf(0x80000000, 128)).toBe(0)
  expect(keyGroupOf(0xffffffff, 10)).toBe(5)
  expect(keyGroupOf(0xffffffff, 1)).toBe(0)
  expect(keyGroupOf(0xffffffff, 32_768)).toBe(32_767)
})

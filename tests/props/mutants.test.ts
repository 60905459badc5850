/** The mutants of props/mutants/ can be made: a change of the engine that takes a mutant's place away must write it anew. */
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
// @ts-expect-error A script without types.
import { MUTANTS as ALL } from "../../props/mutants/mutants.mjs"
// @ts-expect-error A script without types.
import { apply } from "../../props/mutants/mutate.mjs"

interface Mutant {
  readonly name: string
  readonly file: string
  readonly props: readonly string[]
}

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..")
const MUTANTS = ALL as readonly Mutant[]

test("there are at least 40 mutants, each with a name of its own and properties that are there", () => {
  expect(MUTANTS.length).toBeGreaterThanOrEqual(40)
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length)
  for (const { props } of MUTANTS) for (const file of props) readFileSync(join(ROOT, `props/${file}.props.test.ts`))
})

test.each(MUTANTS)("$name: its place stands once in $file", (mutant) => {
  const text = readFileSync(join(ROOT, mutant.file), "utf8")
  expect(apply(mutant, text)).not.toBe(text)
})

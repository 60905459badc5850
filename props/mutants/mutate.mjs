import { MUTANTS } from "./mutants.mjs"

/** The text of a file with a mutant's change; undefined when the change is in another file. @throws when its place has gone */
export function mutated(name, file, read) {
  const mutant = MUTANTS.find((each) => each.name === name)
  if (mutant === undefined) throw new Error(`there is no mutant ${JSON.stringify(name)}`)
  if (mutant.file !== file) return undefined
  return apply(mutant, read())
}

/** @returns the text with the change @throws when what it replaces does not stand there exactly once */
export function apply({ name, file, find, replace }, text) {
  const places = text.split(find).length - 1
  if (places !== 1) {
    throw new Error(
      `mutant ${JSON.stringify(name)}: its place stands ${places} times in ${file}, not once; write it anew`,
    )
  }
  return text.replace(find, () => replace)
}

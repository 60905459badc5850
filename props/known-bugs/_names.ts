/** Bugs by their ids, as texts name them: `FLINK-1, FLINK-2`, `owner/name #1, #2`. Owners are left out. */
export function bugsIn(text: string): string[] {
  let project = ""
  return text.split(", ").map((part) => {
    const [, named, number] = /^(?:(?:[\w-]+\/)?([\w-]+) )?#(\d+)$/.exec(part) ?? []
    if (number === undefined) return part
    project = named ?? project
    return `${project} #${number}`
  })
}

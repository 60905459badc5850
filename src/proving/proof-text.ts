import type { Proof, ProofStatistics } from "./prove.ts"
import { valueText } from "./value-text.ts"

/** The counts of a proof, in a line. */
export function statisticsText({ schedules, distinct, crashes, kills, checkpoints, records }: ProofStatistics): string {
  return (
    `${schedules} schedules (${distinct} different), ${crashes} crashes, ${kills} workers killed, ` +
    `${checkpoints} checkpoints, ${records} records committed`
  )
}

/** What a proof found, for people. Ends in a line feed. @param file for the command that shows it again */
export function proofText({ job, failure, statistics, sampled }: Proof, file: string): string {
  const lines: string[] = []
  const sampledLine =
    sampled.length === 0 ? [] : [`of ${sampled.join(", ")} only the beginning was read: --sample reads more`]
  if (failure === undefined) {
    lines.push(`${job}: nothing found`, `  ${statisticsText(statistics)}`, ...sampledLine.map((line) => `  ${line}`))
    return `${lines.join("\n")}\n`
  }
  const section = (title: string, texts: readonly string[]): void => {
    if (texts.length > 0) lines.push(`  ${title}`, ...texts.map((text) => `    ${text}`))
  }
  lines.push(`${job}: not proven`, `  ${failure.message}`)
  section(
    "records",
    Object.entries(failure.records).flatMap(([id, list]) => list.map((record) => `${id}: ${valueText(record)}`)),
  )
  section("how it comes about", failure.schedule)
  section("the run, step by step", failure.log)
  if (failure.replay !== undefined) {
    const { seed, path, delivery } = failure.replay
    const asRun = delivery === undefined ? "" : ` --delivery ${delivery}`
    lines.push(`  again: millrace prove ${file}${asRun} --seed ${seed} --path ${path}`)
  }
  lines.push(`  after ${statisticsText(statistics)}`, ...sampledLine.map((line) => `  ${line}`))
  return `${lines.join("\n")}\n`
}

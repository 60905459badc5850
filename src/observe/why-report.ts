/** The cause at the end of the chain, by name. */
export type WhyAnswer =
  /** The job is not running: it starts, restarts, drains, or is over. */
  | "not-running"
  /** A worker does not answer: user code runs for long there. */
  | "silent"
  /** The source has not read as far as the operator waits for. */
  | "behind"
  /** The source is read, and nothing comes. */
  | "waiting-for-input"
  /** All sources that matter are idle: then the watermark holds. */
  | "idle"
  /** The source is ahead of others of its alignment group, and waits for them. */
  | "paused"
  /** Splits of the source have not been opened yet, and may hold older records. */
  | "splits"
  /** Something downstream does not keep up. */
  | "backpressured"
  /** The watermark is on its way, behind records that have not been taken yet. */
  | "in-flight"
  /** A checkpoint holds the channel, or the sinks, for a moment. */
  | "checkpoint"
  /** The operator waits for a time of day. */
  | "clock"
  /** It fires at the end of the input, and not before. */
  | "end-of-input"
  /** The input has ended: what is left is being emitted. */
  | "finishing"
  /** No record has come to the operator: those before it have let none through. */
  | "dropped"
  /** It waits for nothing: what it gets it hands on. */
  | "nothing-waits"
  /** The source has no event time. */
  | "no-event-time"

/** One link of the chain from the operator to the cause. */
export interface WhyStep {
  /** Who: `window-1/0`, a subtask; or an operator. */
  readonly at: string
  /** One sentence. */
  readonly text: string
  /** Its watermark as a text of ISO 8601; null before the first. */
  readonly watermark: string | null
}

/** Why there is no output. Plain JSON data. */
export interface WhyReport {
  readonly jobName: string
  readonly status: string
  /** The operator that was asked about, or that waits. */
  readonly operator: string | null
  readonly answer: WhyAnswer
  /** The answer as a sentence. */
  readonly summary: string
  /** From the operator to the cause. */
  readonly chain: readonly WhyStep[]
  /** What can be done about it; null when nothing needs to be. */
  readonly advice: string | null
  /** All of it for people, in lines. */
  readonly text: string
}

/** A moment of event time as text. */
export function momentText(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return "the end of the input"
  if (ms === Number.NEGATIVE_INFINITY) return "no time yet"
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`
}

/** A moment for programs; null for none. */
export function momentOrNull(ms: number): string | null {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : null
}

/** A length of time as text: two units at most, such as `1m 30s`. */
export function lengthText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = Math.round(ms / 1000)
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ")
}

/** The report for people: the answer, then the chain, each link further in, then what to do. */
export function whyText({ jobName, operator, summary, chain, advice }: Omit<WhyReport, "text">): string {
  const title = operator === null ? `job ${jobName}: ${summary}` : `${operator} of job ${jobName}: ${summary}`
  return [
    title,
    ...(chain.length === 0 ? [] : [""]),
    ...chain.map(({ at, text }, index) => `${"  ".repeat(index)}${index === 0 ? "" : "because "}${at} ${text}`),
    ...(advice === null ? [] : ["", `What to do: ${advice}`]),
  ].join("\n")
}

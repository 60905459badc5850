import { closest, EngineError } from "../errors/index.ts"
import type { ChannelReport, ReaderReport, SubtaskReport, WaitingReport } from "./subtask-report.ts"
import {
  lengthText,
  momentOrNull,
  momentText,
  type WhyAnswer,
  type WhyReport,
  type WhyStep,
  whyText,
} from "./why-report.ts"

/** A running job as `explainWhy` sees it. */
export interface JobView {
  readonly jobName: string
  readonly status: string
  /** In the plan's order: senders before receivers. */
  readonly vertices: readonly VertexView[]
  /** By number. */
  readonly channels: readonly ChannelView[]
  readonly subtasks: readonly SubtaskReport[]
  /** The same a moment earlier: what moves is told from what stands. */
  readonly before: { readonly subtasks: readonly SubtaskReport[]; readonly agoMs: number }
  /** Workers that have not answered, with the names of their subtasks. */
  readonly silent: readonly { readonly worker: number; readonly subtasks: readonly string[] }[]
  /** Wall clock, epoch ms. */
  readonly nowMs: number
}

export interface VertexView {
  readonly id: string
  /** Ids of its operators, the head first. */
  readonly operators: readonly string[]
  readonly recordsIn: number
  readonly recordsOut: number
  /** Of a source: splits that nobody has opened. */
  readonly splitsWaiting: number
}

export interface ChannelView {
  readonly from: Place
  readonly to: Place
}

interface Place {
  readonly vertex: number
  readonly subtask: number
}

/** A subtask that spends more of its time so does nothing else that matters. */
const MOSTLY = 0.5
/** A source without a record for so long has nothing to read. */
const QUIET_FROM_MS = 1000

/**
 * Says why an operator emits nothing: what it waits for, who holds its watermark back, and so on up to the source; and why
 * that one is where it is. Pure. What the subtasks said is a few milliseconds old and not of one moment: read it as a hint when
 * the job moves fast, as a fact when it stands still.
 *
 * @param operatorId undefined: the first operator that waits for something
 * @throws {EngineError} WHY_OPERATOR_UNKNOWN
 */
export function explainWhy(view: JobView, operatorId: string | undefined): WhyReport {
  return new Explanation(view).explain(operatorId)
}

class Explanation {
  readonly #view: JobView
  readonly #chain: WhyStep[] = []
  readonly #seen = new Set<SubtaskReport>()
  #operator: string | null = null

  constructor(view: JobView) {
    this.#view = view
  }

  explain(operatorId: string | undefined): WhyReport {
    const { status, silent } = this.#view
    const asked = operatorId === undefined ? undefined : this.#vertexOf(operatorId)
    this.#operator = operatorId ?? null
    if (status !== "running") return this.#notRunning(status)
    if (silent.length > 0) return this.#silent()
    // Workers have ended, and the job is about to.
    if (this.#view.subtasks.length === 0) return this.#answer("finishing", FINISHING, null)
    const waiting = this.#waitingIn(asked, operatorId)
    if (waiting !== undefined) return this.#waits(waiting.report, waiting.what)
    return this.#holdsNothing(asked ?? this.#view.vertices.length - 1, operatorId)
  }

  #notRunning(status: string): WhyReport {
    const sentences: Readonly<Record<string, string>> = {
      deploying: "it is still starting",
      restarting: "it failed, and starts again from its last checkpoint",
      stopping: "it is draining: everything in flight is processed, then it ends",
    }
    return this.#answer("not-running", sentences[status] ?? `it is over (${status})`, null)
  }

  #silent(): WhyReport {
    for (const { worker, subtasks } of this.#view.silent) {
      this.#chain.push({ at: `worker ${worker}`, text: `runs ${subtasks.join(", ")}`, watermark: null })
    }
    const names = this.#view.silent.map(({ worker }) => worker).join(", ")
    return this.#answer(
      "silent",
      `worker ${names} does not answer: one of its functions runs for a long time, or its thread gets no CPU`,
      "look for a slow or blocking call in the functions of these operators",
    )
  }

  /** The first operator with something to fire; of its subtasks, the one that is due first. */
  #waitingIn(
    vertex: number | undefined,
    operatorId: string | undefined,
  ): { readonly report: SubtaskReport; readonly what: WaitingReport } | undefined {
    const candidates = this.#view.subtasks
      .flatMap((report) => report.waiting.map((what) => ({ report, what })))
      .filter(({ report }) => vertex === undefined || report.vertex === vertex)
      .filter(({ what }) => operatorId === undefined || what.operatorId === operatorId)
    candidates.sort((a, b) => a.report.vertex - b.report.vertex || dueMs(a.what) - dueMs(b.what))
    return candidates[0]
  }

  #waits(report: SubtaskReport, { operatorId, what, count, nextMs, nextProcessingMs }: WaitingReport): WhyReport {
    this.#operator ??= operatorId
    const at = `${operatorId}/${report.subtask}`
    const many = count === 1 ? `one ${what}` : `${count} ${what}s`
    if (nextMs === undefined) {
      const inMs = (nextProcessingMs ?? this.#view.nowMs) - this.#view.nowMs
      this.#step(report, `has ${many}; the next fires by the clock, in ${lengthText(Math.max(0, inMs))}`, at)
      return this.#answer("clock", "it waits for the clock", null)
    }
    if (nextMs === Number.POSITIVE_INFINITY) {
      this.#step(report, `has ${many}, to be fired when the input ends`, at)
      return this.#answer("end-of-input", "it fires at the end of the input, not before", null)
    }
    this.#step(
      report,
      `has ${many}; the next fires when its watermark reaches ${momentText(nextMs)}, and ${report.watermarkMs === Number.NEGATIVE_INFINITY ? "it has none yet" : `that stands at ${momentText(report.watermarkMs)}`}`,
      at,
    )
    return this.#watermarkOf(report, nextMs)
  }

  /** Why this subtask's watermark is not further. */
  #watermarkOf(report: SubtaskReport, neededMs: number): WhyReport {
    if (report.phase !== "running") return this.#finishing(report)
    if (this.#isHeldBack(report)) return this.#backpressure(report)
    if (report.sinksPrepare) {
      this.#step(report, "waits until its sinks have written what belongs to a checkpoint")
      return this.#answer("checkpoint", "a sink is writing its share of a checkpoint", SLOW_CHECKPOINT)
    }
    const { input, ownNewestMs } = report
    if (ownNewestMs !== undefined) {
      this.#step(report, `gives records their time; the newest so far is ${momentText(ownNewestMs)}`)
      return this.#answer(
        "behind",
        "records have not come so far yet",
        `a record must come that moves the watermark of ${this.#nameOf(report)} to ${momentText(neededMs)}`,
      )
    }
    if (input.type === "source") return this.#reader(report, input, neededMs)
    if (input.holder === undefined) return this.#nobodyHolds(report, input.channels)
    const channel = input.channels.find((each) => each.channel === input.holder)!
    const sender = this.#senderOf(channel)
    if (sender === undefined) return this.#finishing(report)
    if (channel.held) {
      this.#step(
        report,
        `does not read the channel from ${this.#nameOf(sender)}: a checkpoint's barrier has come there, and not yet in the others`,
      )
      return this.#answer("checkpoint", "a checkpoint is aligning", SLOW_CHECKPOINT)
    }
    if (sender.watermarkMs >= neededMs || sender.phase === "done") {
      this.#step(
        sender,
        `has handed on the watermark ${momentText(sender.watermarkMs)}, which is behind records that ${this.#nameOf(report)} has not taken yet`,
      )
      return this.#answer("in-flight", "the watermark is on its way", null)
    }
    if (sender.watermarkMs > channel.watermarkMs && !this.#moves(report) && this.#share(report, "busyMs") > MOSTLY) {
      this.#step(report, `is busy with what ${this.#nameOf(sender)} has sent; a later watermark waits behind it`)
      return this.#answer("backpressured", `${this.#nameOf(report)} does not keep up`, this.#keepUp(report))
    }
    this.#step(
      sender,
      `holds it back: its channel says ${momentText(channel.watermarkMs)}${this.#others(input.channels)}`,
    )
    return this.#watermarkOf(sender, neededMs)
  }

  /** No channel is active. */
  #nobodyHolds(report: SubtaskReport, channels: readonly ChannelReport[]): WhyReport {
    const idle = channels.find(({ state }) => state === "idle")
    if (idle === undefined) return this.#finishing(report)
    this.#step(report, `hears from nobody: all of its inputs are idle, and then the watermark stays where it is`)
    let sender = this.#senderOf(idle)
    while (sender?.input.type === "channels") {
      const next = sender.input.channels.find(({ state }) => state === "idle")
      if (next === undefined) break
      sender = this.#senderOf(next)
    }
    if (sender?.input.type === "source") this.#step(sender, `has had no record for ${lengthText(sender.input.quietMs)}`)
    return this.#answer(
      "idle",
      "all of its sources are idle, and the watermark stays where it is until one of them has a record",
      IDLE_ADVICE,
    )
  }

  /** Why a source is where it is. */
  #reader(report: SubtaskReport, reader: ReaderReport, neededMs: number): WhyReport {
    const reads = readsText(reader)
    if (!reader.hasEventTime) {
      this.#step(report, `${reads}, whose records have no event time: it makes no watermark`)
      return this.#answer("no-event-time", "a source has no event time", "give the source a time")
    }
    if (reader.state === "ended") return this.#finishing(report)
    if (reader.state === "paused") return this.#paused(report, reader, neededMs)
    if (reader.holdsForSplits) return this.#holdsForSplits(report, reader)
    const newest = `the newest record is of ${momentText(reader.newestMs)}`
    if (reader.state === "idle") {
      this.#step(report, `${reads}, and has had no record for ${lengthText(reader.quietMs)}; ${newest}`)
      return this.#answer("idle", "its source is idle, and no other moves the watermark on", IDLE_ADVICE)
    }
    if (reader.quietMs >= QUIET_FROM_MS) {
      const idleIn = reader.idleAfterMs - reader.quietMs
      const until = Number.isFinite(idleIn)
        ? `; in ${lengthText(Math.max(0, idleIn))} it is idle and holds nobody back`
        : ""
      this.#step(report, `${reads}, and has had no record for ${lengthText(reader.quietMs)}; ${newest}${until}`)
      return this.#answer(
        "waiting-for-input",
        "its source has nothing to read",
        `${this.#needs(reader, neededMs)}; ${Number.isFinite(reader.idleAfterMs) ? "a shorter idleAfter lets others go on sooner" : "set idleAfter on the source if others should go on without it"}`,
      )
    }
    const speed = this.#speed(report)
    const moves = speed > 0 ? `, and moves on by ${lengthText(speed * 1000)} of event time per second` : ""
    this.#step(report, `${reads}; ${newest}, its watermark is ${momentText(reader.splitWatermarkMs)}${moves}`)
    const busiest = this.#busiestBehind(report)
    if (busiest !== undefined && speed === 0) {
      this.#step(busiest, `is busy ${percentOf(this.#share(busiest, "busyMs"))} of the time, more than any other`)
      return this.#answer("backpressured", `${this.#nameOf(busiest)} does not keep up`, this.#keepUp(busiest))
    }
    if (busiest !== undefined) {
      this.#step(busiest, `sets the pace: it is busy ${percentOf(this.#share(busiest, "busyMs"))} of the time`)
    }
    const leftMs = (neededMs - reader.splitWatermarkMs) / speed
    const eta = speed > 0 && Number.isFinite(leftMs) ? `; at this speed that takes ${lengthText(leftMs)}` : ""
    return this.#answer("behind", "its source has not come so far yet", `${this.#needs(reader, neededMs)}${eta}`)
  }

  #needs({ boundMs }: ReaderReport, neededMs: number): string {
    return boundMs === undefined
      ? `the source's watermark must reach ${momentText(neededMs)}`
      : `a record of ${momentText(neededMs + boundMs + 1)} or later must come${boundMs === 0 ? "" : ` (outOfOrder is ${lengthText(boundMs)})`}`
  }

  #paused(report: SubtaskReport, { slowest, maxDriftMs, splitWatermarkMs }: ReaderReport, neededMs: number): WhyReport {
    const other = slowest === undefined ? undefined : this.#reportAt(slowest)
    const whom = other === undefined ? "the slowest of its group" : this.#nameOf(other)
    this.#step(
      report,
      `is paused by alignment: it is at ${momentText(splitWatermarkMs)}, and may be ${lengthText(maxDriftMs ?? 0)} ahead of ${whom}${slowest === undefined ? "" : `, which is at ${momentText(slowest.watermarkMs)}`}`,
    )
    if (other === undefined || this.#seen.has(other)) return this.#answer("paused", PAUSED, PAUSED_ADVICE)
    this.#seen.add(other)
    const { summary } = this.#watermarkOf(other, neededMs)
    return this.#answer("paused", `${PAUSED}; of the slowest: ${summary}`, PAUSED_ADVICE)
  }

  #holdsForSplits(report: SubtaskReport, { label, split }: ReaderReport): WhyReport {
    const { splitsWaiting } = this.#view.vertices[report.vertex]!
    const reads = split === undefined ? `waits for a split of ${label}` : `reads split "${split}" of ${label}`
    this.#step(
      report,
      `${reads}, and keeps its watermark back: ${splitsWaiting} ${splitsWaiting === 1 ? "split has" : "splits have"} not been opened yet and may begin earlier`,
    )
    return this.#answer(
      "splits",
      "its source has splits that nobody has opened yet",
      "say inOrder: true on the source if its files are one sequence in time; or wait: windows fire while the last of them is read",
    )
  }

  #finishing(report: SubtaskReport): WhyReport {
    this.#step(report, report.phase === "done" ? "has come to its end" : "has had all of its input, and is finishing")
    return this.#answer("finishing", FINISHING, null)
  }

  /** Who downstream does not keep up. */
  #backpressure(report: SubtaskReport): WhyReport {
    const full = report.fullChannels[0]
    const receiver = full === undefined ? undefined : this.#reportAt(this.#view.channels[full]!.to)
    if (receiver === undefined || this.#seen.has(receiver)) {
      this.#step(report, "cannot hand on what it has: an operator of its own chain, such as a sink, does not keep up")
      return this.#answer("backpressured", `${this.#nameOf(report)} does not keep up`, this.#keepUp(report))
    }
    this.#seen.add(receiver)
    this.#step(report, `cannot hand on what it has: the channel to ${this.#nameOf(receiver)} is full`)
    if (receiver.blocked) return this.#backpressure(receiver)
    this.#step(receiver, "is busy with what it has")
    return this.#answer("backpressured", `${this.#nameOf(receiver)} does not keep up`, this.#keepUp(receiver))
  }

  /** It cannot hand on what it has, now and for most of the time, and its watermark stands. */
  #isHeldBack(report: SubtaskReport): boolean {
    return report.blocked && this.#share(report, "backpressuredMs") > MOSTLY && !this.#moves(report)
  }

  #moves(report: SubtaskReport): boolean {
    return this.#speed(report) > 0 || report.watermarkMs > (this.#earlier(report)?.watermarkMs ?? report.watermarkMs)
  }

  /** Event-time ms per ms of a source. */
  #speed(report: SubtaskReport): number {
    const earlier = this.#earlier(report)?.input
    if (report.input.type !== "source" || earlier?.type !== "source") return 0
    const movedMs = report.input.newestMs - earlier.newestMs
    return Number.isFinite(movedMs) ? Math.max(0, movedMs) / this.#view.before.agoMs : 0
  }

  /** Part of the time since the first look. */
  #share(report: SubtaskReport, of: "busyMs" | "backpressuredMs"): number {
    const { agoMs } = this.#view.before
    const earlier = this.#earlier(report)
    return earlier === undefined || agoMs <= 0 ? 0 : (report[of] - earlier[of]) / agoMs
  }

  /** Of the subtasks behind a source, the one that does the most, if it does little else. */
  #busiestBehind({ vertex }: SubtaskReport): SubtaskReport | undefined {
    const behind = this.#view.subtasks.filter((report) => report.vertex > vertex)
    behind.sort((a, b) => this.#share(b, "busyMs") - this.#share(a, "busyMs"))
    return behind[0] !== undefined && this.#share(behind[0], "busyMs") > MOSTLY ? behind[0] : undefined
  }

  #earlier({ vertex, subtask }: SubtaskReport): SubtaskReport | undefined {
    return this.#view.before.subtasks.find((report) => report.vertex === vertex && report.subtask === subtask)
  }

  #keepUp(report: SubtaskReport): string {
    const { id, operators } = this.#view.vertices[report.vertex]!
    return `look at what ${operators.length > 1 ? operators.join(", ") : id} does per record, or give it more subtasks with --set ${id}.parallelism=n`
  }

  /** Nothing of the vertex waits for a time. */
  #holdsNothing(vertex: number, operatorId: string | undefined): WhyReport {
    const view = this.#view.vertices[vertex]!
    const reports = this.#view.subtasks.filter((report) => report.vertex === vertex)
    const blocked = reports.find((report) => this.#isHeldBack(report))
    if (blocked !== undefined) return this.#backpressure(blocked)
    const at = operatorId ?? view.id
    const counts = `waits for no time; its chain has taken ${view.recordsIn} records and handed on ${view.recordsOut}`
    this.#chain.push({ at, text: counts, watermark: null })
    const upstream = this.#upstreamOf(vertex)
    // An operator before it may wait in the same chain.
    const waiting = [vertex, ...upstream]
      .map((each) => this.#waitingIn(each, undefined))
      .find((each) => each !== undefined)
    if (waiting !== undefined) return this.#waits(waiting.report, waiting.what)
    const reader = reports.find(({ input }) => input.type === "source" && input.state !== "ended") ?? reports[0]
    if (reader?.input.type === "source") return this.#sourceAlone(reader, reader.input)
    if (view.recordsIn > 0) return this.#answer("nothing-waits", "it waits for nothing: what comes, it hands on", null)
    const drops = upstream.find(
      (each) => this.#view.vertices[each]!.recordsIn > 0 && this.#view.vertices[each]!.recordsOut === 0,
    )
    if (drops !== undefined) return this.#dropped(drops)
    const nearest = upstream[0]
    return nearest === undefined
      ? this.#answer("nothing-waits", "it waits for nothing", null)
      : this.#holdsNothing(nearest, undefined)
  }

  #dropped(vertex: number): WhyReport {
    const { id, operators, recordsIn } = this.#view.vertices[vertex]!
    this.#chain.push({
      at: id,
      text: `has taken ${recordsIn} records and let none of them through (${operators.join(", ")})`,
      watermark: null,
    })
    return this.#answer(
      "dropped",
      "no record has come to it",
      "look at the filters, and at the side outputs, before it",
    )
  }

  /** A source whose chain waits for no time. */
  #sourceAlone(report: SubtaskReport, reader: ReaderReport): WhyReport {
    if (reader.state === "ended" || report.phase !== "running") return this.#finishing(report)
    if (reader.state === "paused") return this.#paused(report, reader, Number.POSITIVE_INFINITY)
    const { recordsIn, recordsOut } = this.#view.vertices[report.vertex]!
    const quiet = reader.quietMs >= QUIET_FROM_MS || reader.state === "idle"
    if (quiet || recordsIn === 0) {
      this.#step(report, `reads ${reader.label}, and has had no record for ${lengthText(reader.quietMs)}`)
      return this.#answer("waiting-for-input", "its source has nothing to read", null)
    }
    return recordsOut === 0
      ? this.#dropped(report.vertex)
      : this.#answer("nothing-waits", "it waits for nothing: what comes, it hands on", null)
  }

  /** All vertices above, the nearest first. */
  #upstreamOf(vertex: number): number[] {
    const found: number[] = []
    for (let at = -1, current: number | undefined = vertex; current !== undefined; current = found[++at]) {
      for (const { from, to } of this.#view.channels) {
        if (to.vertex === current && !found.includes(from.vertex)) found.push(from.vertex)
      }
    }
    return found
  }

  /** How the other channels stand, when there are several. */
  #others(channels: readonly ChannelReport[]): string {
    if (channels.length === 1) return ""
    const idle = channels.filter(({ state }) => state === "idle").length
    return `, the lowest of ${channels.length} inputs${idle === 0 ? "" : ` (${idle} idle)`}`
  }

  #senderOf({ channel }: ChannelReport): SubtaskReport | undefined {
    return this.#reportAt(this.#view.channels[channel]!.from)
  }

  #reportAt({ vertex, subtask }: Place): SubtaskReport | undefined {
    return this.#view.subtasks.find((report) => report.vertex === vertex && report.subtask === subtask)
  }

  #nameOf({ vertex, subtask }: Place): string {
    return `${this.#view.vertices[vertex]!.id}/${subtask}`
  }

  #vertexOf(operatorId: string): number {
    const { vertices, jobName } = this.#view
    const found = vertices.findIndex(({ operators }) => operators.includes(operatorId))
    if (found !== -1) return found
    const known = vertices.flatMap(({ operators }) => operators)
    const near = closest(operatorId, known)
    throw new EngineError(
      "WHY_OPERATOR_UNKNOWN",
      `Cannot say why "${operatorId}" waits: job "${jobName}" has no such operator${near === undefined ? "" : `, did you mean "${near}"?`}; its operators are ${known.join(", ")}`,
    )
  }

  #step(report: SubtaskReport, text: string, at = this.#nameOf(report)): void {
    this.#chain.push({ at, text, watermark: momentOrNull(report.watermarkMs) })
  }

  #answer(answer: WhyAnswer, summary: string, advice: string | null): WhyReport {
    const { jobName, status } = this.#view
    const report = { jobName, status, operator: this.#operator, answer, summary, chain: [...this.#chain], advice }
    return { ...report, text: whyText(report) }
  }
}

const FINISHING = "the input has ended, what is left is being emitted"
const SLOW_CHECKPOINT = "this passes by itself; if it lasts, look at slow sinks and at backpressure"
const IDLE_ADVICE =
  "nothing, if there is nothing to read; a record, however few, moves the watermark on, and the end of the input fires everything"
const PAUSED = "its source is ahead of others of its alignment group and waits for them"
const PAUSED_ADVICE = "look at the slowest source of the group, or raise maxDrift"

function percentOf(share: number): string {
  return `${Math.min(100, Math.round(share * 100))} %`
}

function dueMs({ nextMs, nextProcessingMs }: WaitingReport): number {
  return nextMs ?? nextProcessingMs ?? Number.POSITIVE_INFINITY
}

/** What a reader reads. */
function readsText({ label, split, splits }: ReaderReport): string {
  if (split === undefined) return `reads ${label}`
  return splits > 1
    ? `reads ${splits} splits of ${label}, the slowest of them "${split}"`
    : `reads split "${split}" of ${label}`
}

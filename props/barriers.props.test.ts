import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { type BarrierAction, type BarrierMode, createBarrierHandler } from "../src/snapshot/index.ts"

// The model: what each channel will deliver is a script, and an input gate that follows the handler's actions blindly takes
// it, in every order. Besides, barriers are announced, the clock moves on, and checkpoints are aborted, at every moment.
// Not modelled: when what a sender sends gets into the queue. An announcement may come at any time before its barrier is
// taken, and says that the barrier is in the queue; that is all a handler can see of it.

type Token = "record" | "end" | number

interface Case {
  readonly mode: BarrierMode
  readonly scripts: readonly (readonly Token[])[]
  /** Channels on which barriers are announced. */
  readonly announces?: readonly boolean[]
  /** Each comes once, at any moment. */
  readonly aborts?: readonly number[]
  /** The clock moves from EARLY_MS to LATE_MS, at any moment. */
  readonly clockMoves?: boolean
}

type Event =
  | { readonly type: "take" | "announce"; readonly channel: number }
  | { readonly type: "abort"; readonly checkpointId: number }
  | { readonly type: "clock" }

const TIMEOUT_MS = 10
const EARLY_MS = 5
const LATE_MS = 10
/** Of ids 1, 2, ...: the first barrier's time is out at LATE_MS, counted from its birth; the second's is not. */
const bornMsOf = (checkpointId: number) => (checkpointId === 1 ? 0 : 3)

const LAWS = {
  "BAR-1": "while aligning, a channel is held from its barrier to the capture or abort, and no other channel is",
  "BAR-2":
    "captures strictly increase, at most one per id, none of what was aborted; only a newer one or an abort ends one",
  "BAR-3": "a channel that ended counts as having delivered every later barrier",
  "BAR-4": "at least once holds no channel and saves nothing",
  "BAR-5": "turns unaligned when the time since the barrier's birth is out, and not before",
  "BAR-6": "after an abort the handler is as if the checkpoint had never been asked for, and the next one completes",
  "BAR-7": "unaligned, the first sign of a barrier captures, and the last sign completes, whatever is queued",
  "CUT-1":
    "records before the barrier = delivered before the capture + saved; aligned saves nothing; at least once has all of them",
  "CUT-2": "exactly once captures no record from behind a barrier",
  "UC-1": "a channel is saved only up to the sign of its barrier or its end, once, and before the checkpoint completes",
  "UC-3": "records taken behind the capture and before the channel's barrier are saved, and delivered",
} as const
type Law = keyof typeof LAWS

class BrokenLaw extends Error {
  readonly law: Law
  constructor(law: Law, text: string) {
    super(`${law}: ${text}`)
    this.law = law
  }
}

interface Capture {
  readonly delivered: readonly number[]
  /** Position in the script at which a saved channel's range begins, and once known, ends. */
  readonly from: Map<number, number>
  readonly to: Map<number, number>
}

class Run {
  readonly #case: Case
  readonly #handler
  /** Told only what is left after the last abort that ended everything under way: must answer alike. */
  #fresh: ReturnType<typeof createBarrierHandler> | undefined
  /** Tokens taken, records delivered, and barriers announced or taken, by channel. */
  readonly at: number[]
  readonly #delivered: number[]
  readonly #announced: Set<number>[]
  readonly #taken: Set<number>[]
  readonly #ended: boolean[]
  readonly #held: boolean[]
  readonly #aborts: number[]
  #abortedUpTo = 0
  /** Newest checkpoint of which a handler of this mode has seen anything. */
  #newest = 0
  #nowMs = EARLY_MS
  #clockMoved: boolean
  readonly #captures = new Map<number, Capture>()
  readonly #givenUp = new Set<number>()
  readonly completed = new Set<number>()
  #lastCaptured = 0

  constructor(of: Case) {
    const { mode, scripts } = of
    this.#case = of
    this.#handler = createBarrierHandler(mode, scripts.length)
    this.at = scripts.map(() => 0)
    this.#delivered = scripts.map(() => 0)
    this.#announced = scripts.map(() => new Set())
    this.#taken = scripts.map(() => new Set())
    this.#ended = scripts.map(() => false)
    this.#held = scripts.map(() => false)
    this.#aborts = [...(of.aborts ?? [])]
    this.#clockMoved = of.clockMoves !== true
  }

  enabled(): Event[] {
    const events: Event[] = []
    for (const [channel, script] of this.#case.scripts.entries()) {
      if (this.at[channel]! < script.length && !this.#held[channel]) events.push({ type: "take", channel })
      if (this.#case.announces?.[channel] && this.#nextToAnnounce(channel) !== undefined) {
        events.push({ type: "announce", channel })
      }
    }
    for (const checkpointId of this.#aborts) events.push({ type: "abort", checkpointId })
    if (!this.#clockMoved) events.push({ type: "clock" })
    return events
  }

  /** @param isKnown the run did the same before up to here, and was found to be sound */
  play(event: Event, isKnown = false): void {
    const answer = this.#tell(event, isKnown)
    for (const action of answer) this.#follow(action, event)
    if (!isKnown) this.#checkState(event)
  }

  /** Nothing is left to happen. */
  finish(): void {
    for (const [channel, script] of this.#case.scripts.entries()) {
      check("BAR-6", this.at[channel] === script.length, () => `channel ${channel} is held for ever`)
    }
    const ids = new Set(this.#case.scripts.flat().filter((token) => typeof token === "number"))
    for (const id of ids) {
      const isWanted = this.#case.scripts.every((_, channel) => this.#recordsBefore(channel, id) !== undefined)
      // At least once, one end may complete two: the newer one is captured.
      const isSubsumed = this.#case.mode.kind === "at-least-once" ? this.#lastCaptured > id : this.#newest > id
      if (!isWanted || isSubsumed || this.#abortedUpTo >= id || this.#isOvertaken(id)) continue
      check("BAR-6", this.completed.has(id), () => `checkpoint ${id} never completed`)
    }
  }

  #tell(event: Event, isKnown: boolean): readonly BarrierAction[] {
    const fresh = this.#fresh
    const tell = (handler: ReturnType<typeof createBarrierHandler>): readonly BarrierAction[] => {
      switch (event.type) {
        case "take": {
          const token = this.#case.scripts[event.channel]![this.at[event.channel]!]!
          if (token === "record") return []
          if (token === "end") return handler.onEnd(event.channel)
          return handler.onBarrier(event.channel, barrier(token), this.#nowMs)
        }
        case "announce":
          return handler.onAnnouncement(event.channel, barrier(this.#nextToAnnounce(event.channel)!), this.#nowMs)
        case "abort":
          return handler.onAbort(event.checkpointId)
        case "clock":
          return handler.onTick(LATE_MS)
      }
    }
    const answer = [...tell(this.#handler)]
    if (fresh !== undefined) {
      const freshAnswer = tell(fresh)
      const [expected, found] = isKnown ? ["", ""] : [JSON.stringify(freshAnswer), JSON.stringify(answer)]
      check("BAR-6", expected === found, () => `${found} after an abort, ${expected} without`)
    }
    switch (event.type) {
      case "take": {
        const { channel } = event
        const token = this.#case.scripts[channel]![this.at[channel]!]!
        this.at[channel]! += 1
        if (token === "record") this.#delivered[channel]! += 1
        else if (token === "end") this.#ended[channel] = true
        else this.#see(channel, token, this.#taken)
        break
      }
      case "announce":
        this.#see(event.channel, this.#nextToAnnounce(event.channel)!, this.#announced)
        break
      case "abort":
        this.#aborts.splice(this.#aborts.indexOf(event.checkpointId), 1)
        this.#abortedUpTo = Math.max(this.#abortedUpTo, event.checkpointId)
        if (this.#handler.pendingId === undefined) {
          const next = createBarrierHandler(this.#case.mode, this.#case.scripts.length)
          for (const [channel, ended] of this.#ended.entries()) if (ended) next.onEnd(channel)
          next.onAbort(Math.max(this.#newest, this.#abortedUpTo))
          this.#fresh = next
        }
        break
      case "clock":
        this.#clockMoved = true
        this.#nowMs = LATE_MS
        break
    }
    return answer
  }

  /** As an input gate would. */
  #follow(action: BarrierAction, event: Event): void {
    const { scripts, mode } = this.#case
    switch (action.type) {
      case "hold": {
        check("BAR-4", mode.kind !== "at-least-once", () => `holds channel ${action.channel}`)
        const isItsOwn = event.type === "take" && event.channel === action.channel
        check(
          "BAR-1",
          isItsOwn && !this.#held[action.channel],
          () => `holds channel ${action.channel} at another's event`,
        )
        this.#held[action.channel] = true
        return
      }
      case "releaseAll":
        this.#held.fill(false)
        return
      case "capture": {
        const { checkpointId, channelsToSave, bornMs } = action
        check("BAR-2", checkpointId > this.#lastCaptured, () => `${checkpointId} captured after ${this.#lastCaptured}`)
        check("BAR-2", checkpointId > this.#abortedUpTo, () => `${checkpointId} captured after its abort`)
        check("BAR-2", !this.#givenUp.has(checkpointId), () => `${checkpointId} captured after it was given up`)
        check("BAR-5", bornMs === bornMsOf(checkpointId), () => `${checkpointId} was born at ${bornMs}`)
        this.#lastCaptured = checkpointId
        const from = new Map(channelsToSave.map((channel) => [channel, this.at[channel]!]))
        this.#captures.set(checkpointId, { delivered: [...this.#delivered], from, to: new Map() })
        for (const [channel, delivered] of this.#delivered.entries()) {
          const before = this.#recordsBefore(channel, checkpointId)
          const isFuture = mode.kind !== "at-least-once" && before !== undefined && delivered > before
          check("CUT-2", !isFuture, () => `capture ${checkpointId} holds ${delivered} records of channel ${channel}`)
        }
        if (mode.kind === "unaligned" && this.#nowMs < bornMsOf(checkpointId) + mode.timeoutMs) {
          const isAligned = scripts.every(
            (_, channel) => this.#taken[channel]!.has(checkpointId) || this.#ended[channel],
          )
          check("BAR-5", isAligned, () => `capture ${checkpointId} before its time is out`)
        }
        return
      }
      case "channelDone": {
        const { checkpointId, channel } = action
        const capture = this.#captures.get(checkpointId)
        const isOpen = capture?.from.has(channel) && !capture.to.has(channel) && !this.#isOver(checkpointId)
        check("UC-1", isOpen === true, () => `channel ${channel} is not being saved for ${checkpointId}`)
        const isKnown = this.#hasSign(channel, checkpointId)
        check("UC-1", isKnown, () => `nothing shows where ${checkpointId} is in channel ${channel}`)
        const end = scripts[channel]!.indexOf(checkpointId)
        capture!.to.set(channel, end === -1 ? scripts[channel]!.indexOf("end") : end)
        return
      }
      case "complete": {
        const { checkpointId } = action
        check("BAR-2", !this.#isOver(checkpointId), () => `${checkpointId} completes though it is over`)
        this.completed.add(checkpointId)
        this.#checkCut(checkpointId)
        return
      }
      case "abort": {
        const { checkpointId } = action
        check("BAR-2", !this.#isOver(checkpointId), () => `${checkpointId} is given up though it is over`)
        this.#givenUp.add(checkpointId)
        return
      }
    }
  }

  #checkCut(checkpointId: number): void {
    const { mode, scripts } = this.#case
    const capture = this.#captures.get(checkpointId)
    check("CUT-1", capture !== undefined, () => `${checkpointId} completes without a capture`)
    const { from, to, delivered } = capture!
    for (const [channel, script] of scripts.entries()) {
      const before = this.#recordsBefore(channel, checkpointId)
      check("CUT-1", before !== undefined, () => `${checkpointId} completes, channel ${channel} never delivered it`)
      check("UC-1", from.has(channel) === to.has(channel), () => `the end of channel ${channel} is not known`)
      // Every record has its number: what is before the capture, then what is saved, must be 1, 2, ... up to the barrier.
      const records: number[] = Array.from({ length: delivered[channel]! }, (_, index) => index + 1)
      for (let at = from.get(channel) ?? 0; at < (to.get(channel) ?? 0); at++) {
        if (script[at] === "record") records.push(script.slice(0, at + 1).filter((token) => token === "record").length)
      }
      const isSequence = records.every((record, index) => record === index + 1)
      if (mode.kind === "at-least-once") {
        check("BAR-4", from.size === 0, () => "records in flight are saved at least once")
        check("CUT-1", records.length >= before!, () => `channel ${channel}: ${records} of ${before}`)
      } else {
        check(
          "CUT-1",
          isSequence && records.length === before,
          () => `channel ${channel}: ${records}, not 1 to ${before}`,
        )
        if (mode.kind === "aligned")
          check("CUT-1", from.size === 0, () => "records in flight are saved although aligned")
        const late = before! - delivered[channel]!
        check("UC-3", late === 0 || from.has(channel), () => `${late} records of channel ${channel} are in no snapshot`)
      }
    }
  }

  #checkState(event: Event): void {
    const { mode, scripts } = this.#case
    const all = (shows: (channel: number) => boolean) => scripts.every((_, channel) => shows(channel))
    if (mode.kind === "at-least-once") {
      for (const id of new Set(this.#taken.flatMap((taken) => [...taken]))) {
        const isPending = id > this.#abortedUpTo && id > this.#lastCaptured && !this.#isOvertaken(id)
        check("BAR-2", !isPending || !this.#givenUp.has(id), () => `${id} is given up without a cause`)
        const isThere = isPending && all((channel) => this.#taken[channel]!.has(id) || this.#ended[channel]!)
        check("BAR-3", !isThere, () => `${id} has come on all channels and is not captured`)
      }
      return
    }
    const live = this.#newest
    const isLive = live > this.#abortedUpTo && !this.completed.has(live)
    check("BAR-2", !isLive || !this.#givenUp.has(live), () => `${live} is given up without a cause`)
    for (const id of this.#captures.keys()) {
      check(
        "BAR-6",
        this.#isOver(id) || (isLive && id === live),
        () => `${id} is captured and neither over nor under way`,
      )
    }
    const isCaptured = this.#captures.has(live)
    for (const [channel, held] of this.#held.entries()) {
      const isDue = isLive && !isCaptured && this.#taken[channel]!.has(live)
      check("BAR-1", held === isDue, () => `channel ${channel} is ${held ? "" : "not "}held, ${live} is the newest`)
    }
    check(
      "BAR-2",
      this.#handler.pendingId === (isLive ? live : undefined),
      () => `${this.#handler.pendingId} is said to be under way, ${isLive ? live : "none"} is`,
    )
    if (!isLive) return
    const isThere = all((channel) => this.#taken[channel]!.has(live) || this.#ended[channel]!)
    check("BAR-3", !isThere, () => `${live} has come on all channels and is not complete`)
    if (mode.kind !== "unaligned") return
    // The event told the handler the time.
    const isClocked =
      event.type === "take"
        ? typeof scripts[event.channel]![this.at[event.channel]! - 1] === "number"
        : event.type !== "abort"
    if (this.#nowMs >= bornMsOf(live) + mode.timeoutMs && isClocked) {
      check(mode.timeoutMs === 0 ? "BAR-7" : "BAR-5", isCaptured, () => `${live} is not captured, its time is out`)
    }
    const isKnown = isCaptured && all((channel) => this.#hasSign(channel, live))
    check("BAR-7", !isKnown, () => `${live} is known on all channels and not complete`)
    check(
      "BAR-5",
      this.#handler.deadlineMs <= bornMsOf(live) + mode.timeoutMs || isCaptured,
      () => `the deadline of ${live} is ${this.#handler.deadlineMs}`,
    )
  }

  /** The barrier, or what counts as it, was seen on the channel. */
  #hasSign(channel: number, id: number): boolean {
    return this.#taken[channel]!.has(id) || this.#announced[channel]!.has(id) || this.#ended[channel]!
  }

  #see(channel: number, id: number, by: readonly Set<number>[]): void {
    by[channel]!.add(id)
    if (by === this.#taken || this.#case.mode.kind === "unaligned") this.#newest = Math.max(this.#newest, id)
  }

  #isOver(id: number): boolean {
    return this.completed.has(id) || this.#givenUp.has(id)
  }

  /** At least once: some channel will not deliver it any more. */
  #isOvertaken(id: number): boolean {
    return this.#taken.some((taken) => !taken.has(id) && [...taken].some((other) => other > id))
  }

  #nextToAnnounce(channel: number): number | undefined {
    const script = this.#case.scripts[channel]!
    for (let at = this.at[channel]!; at < script.length; at++) {
      const token = script[at]!
      if (typeof token === "number" && !this.#announced[channel]!.has(token)) return token
    }
    return undefined
  }

  /** By the plain definition: how many records of the channel checkpoint `id` covers; undefined when it passed the channel by. */
  #recordsBefore(channel: number, id: number): number | undefined {
    const script = this.#case.scripts[channel]!
    const at = script.indexOf(id)
    if (at === -1 && (!script.includes("end") || script.some((token) => typeof token === "number" && token > id))) {
      return undefined
    }
    return script.slice(0, at === -1 ? script.length : at).filter((token) => token === "record").length
  }
}

const barrier = (checkpointId: number) => ({ checkpointId, bornMs: bornMsOf(checkpointId) })

function check(law: Law, holds: boolean, text: () => string): void {
  if (!holds) throw new BrokenLaw(law, text())
}

interface Violation {
  readonly text: string
  readonly steps: number
}

/** Plays every order of events of a case. Keeps the shortest violation of each law. @returns how many orders there are */
function explore(of: Case, violations: Map<string, Violation>): number {
  const choices: number[] = []
  const widths: number[] = []
  for (let runs = 1; ; runs++) {
    const path: Event[] = []
    widths.length = 0
    const known = choices.length - 1
    try {
      const run = new Run(of)
      for (let enabled = run.enabled(); enabled.length > 0; enabled = run.enabled()) {
        const depth = path.length
        if (depth === choices.length) choices.push(0)
        widths.push(enabled.length)
        const event = enabled[choices[depth]!]!
        path.push(event)
        run.play(event, depth < known)
      }
      run.finish()
    } catch (error) {
      keep(of, path, error, violations)
    }
    // The next order: the last choice that has an alternative takes it. What follows a broken law is not explored.
    choices.length = widths.length
    while (choices.length > 0 && choices.at(-1)! + 1 >= widths[choices.length - 1]!) choices.pop()
    if (choices.length === 0) return runs
    choices[choices.length - 1]! += 1
  }
}

function keep(of: Case, path: readonly Event[], error: unknown, violations: Map<string, Violation>): void {
  const law = error instanceof BrokenLaw ? error.law : "INVARIANT"
  const known = violations.get(law)
  if (known !== undefined && known.steps <= path.length) return
  violations.set(law, { steps: path.length, text: `${String(error)}\n${JSON.stringify(of)}\n${tell(path)}` })
}

const tell = (path: readonly Event[]) => path.map((event) => Object.values(event).join(" ")).join(", ")

const pairsOf = (scripts: readonly (readonly Token[])[]) => scripts.flatMap((a) => scripts.map((b) => [a, b]))

/** With both barriers; ended before the second; before the first; with the first passed by, since its sender had it aborted. */
const SCRIPTS: readonly (readonly Token[])[] = [
  ["record", 1, "record", 2, "end"],
  ["record", 1, "record", "end"],
  ["record", "end"],
  ["record", 2, "end"],
]
const SHORT_SCRIPTS: readonly (readonly Token[])[] = [
  ["record", 1, "record", "end"],
  ["record", "end"],
  ["record", 2, "record"],
]
const ABORTS = [[], [1], [2], [1, 2]]
const MODES: Record<string, { readonly laws: readonly Law[]; cases(): Case[] }> = {
  aligned: {
    laws: ["BAR-1", "BAR-2", "BAR-3", "BAR-6", "CUT-1", "CUT-2"],
    cases: () => casesOf({ kind: "aligned" }, SCRIPTS, [{}], ABORTS),
  },
  "at least once": {
    laws: ["BAR-2", "BAR-3", "BAR-4", "BAR-6", "CUT-1"],
    cases: () => casesOf({ kind: "at-least-once" }, SCRIPTS, [{}], ABORTS),
  },
  unaligned: {
    laws: ["BAR-1", "BAR-2", "BAR-3", "BAR-6", "BAR-7", "CUT-1", "CUT-2", "UC-1", "UC-3"],
    cases: () => {
      const mode: BarrierMode = { kind: "unaligned", timeoutMs: 0 }
      return [
        ...casesOf(mode, SCRIPTS, [{}], ABORTS),
        ...casesOf(mode, SCRIPTS, [{ announces: [true, false] }], [[]]),
        ...casesOf(mode, SHORT_SCRIPTS, [{ announces: [true, true] }], [[], [1], [2]]),
        { mode, scripts: [SCRIPTS[0]!.slice(0, 4), SCRIPTS[0]!.slice(1, 4)], announces: [true, true] },
      ]
    },
  },
  "aligned with a timeout": {
    laws: ["BAR-1", "BAR-2", "BAR-3", "BAR-5", "BAR-6", "BAR-7", "CUT-1", "CUT-2", "UC-1", "UC-3"],
    cases: () => {
      const mode: BarrierMode = { kind: "unaligned", timeoutMs: TIMEOUT_MS }
      return [
        ...casesOf(mode, SCRIPTS, [{ clockMoves: true }], [[]]),
        ...casesOf(mode, SHORT_SCRIPTS, [{ clockMoves: true }], ABORTS),
        ...casesOf(mode, SHORT_SCRIPTS, [{ announces: [true, false], clockMoves: true }], [[], [1]]),
        ...casesOf(mode, SHORT_SCRIPTS, [{ announces: [true, true], clockMoves: true }], [[]]),
      ]
    },
  },
}

function casesOf(
  mode: BarrierMode,
  scripts: readonly (readonly Token[])[],
  extras: readonly Partial<Case>[],
  aborts: readonly (readonly number[])[],
): Case[] {
  return pairsOf(scripts).flatMap((pair) =>
    extras.flatMap((extra) => aborts.map((some) => ({ mode, scripts: pair, ...extra, aborts: some }))),
  )
}

for (const [name, { laws, cases }] of Object.entries(MODES)) {
  describe(`two channels, ${name}, every order of barriers, ends, aborts and clock`, () => {
    const violations = new Map<string, Violation>()
    let orders = 0

    beforeAll(() => {
      for (const of of cases()) orders += explore(of, violations)
    }, 120_000)

    for (const law of laws) {
      it(`${law}: ${LAWS[law]}`, () => {
        expect(violations.get(law)?.text).toBeUndefined()
      })
    }

    it("BAR-1..6: no order breaks an invariant, or a law of another mode", () => {
      expect([...violations.values()].map(({ text }) => text)).toEqual([])
      expect(orders).toBeGreaterThan(10_000)
    })
  })
}

describe("three channels, sampled", () => {
  const script = fc
    .record({ tokens: fc.array(fc.constantFrom<Token>("record", "record", 1, 2, 3, 4), { maxLength: 12 }) })
    .map(({ tokens }): Token[] => {
      let newest = 0
      const increasing = tokens.filter((token) => {
        if (typeof token !== "number") return true
        if (token <= newest) return false
        newest = token
        return true
      })
      return [...increasing, "end"]
    })
  const mode = fc.constantFrom<BarrierMode>(
    { kind: "aligned" },
    { kind: "at-least-once" },
    { kind: "unaligned", timeoutMs: 0 },
    { kind: "unaligned", timeoutMs: TIMEOUT_MS },
    { kind: "unaligned", timeoutMs: Number.POSITIVE_INFINITY },
  )

  it("BAR-1..7, CUT-1, CUT-2, UC-1, UC-3: hold in any order of barriers, announcements, ends, aborts and clock", () => {
    fc.assert(
      fc.property(
        mode,
        fc.array(script, { minLength: 1, maxLength: 3 }),
        fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
        fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
        fc.array(fc.nat(1_000), { minLength: 80, maxLength: 80 }),
        (mode, scripts, aborts, announces, choices) => {
          const run = new Run({ mode, scripts, aborts, announces, clockMoves: true })
          const path: Event[] = []
          try {
            for (let enabled = run.enabled(); enabled.length > 0; enabled = run.enabled()) {
              const event = enabled[choices[path.length % choices.length]! % enabled.length]!
              path.push(event)
              run.play(event)
            }
            run.finish()
          } catch (error) {
            throw new Error(tell(path), { cause: error })
          }
        },
      ),
      { numRuns: 50 * fc.readConfigureGlobal().numRuns! },
    )
  })

  it("BAR-5: a timeout that never passes is aligned", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.integer({ min: -2, max: 4 })), { maxLength: 40 }), (events) => {
        const handlers = [Number.POSITIVE_INFINITY, undefined].map((timeoutMs) =>
          createBarrierHandler(timeoutMs === undefined ? { kind: "aligned" } : { kind: "unaligned", timeoutMs }, 3),
        )
        const held = new Set<number>()
        const ended = new Set<number>()
        for (const [channel, what] of events) {
          if (what !== -1 && (held.has(channel) || ended.has(channel))) continue
          const [found, expected] = handlers.map((handler) => {
            if (what === -1) return [...handler.onAbort(channel + 1)]
            if (what === -2) return [...handler.onEnd(channel)]
            return [...handler.onBarrier(channel, barrier(what + 1), 1e9)]
          })
          expect(found).toEqual(expected)
          if (what === -2) ended.add(channel)
          for (const action of expected!) {
            if (action.type === "hold") held.add(action.channel)
            if (action.type === "releaseAll") held.clear()
          }
        }
      }),
      { numRuns: 10 * fc.readConfigureGlobal().numRuns! },
    )
  })
})

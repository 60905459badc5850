import { beforeAll, describe, expect, it } from "vitest"
import {
  CheckpointCoordinator,
  type CheckpointKind,
  type CheckpointPart,
  type CoordinatorAction,
} from "../src/snapshot/index.ts"

// The model: two subtasks, a source and a sink, whose messages travel in one lane each, in order, and may be lost, repeated,
// or come from the attempt before; a store that publishes or fails; a user who asks for savepoints, the end and a stop; and
// a clock that jumps from deadline to deadline. Every order of all of it is played, with a bound on each kind of fault.
// Orders that lead to the same place are played once: the place is all that the coordinator says of itself and all that is
// under way, so what it hid there would escape; what it did on the way is checked on each.

const ATTEMPT = 2
/** After a failed final checkpoint, as the coordinator has it. */
const FINAL_RETRY_MS = 1_000
/** Events until a checkpoint completes, once faults have stopped: a bound no sound run comes near. */
const MAX_STEPS = 60
const INTERVAL_MS = 100
const TIMEOUT_MS = 40
const MIN_PAUSE_MS = 20
/** Longer than the pause, so that a publish that takes so long shows what the pause counts from. */
const WAIT_MS = 95
const SUBTASKS = [
  { vertex: "source", subtask: 0, isSource: true },
  { vertex: "sink", subtask: 0, isSource: false },
] as const
type Name = (typeof SUBTASKS)[number]["vertex"]
const NAMES: readonly Name[] = ["source", "sink"]

interface Bounds {
  /** Checkpoints that may be triggered: the world ends with the next one. */
  readonly checkpoints: number
  /** Messages of a subtask lost, or the trigger. Not together with ends: who loses an acknowledgement loses what follows it. */
  readonly losses?: number
  readonly repeats?: number
  readonly declines?: number
  /** Acknowledgements of the attempt before, for each checkpoint id. */
  readonly ghosts?: number
  readonly publishFailures?: number
  readonly savepoints?: number
  /** Savepoints that are to be the last checkpoint. */
  readonly lastSavepoints?: number
  readonly ends?: boolean
  readonly final?: boolean
  readonly stops?: boolean
  readonly tolerableFailures?: number
  /** Times that the clock moves on by itself while a checkpoint is in progress, also while it is published. Default: 0. */
  readonly waits?: number
}

type Message =
  | {
      readonly type: "ack" | "decline"
      readonly checkpointId: number
      readonly attempt: number
      readonly payload: string
    }
  | { readonly type: "end"; readonly payload: string }

type Event =
  | { readonly type: "barrier" | "decline" | "end" | "deliver" | "lose" | "repeat" | "ghost"; readonly of: Name }
  | {
      readonly type:
        | "published"
        | "publish fails"
        | "next deadline"
        | "wait"
        | "savepoint"
        | "last savepoint"
        | "final"
        | "stop"
        | "lose trigger"
    }

const LAWS = {
  "CUT-6":
    "what is published holds one part for every subtask, each of this checkpoint and attempt, or its final state",
  "BAR-2": "ids strictly increase, and one checkpoint is in progress at a time",
  "BAR-3": "a subtask that ends without acknowledging does not hang the checkpoint",
  "OUT-2": "complete comes after published, and always does, also after a stop; an abort never does",
  "OUT-6": "nothing follows the final checkpoint or a last savepoint; a failed final one is tried again",
  "OUT-6, asked": "every savepoint that was asked for is begun, in the order of asking",
  "RST-4": "late, repeated and foreign acknowledgements never count",
  "RST-5": "checkpoints fail the job exactly when more in a row fail than are tolerated",
  "LIV-2": "after faults stop, a checkpoint completes within an interval, a timeout and a pause",
  "LIV-2, clock": "interval from the start, pause from the end, timeout from the trigger; no deadline is forgotten",
} as const
type Law = keyof typeof LAWS

class BrokenLaw extends Error {
  readonly law: Law
  constructor(law: Law, text: string) {
    super(`${law}: ${text}`)
    this.law = law
  }
}

function check(law: Law, holds: boolean, text: () => string): void {
  if (!holds) throw new BrokenLaw(law, text())
}

interface Side {
  /** The barrier on its way to the subtask, if it has not come yet: the newest is all that matters (BAR-2). */
  barrier: number | undefined
  readonly lane: Message[]
  ended: boolean
}

class World {
  readonly #bounds: Bounds
  readonly coordinator: CheckpointCoordinator<string>
  #nowMs = 0
  readonly #sides: Record<Name, Side> = {
    source: { barrier: undefined, lane: [], ended: false },
    sink: { barrier: undefined, lane: [], ended: false },
  }
  readonly #left
  #triggers = 0
  #ghosts = new Set<string>()
  #current:
    | { readonly id: number; readonly kind: CheckpointKind; readonly last: boolean; readonly startedMs: number }
    | undefined
  #publishing = false
  #stopped = false
  #failedJob = false
  #finalAsked = false
  #finalDone = false
  #finalFailed = false
  #lastId = 0
  #lastPeriodicMs = 0
  #lastEndMs = Number.NEGATIVE_INFINITY
  #failedInARow = 0
  /** Asked for and not begun: whether each is to be the last. */
  readonly #savepointsAsked: boolean[] = []
  readonly #finals: Partial<Record<Name, string>> = {}
  /** Acknowledgements that were delivered while they counted. */
  readonly #acked = new Set<string>()
  completed = 0

  constructor(bounds: Bounds) {
    this.#bounds = bounds
    this.#left = {
      lose: bounds.losses ?? 0,
      wait: bounds.waits ?? 0,
      repeat: bounds.repeats ?? 0,
      decline: bounds.declines ?? 0,
      ghost: bounds.ghosts ?? 0,
      "publish fails": bounds.publishFailures ?? 0,
      savepoint: bounds.savepoints ?? 0,
      "last savepoint": bounds.lastSavepoints ?? 0,
    }
    this.coordinator = new CheckpointCoordinator({
      subtasks: SUBTASKS,
      attempt: ATTEMPT,
      startedMs: 0,
      intervalMs: INTERVAL_MS,
      timeoutMs: TIMEOUT_MS,
      minPauseMs: MIN_PAUSE_MS,
      ...(bounds.tolerableFailures === undefined ? {} : { tolerableFailures: bounds.tolerableFailures }),
    })
  }

  enabled(): Event[] {
    const events: Event[] = []
    const isOver = this.#triggers > this.#bounds.checkpoints
    if (isOver) return events
    for (const of of NAMES) {
      const side = this.#sides[of]
      if (side.barrier !== undefined && !side.ended) {
        events.push({ type: "barrier", of })
        if (this.#left.decline > 0) events.push({ type: "decline", of })
      }
      // The sink ends behind the source.
      if (this.#bounds.ends && !side.ended && (of === "source" || this.#sides.source.ended)) {
        events.push({ type: "end", of })
      }
      if (side.lane.length > 0) {
        events.push({ type: "deliver", of })
        if (this.#left.lose > 0) events.push({ type: "lose", of })
        if (this.#left.repeat > 0) events.push({ type: "repeat", of })
      }
      if (this.#left.ghost > 0 && this.#current !== undefined && !this.#ghosts.has(`${this.#current.id} ${of}`)) {
        events.push({ type: "ghost", of })
      }
    }
    if (this.#left.lose > 0 && this.#sides.source.barrier !== undefined) events.push({ type: "lose trigger" })
    if (this.#publishing) {
      events.push({ type: "published" })
      if (this.#left["publish fails"] > 0) events.push({ type: "publish fails" })
    }
    if (this.coordinator.nextDeadlineMs() < Number.POSITIVE_INFINITY) events.push({ type: "next deadline" })
    if (this.#left.savepoint > 0 && !this.#stopped) events.push({ type: "savepoint" })
    if (this.#left["last savepoint"] > 0 && !this.#stopped) events.push({ type: "last savepoint" })
    if (this.#left.wait > 0 && this.#current !== undefined) events.push({ type: "wait" })
    if (this.#bounds.final && !this.#finalAsked) events.push({ type: "final" })
    if (this.#bounds.stops && !this.#stopped) events.push({ type: "stop" })
    return events
  }

  play(event: Event): void {
    const { coordinator } = this
    const nowMs = this.#nowMs
    const checkpointId = this.#current?.id ?? 0
    const left: Record<string, number> = this.#left
    if (left[event.type] !== undefined) left[event.type]! -= 1
    switch (event.type) {
      case "barrier": {
        const side = this.#sides[event.of]
        const id = side.barrier!
        side.barrier = undefined
        side.lane.push({ type: "ack", checkpointId: id, attempt: ATTEMPT, payload: `${event.of} at ${id}` })
        // The source sends the barrier on.
        if (event.of === "source" && !this.#sides.sink.ended) this.#sides.sink.barrier = id
        return
      }
      case "decline": {
        const side = this.#sides[event.of]
        side.lane.push({ type: "decline", checkpointId: side.barrier!, attempt: ATTEMPT, payload: "" })
        side.barrier = undefined
        return
      }
      case "end": {
        const side = this.#sides[event.of]
        side.ended = true
        // A barrier sent before stands in the channel before the end, so that the sink takes it first.
        if (event.of === "sink" && side.barrier !== undefined) {
          side.lane.push({
            type: "ack",
            checkpointId: side.barrier,
            attempt: ATTEMPT,
            payload: `sink at ${side.barrier}`,
          })
        }
        side.barrier = undefined
        side.lane.push({ type: "end", payload: `${event.of} ended` })
        return
      }
      case "deliver":
        this.#tell(event.of, this.#sides[event.of].lane.shift()!)
        return
      case "lose":
        this.#sides[event.of].lane.shift()
        return
      case "lose trigger":
        this.#left.lose -= 1
        this.#sides.source.barrier = undefined
        return
      case "repeat": {
        const { lane } = this.#sides[event.of]
        const message = lane[0]!
        this.#tell(event.of, message)
        lane[0] = { ...message, payload: `${message.payload} again` }
        return
      }
      case "ghost":
        this.#ghosts.add(`${checkpointId} ${event.of}`)
        this.#tell(event.of, { type: "ack", checkpointId, attempt: ATTEMPT - 1, payload: "of another attempt" })
        return
      case "published":
        this.#publishing = false
        this.#follow(coordinator.onPublished({ checkpointId, sizeBytes: 1, nowMs }), "published")
        return
      case "publish fails":
        this.#publishing = false
        this.#follow(coordinator.onPublishFailed({ checkpointId, error: new Error("disk full"), nowMs }), "failed")
        return
      case "next deadline": {
        const dueMs = coordinator.nextDeadlineMs()
        this.#nowMs = Math.max(nowMs, dueMs)
        if (dueMs > nowMs + 1) this.#expectNothing(coordinator.onTick(dueMs - 1))
        this.#follow(coordinator.onTick(this.#nowMs), "clock")
        return
      }
      case "wait":
        this.#nowMs += WAIT_MS
        this.#follow(coordinator.onTick(this.#nowMs), "clock")
        return
      case "savepoint":
      case "last savepoint": {
        const last = event.type === "last savepoint"
        this.#savepointsAsked.push(last)
        this.#follow(coordinator.requestSavepoint(nowMs, { last }), "asked")
        return
      }
      case "final":
        this.#finalAsked = true
        this.#follow(coordinator.requestFinal(nowMs), "asked")
        return
      case "stop":
        this.#stopped = true
        this.#follow(coordinator.stop(), "stop")
        return
    }
  }

  #expectNothing(actions: readonly unknown[]): void {
    check("LIV-2, clock", actions.length === 0, () => `${JSON.stringify(actions)} before the deadline that was named`)
  }

  #tell(of: Name, message: Message): void {
    const { coordinator } = this
    const from = { vertex: of, subtask: 0 }
    const { payload } = message
    if (message.type === "end") {
      this.#finals[of] ??= payload
      this.#follow(coordinator.onSubtaskFinished({ ...from, attempt: ATTEMPT, payload }), "message")
      return
    }
    const { checkpointId, attempt } = message
    const { missing } = coordinator.progress
    const counts = checkpointId === this.#current?.id && attempt === ATTEMPT && !this.#publishing
    if (counts && message.type === "ack") this.#acked.add(`${of} ${checkpointId}`)
    const actions =
      message.type === "ack"
        ? coordinator.onAck({ ...from, checkpointId, attempt, payload })
        : coordinator.onDecline({ ...from, checkpointId, attempt, reason: "no space", nowMs: this.#nowMs })
    if (!counts) {
      check("RST-4", actions.length === 0, () => `a late message led to ${JSON.stringify(actions)}`)
      const unchanged = coordinator.progress.missing.length === missing.length
      check("RST-4", unchanged, () => "a late message counted")
    }
    this.#follow(actions, "message")
  }

  #follow(
    actions: readonly CoordinatorAction<string>[],
    cause: "published" | "failed" | "clock" | "message" | "asked" | "stop",
  ): void {
    let hasEnded = false
    for (const action of actions) {
      switch (action.type) {
        case "trigger":
          this.#onTrigger(action)
          break
        case "publish":
          check("CUT-6", action.checkpointId === this.#current?.id && !this.#publishing, () => "publishes another one")
          this.#checkParts(action.checkpointId, action.acks)
          this.#publishing = true
          break
        case "complete": {
          const { checkpointId, kind } = action
          check("OUT-2", cause === "published" && !hasEnded, () => `${checkpointId} is complete by ${cause}`)
          check("OUT-2", checkpointId === this.#current?.id, () => `${checkpointId} is complete, not in progress`)
          hasEnded = true
          if (kind !== "savepoint") this.#failedInARow = 0
          if (kind === "final" || this.#current!.last) this.#finalDone = true
          this.#endCurrent()
          this.completed += 1
          break
        }
        case "abort": {
          const { checkpointId, kind } = action
          check("OUT-2", checkpointId === this.#current?.id, () => `${checkpointId} is aborted, not in progress`)
          check("OUT-2", !this.#publishing && cause !== "published", () => `${checkpointId} is aborted while published`)
          if (cause === "clock") {
            const ageMs = this.#nowMs - this.#current!.startedMs
            check("LIV-2, clock", ageMs >= TIMEOUT_MS, () => `${checkpointId} is out of time after ${ageMs} ms`)
          }
          hasEnded = true
          if (cause !== "stop" && kind !== "savepoint") this.#failedInARow += 1
          if (kind === "final") this.#finalFailed = true
          this.#endCurrent()
          break
        }
        case "fail":
          check("RST-5", this.#isIntolerable(), () => `fails the job after ${this.#failedInARow} failures in a row`)
          this.#failedJob = true
          this.#stopped = true
          break
      }
    }
    if (cause === "published" || cause === "failed") check("OUT-2", hasEnded, () => "a published one did not end")
    check("RST-5", this.#failedJob || this.#stopped || !this.#isIntolerable(), () => "the job goes on")
    check("RST-5", this.coordinator.statistics.failedInARow === this.#failedInARow, () => "counts failures wrongly")
    this.#checkProgress()
  }

  #onTrigger({
    checkpointId,
    kind,
    last,
    bornMs,
    sources,
  }: Extract<CoordinatorAction<string>, { type: "trigger" }>): void {
    const nowMs = this.#nowMs
    check(
      "BAR-2",
      this.#current === undefined,
      () => `${checkpointId} begins while ${this.#current?.id} is in progress`,
    )
    check("BAR-2", checkpointId > this.#lastId, () => `${checkpointId} begins after ${this.#lastId}`)
    check("OUT-6", !this.#stopped && !this.#finalDone, () => `${checkpointId} begins after the end`)
    check("LIV-2, clock", bornMs === nowMs, () => `${checkpointId} is born at ${bornMs}, it is ${nowMs}`)
    if (kind === "periodic") {
      check("LIV-2, clock", nowMs >= this.#lastPeriodicMs + INTERVAL_MS, () => `${checkpointId} before its interval`)
      check("LIV-2, clock", nowMs >= this.#lastEndMs + MIN_PAUSE_MS, () => `${checkpointId} before the pause is over`)
      check(
        "OUT-6",
        !this.#finalAsked && this.#savepointsAsked.length === 0,
        () => `${checkpointId} goes ahead of who asked`,
      )
      this.#lastPeriodicMs = nowMs
    }
    const isLast = kind === "savepoint" ? this.#savepointsAsked.shift() : kind === "final"
    check("OUT-6, asked", last === isLast, () => `${checkpointId} is ${last ? "" : "not "}the last, as nobody asked`)
    const running = this.#finals.source === undefined ? ["source"] : []
    const told = sources.map(({ vertex }) => vertex)
    check("BAR-3", told.join() === running.join(), () => `triggers ${told}, ${running} runs`)
    this.#triggers += 1
    this.#lastId = checkpointId
    this.#current = { id: checkpointId, kind, last, startedMs: nowMs }
    if (!this.#sides.source.ended) this.#sides.source.barrier = checkpointId
  }

  #checkParts(id: number, parts: readonly CheckpointPart<string>[]): void {
    check("CUT-6", parts.map(({ vertex }) => vertex).join() === NAMES.join(), () => `parts of ${JSON.stringify(parts)}`)
    for (const [index, { payload, finished }] of parts.entries()) {
      const name = NAMES[index]!
      const isAck = payload === `${name} at ${id}` && !finished
      const isFinal = finished && payload !== undefined && payload === this.#finals[name]
      check("CUT-6", isAck || isFinal, () => `checkpoint ${id} holds "${payload}" of ${name}`)
      // Who ends behind its barrier takes part with its state at the barrier.
      const isBehind = isFinal && this.#acked.has(`${name} ${id}`)
      check("CUT-6", !isBehind, () => `${name} ended behind ${id}, its final state is used`)
    }
  }

  #endCurrent(): void {
    this.#current = undefined
    this.#lastEndMs = this.#nowMs
  }

  #isIntolerable(): boolean {
    return this.#failedInARow > (this.#bounds.tolerableFailures ?? Number.POSITIVE_INFINITY)
  }

  #checkProgress(): void {
    const { phase, checkpointId } = this.coordinator.progress
    check(
      "BAR-2",
      checkpointId === this.#current?.id,
      () => `says ${checkpointId}, ${this.#current?.id} is in progress`,
    )
    const isAtWork = phase === "collecting" || phase === "publishing" || phase === "stopping"
    check("BAR-2", isAtWork === (this.#current !== undefined), () => `is ${phase}`)
    check("OUT-2", (phase === "publishing" || phase === "stopping") === this.#publishing, () => `is ${phase}`)
    const isKept = phase === "idle" && (this.#savepointsAsked.length > 0 || (this.#finalAsked && !this.#finalFailed))
    check("OUT-6", !isKept, () => "nothing is in progress, and who asked waits")
    const isSilent = this.coordinator.nextDeadlineMs() === Number.POSITIVE_INFINITY
    const mustCome =
      phase === "collecting" || (phase === "idle" && (this.#finals.source === undefined || this.#finalAsked))
    check(
      "LIV-2, clock",
      isSilent !== mustCome,
      () => `${phase}: the next deadline is ${this.coordinator.nextDeadlineMs()}`,
    )
  }

  /** No more faults: everything is delivered, published and waited for. */
  settle(): void {
    const before = this.completed
    const latestMs =
      this.#nowMs + TIMEOUT_MS + (this.#finalAsked ? FINAL_RETRY_MS : Math.max(INTERVAL_MS, MIN_PAUSE_MS))
    for (let steps = 0; this.completed === before && !this.#stopped && !this.#finalDone; steps++) {
      // Without a source nothing begins before the final one is asked for; what has begun must complete.
      if (this.#sides.source.ended && !this.#finalAsked && this.#current === undefined) return
      const law = this.#sides.source.ended ? "BAR-3" : "LIV-2"
      check(law, steps < MAX_STEPS && this.#nowMs <= latestMs, () => `nothing completed until ${this.#nowMs} ms`)
      this.play(this.#nextSound())
    }
  }

  #nextSound(): Event {
    if (this.#publishing) return { type: "published" }
    for (const of of NAMES) if (this.#sides[of].lane.length > 0) return { type: "deliver", of }
    for (const of of NAMES) if (this.#sides[of].barrier !== undefined) return { type: "barrier", of }
    if (this.#sides.source.ended && !this.#sides.sink.ended) return { type: "end", of: "sink" }
    // All that could happen has: only where something was lost may one wait for the timeout.
    const isHanging = this.#current !== undefined && this.#bounds.losses === undefined
    check("BAR-3", !isHanging, () => `checkpoint ${this.#current?.id} waits for nothing but its timeout`)
    return { type: "next deadline" }
  }

  /** Equal for two worlds that cannot be told apart from now on, by anything known. Times count from now. */
  get place(): string {
    const since = (ms: number) => (Number.isFinite(ms) ? this.#nowMs - ms : "never")
    const { startedMs, ...progress } = this.coordinator.progress
    return JSON.stringify([
      progress,
      since(startedMs ?? Number.POSITIVE_INFINITY),
      this.coordinator.statistics.failedInARow,
      this.coordinator.nextDeadlineMs() - this.#nowMs,
      this.#sides,
      this.#left,
      [...this.#ghosts],
      [...this.#acked],
      this.#current?.id,
      [this.#publishing, this.#stopped, this.#failedJob, this.#finalAsked, this.#finalDone, this.#savepointsAsked],
      [this.#lastId, since(this.#lastPeriodicMs), since(this.#lastEndMs), this.#finals],
    ])
  }
}

interface Violation {
  readonly law: string
  readonly text: string
}

/** Plays every order within the bounds, shortest first. Stops at the first broken law. @returns the places there are */
function explore(bounds: Bounds): {
  readonly places: number
  readonly completed: number
  readonly violation?: Violation
} {
  const seen = new Set<string>()
  let completed = 0
  let paths: Event[][] = [[]]
  const replay = (path: readonly Event[]) => {
    const world = new World(bounds)
    for (const event of path) world.play(event)
    return world
  }
  while (paths.length > 0) {
    const longer: Event[][] = []
    for (const path of paths) {
      for (const event of replay(path).enabled()) {
        const next = [...path, event]
        try {
          const world = replay(next)
          completed += world.completed
          if (seen.has(world.place)) continue
          seen.add(world.place)
          longer.push(next)
          world.settle()
        } catch (error) {
          const text = `${String(error)}\n${next.map((of) => Object.values(of).join(" ")).join(", ")}`
          const law = error instanceof BrokenLaw ? error.law : "INVARIANT"
          return { places: seen.size, completed, violation: { law, text } }
        }
      }
    }
    paths = longer
  }
  return { places: seen.size, completed }
}

const WORLDS: Record<string, { readonly bounds: Bounds; readonly laws: readonly Law[] }> = {
  "lost and repeated messages": {
    bounds: { checkpoints: 2, losses: 1, repeats: 1 },
    laws: ["CUT-6", "BAR-2", "RST-4", "LIV-2", "OUT-2"],
  },
  "slow publishes and lost messages": {
    bounds: { checkpoints: 3, losses: 1, waits: 1 },
    laws: ["BAR-2", "LIV-2", "LIV-2, clock", "OUT-2"],
  },
  "declines and messages of the attempt before": {
    bounds: { checkpoints: 2, declines: 1, ghosts: 1, publishFailures: 1, tolerableFailures: 1 },
    laws: ["CUT-6", "OUT-2", "RST-4", "RST-5", "LIV-2"],
  },
  "no failure tolerated": {
    bounds: { checkpoints: 2, losses: 1, publishFailures: 1, savepoints: 1, tolerableFailures: 0 },
    laws: ["RST-5", "OUT-2"],
  },
  "ends of subtasks and the final checkpoint": {
    bounds: { checkpoints: 2, ends: true, final: true, publishFailures: 1 },
    laws: ["CUT-6", "BAR-2", "BAR-3", "OUT-2", "OUT-6", "LIV-2"],
  },
  "savepoints and a stop": {
    bounds: { checkpoints: 2, savepoints: 2, stops: true, publishFailures: 1 },
    laws: ["BAR-2", "OUT-2", "OUT-6", "OUT-6, asked", "LIV-2, clock", "LIV-2"],
  },
  "savepoints of which one is the last": {
    bounds: { checkpoints: 2, savepoints: 1, lastSavepoints: 1, publishFailures: 1 },
    laws: ["BAR-2", "OUT-2", "OUT-6", "OUT-6, asked", "LIV-2, clock", "LIV-2"],
  },
}

for (const [name, { bounds, laws }] of Object.entries(WORLDS)) {
  describe(`two subtasks, ${name}, every order`, () => {
    let found: ReturnType<typeof explore>

    beforeAll(() => {
      found = explore(bounds)
    }, 60_000)

    for (const law of laws) {
      it(`${law}: ${LAWS[law]}`, () => {
        expect(found.violation?.law === law ? found.violation.text : undefined).toBeUndefined()
      })
    }

    it("CUT-6..LIV-2: no order breaks an invariant, or any other law", () => {
      expect(found.violation?.text).toBeUndefined()
      expect(found.places).toBeGreaterThan(500)
      expect(found.completed).toBeGreaterThan(0)
    })
  })
}

import type { Arbitrary, RunDetails } from "fast-check"
import type { Params, Pipeline } from "../api/index.ts"
import type { Sink } from "../contracts/index.ts"
import { EngineError } from "../errors/index.ts"
import { type LogicalGraph, type LogicalNode, planJob } from "../plan/index.ts"
import { FAIR, memorySource, Outside, type Simulation, simulate } from "../sim/index.ts"
import type { BarrierMode } from "../snapshot/index.ts"
import { disagreement } from "./compare-output.ts"
import { type Divergence, findDivergence, inAnotherHour, OperatorTrace, topologicalIds } from "./function-checks.ts"
import { loadFastCheck } from "./load-fast-check.ts"
import { type SampledSource, sampleSources } from "./sample.ts"
import { substitute } from "./substitute.ts"
import { valueText } from "./value-text.ts"
import { notable, worldInWords } from "./words.ts"
import { anyFault, EXACTLY_ONCE, type FC, settingsOf, type WorldSpec, worlds } from "./worlds.ts"

export interface ProofOptions {
  /** Values for the pipeline's params. */
  readonly params?: Params
  /**
   * Records by source id: a list, or a fast-check arbitrary of lists. Default: what the source itself reads, once.
   * @example { orders: fc.array(fc.record({ id: fc.nat(), amount: fc.nat() })) }
   */
  readonly records?: Readonly<Record<string, readonly unknown[] | Arbitrary<readonly unknown[]>>>
  /** Records read of each source at most. Default 1,000. */
  readonly sample?: number
  /** Records of each source in one run at most: few make many runs. Default 40. */
  readonly recordsPerRun?: number
  /** Schedules to try. Default 500. */
  readonly runs?: number
  /** Ends the search, and the shrinking, after so many seconds. Default 60. */
  readonly seconds?: number
  /** Together with `path`, of a failure: that run again. */
  readonly seed?: number
  readonly path?: string
  /** Must hold for what all sinks have received at the end of any run, by sink id: answers false, or throws, when it does not. */
  readonly invariants?: Readonly<Record<string, (output: Output) => boolean | undefined>>
  /**
   * Sinks to be run as they are, in place of ours: how to empty what they write to, and how to read it. Others are replaced by
   * one that commits with checkpoints.
   */
  readonly sinks?: Readonly<Record<string, OutsideOfSink>>
  /**
   * By sink id: the key of a record. Records of one key must then come in the order of a plain run. Default: no order is looked at.
   * @example { balances: (balance) => balance.account }
   */
  readonly order?: Readonly<Record<string, (value: never) => unknown>>
  /**
   * As the job is run: `at-least-once` checks that nothing is lost and nothing invented, and lets records come more than once.
   * Default: `exactly-once`.
   */
  readonly delivery?: "exactly-once" | "at-least-once"
  /** Told after every schedule. */
  readonly onProgress?: (statistics: ProofStatistics) => void
}

/** What sinks received, by their ids. */
export type Output = Readonly<Record<string, readonly unknown[]>>

/** What a sink of the user's writes to. */
export interface OutsideOfSink {
  reset(): void
  read(): readonly unknown[]
}

export interface ProofStatistics {
  /** Simulations of the whole pipeline, with their checkpoints and faults. */
  readonly schedules: number
  /** How many of them differed in anything that happened. */
  readonly distinct: number
  readonly checkpoints: number
  readonly crashes: number
  readonly kills: number
  readonly records: number
}

/** The options that show a failure again. */
export type Replay = Required<Pick<ProofOptions, "seed" | "path">> & Pick<ProofOptions, "delivery">

/** Why a pipeline is not proven. */
export interface ProofFailure {
  /**
   * `function`: a user function does not depend on its input alone, or changes it. `output`: the output depends on the schedule, the
   * parallelism or a crash. `late`: so it does, and records were late. `invariant`: one of the user's does not hold. `failed`: the job
   * failed or did not end.
   */
  readonly kind: "function" | "output" | "late" | "invariant" | "failed"
  /** The operator or sink that it shows at. */
  readonly operator: string | undefined
  /** What is wrong, in a sentence. */
  readonly message: string
  /** The smallest input found, by source id. Empty for `function`: the message names the record. */
  readonly records: Readonly<Record<string, readonly unknown[]>>
  /** How it comes about, in words; then the run. */
  readonly schedule: readonly string[]
  readonly log: readonly string[]
  /** To see it again. */
  readonly replay: Replay | undefined
}

export interface Proof {
  readonly job: string
  /** Undefined: nothing was found. */
  readonly failure: ProofFailure | undefined
  readonly statistics: ProofStatistics
  /** Sources of which only the beginning was read. */
  readonly sampled: readonly string[]
}

const SAMPLE = 1_000
const RECORDS_PER_RUN = 40
const RUNS = 500
const SECONDS = 60
const AT_LEAST_ONCE: readonly BarrierMode[] = [{ kind: "at-least-once" }]
const FAULTS = 3

/**
 * Looks for an input, an order of events and a crash after which a pipeline's committed output is not what a plain run of the
 * same input gives: one reader, one subtask, nothing that fails. Runs the real engine in the simulator, hundreds of times,
 * and shrinks what it finds.
 *
 * - First each function of the pipeline is looked at: run twice on the same records, in another hour and with other chance, it must
 *   answer the same and leave its input as it was.
 * - Output is compared as a multiset: order is promised by no pipeline that has more than one reader. `order` says where it is.
 * - Sources are read once, into memory. Sinks are replaced, unless `sinks` names them. Nothing outside is touched.
 *
 * @throws {EngineError} PEER_MISSING without fast-check; PROOF_SOURCE_UNKNOWN, PROOF_SINK_UNKNOWN; what building the pipeline throws
 */
export async function prove(job: Pipeline<never> | Pipeline, options: ProofOptions = {}): Promise<Proof> {
  const fc = await loadFastCheck()
  return new Prover(job as Pipeline, options, fc).run()
}

interface Case {
  /** By source, in the order of `sources`: what is read of each split. */
  readonly splits: readonly (readonly (readonly unknown[])[])[]
  readonly pace: Pace
  readonly world: WorldSpec
  readonly mode: BarrierMode
}

/** How sources hand out what they have. */
interface Pace {
  readonly batches: readonly number[]
  /** Steps between two batches; undefined: they are there at once. */
  readonly everyMs: number | undefined
}

const AT_ONCE: Pace = { batches: [1024], everyMs: undefined }

/** What a property throws; fast-check keeps the last one while it shrinks. */
class Refuted extends Error {
  readonly found: Omit<ProofFailure, "records" | "schedule" | "log" | "replay">

  constructor(found: Omit<ProofFailure, "records" | "schedule" | "log" | "replay">) {
    super(found.message)
    this.found = found
  }
}

interface Ran {
  readonly simulation: Simulation
  readonly output: Output
}

class Prover {
  readonly #job: Pipeline
  readonly #options: ProofOptions
  readonly #fc: FC
  readonly #logs = new Set<number>()
  #statistics = { schedules: 0, checkpoints: 0, crashes: 0, kills: 0, records: 0 }
  #sources: readonly SampledSource[] = []
  #sinks: readonly string[] = []
  #sampleIsLate = false
  /** Keys that a key function answered differently for the same record. */
  #unsteadyKey: { readonly operator: string; readonly record: string } | undefined

  constructor(job: Pipeline, options: ProofOptions, fc: FC) {
    this.#job = job
    this.#options = options
    this.#fc = fc
  }

  async run(): Promise<Proof> {
    const { records = {}, sample = SAMPLE } = this.#options
    const graph = this.#build()
    const ids = idsOf(graph)
    this.#sinks = graph.nodes.filter((node) => node.role.type === "sink").map((node) => ids.get(node)!)
    this.#checkSinkNames()
    const lists: Record<string, readonly unknown[]> = {}
    for (const [id, given] of Object.entries(records)) {
      lists[id] = isList(given) ? given : this.#fc.sample(given, { numRuns: 20, seed: 1 }).flat()
    }
    this.#sources = await sampleSources(graph, ids, lists, sample)
    const failure = (await this.#checkFunctions(topologicalIds(graph.nodes, ids))) ?? (await this.#search())
    return {
      job: this.#job.name,
      failure,
      statistics: { ...this.#statistics, distinct: this.#logs.size },
      sampled: this.#sources.filter(({ cut }) => cut).map(({ id }) => id),
    }
  }

  get #mayRepeat(): boolean {
    return this.#options.delivery === "at-least-once"
  }

  #build(): LogicalGraph {
    return this.#job.build(this.#options.params ?? {})
  }

  #checkSinkNames(): void {
    const { sinks = {}, order = {} } = this.#options
    for (const id of [...Object.keys(sinks), ...Object.keys(order)]) {
      if (this.#sinks.includes(id)) continue
      throw new EngineError(
        "PROOF_SINK_UNKNOWN",
        `Cannot prove "${this.#job.name}" by what is said of its sink "${id}": it has no such sink; its sinks are ${this.#sinks.join(", ")}`,
      )
    }
  }

  /** Two plain runs of the same records, the second in another hour. */
  async #checkFunctions(order: readonly string[]): Promise<ProofFailure | undefined> {
    const all = this.#sources.map(({ splits }) => splits)
    const first = new OperatorTrace()
    const second = new OperatorTrace()
    const one = await this.#plain(all, first)
    const other = await inAnotherHour(() => this.#plain(all, second))
    this.#sampleIsLate = lateIn(one.simulation)
    const { mutation } = first
    const found = ((): { operator: string; message: string } | undefined => {
      if (mutation !== undefined) {
        return {
          operator: mutation.operator,
          message: `the function of "${mutation.operator}" changes the record it is given: ${mutation.before} is ${mutation.after} afterwards; let it make a new one`,
        }
      }
      if (this.#unsteadyKey !== undefined) {
        const { operator, record } = this.#unsteadyKey
        return {
          operator,
          message: `the key function of "${operator}" answers ${record} with two keys; let a key depend on the record alone`,
        }
      }
      const divergence = findDivergence(first, second, order)
      return divergence === undefined ? undefined : { operator: divergence.operator, message: inWords(divergence) }
    })()
    if (found !== undefined) {
      return { kind: "function", ...found, records: {}, schedule: [], log: [], replay: undefined }
    }
    const failed = one.simulation.error ?? other.simulation.error
    if (failed === undefined) return undefined
    return {
      kind: "failed",
      operator: undefined,
      message: `the job fails without any fault: ${failed.message}`,
      records: {},
      schedule: [],
      log: [],
      replay: undefined,
    }
  }

  async #search(): Promise<ProofFailure | undefined> {
    const { runs = RUNS, seconds = SECONDS, seed, path } = this.#options
    const property = this.#fc.asyncProperty(this.#cases(), (each) => this.#check(each))
    const details = await this.#fc.check(property, {
      numRuns: runs,
      interruptAfterTimeLimit: seconds * 1000,
      markInterruptAsFailure: false,
      // Positive: as the command line takes it.
      seed: seed ?? Math.floor(Math.random() * 0x7fff_ffff),
      // A run that is shown again is not shrunk any further.
      ...(path === undefined ? {} : { path, endOnFailure: true }),
    })
    return this.#explain(details as unknown as RunDetails<[Case]>)
  }

  #cases(): Arbitrary<Case> {
    const fc = this.#fc
    const { recordsPerRun = RECORDS_PER_RUN, records = {} } = this.#options
    const splitsOf = this.#sources.map(({ id, splits }): Arbitrary<readonly (readonly unknown[])[]> => {
      const given = records[id]
      if (given !== undefined && !isList(given)) return given.map((list) => [list])
      const places = splits.flatMap((list, split) => list.map((_, index) => ({ split, index })))
      return fc
        .subarray(places, { maxLength: Math.min(places.length, recordsPerRun) })
        .map((chosen) =>
          splits.map((list, split) => chosen.filter((place) => place.split === split).map(({ index }) => list[index])),
        )
    })
    return fc.record({
      splits: fc.tuple(...splitsOf),
      pace: fc.record({
        batches: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
        everyMs: fc.constantFrom(undefined, 1, 5, 20),
      }),
      world: worlds(fc, anyFault(fc), FAULTS).map((world) => this.#keepsOrder(world)),
      mode: fc.constantFrom(...(this.#mayRepeat ? AT_LEAST_ONCE : EXACTLY_ONCE)),
    })
  }

  /** An operator that is given another parallelism than the one in front of it has its records dealt out anew, in any order. */
  #keepsOrder(world: WorldSpec): WorldSpec {
    if (this.#options.order === undefined) return world
    return { ...world, requests: world.requests.filter(({ kind }) => kind !== "rescale") }
  }

  async #check(each: Case): Promise<void> {
    const { splits } = each
    const plain = await this.#plain(splits)
    if (plain.simulation.error !== undefined) throw this.#failed(plain.simulation.error, "even without a fault")
    const { simulation, output } = await this.#simulate(each, false)
    this.#count(simulation, output)
    if (simulation.error !== undefined) throw this.#failed(simulation.error, "under this schedule")
    for (const id of this.#sinks) {
      const agreement = { mayRepeat: this.#mayRepeat, keyOf: this.#options.order?.[id] }
      const found = disagreement(plain.output[id] ?? [], output[id] ?? [], agreement)
      if (found === undefined) continue
      const late = lateIn(simulation) || lateIn(plain.simulation) || (this.#sampleIsLate && simulation.restarts > 0)
      throw new Refuted({
        kind: late ? "late" : "output",
        operator: id,
        message:
          `"${id}" ${found}` +
          (late ? "; records were late, and which ones are depends on who is read first: see outOfOrder" : ""),
      })
    }
    this.#checkInvariants(output)
  }

  #failed(error: Error, when: string): Refuted {
    const { operator } = error instanceof EngineError ? (error.details as { readonly operator?: string }) : {}
    return new Refuted({ kind: "failed", operator, message: `the job fails ${when}: ${error.message}` })
  }

  #checkInvariants(output: Output): void {
    for (const [name, holds] of Object.entries(this.#options.invariants ?? {})) {
      let reason = ""
      try {
        if (holds(output) !== false) continue
      } catch (error) {
        reason = `: ${error instanceof Error ? error.message : String(error)}`
      }
      throw new Refuted({ kind: "invariant", operator: undefined, message: `"${name}" does not hold${reason}` })
    }
  }

  async #explain(details: RunDetails<[Case]>): Promise<ProofFailure | undefined> {
    if (!details.failed || details.counterexample === null) return undefined
    const [found] = details.counterexample
    const { errorInstance } = details as { readonly errorInstance?: unknown }
    if (!(errorInstance instanceof Refuted)) throw errorInstance
    const { simulation } = await this.#simulate(found, true)
    return {
      ...errorInstance.found,
      records: Object.fromEntries(this.#sources.map(({ id }, index) => [id, found.splits[index]!.flat()])),
      schedule: worldInWords(found.world, simulation),
      log: notable(simulation.log),
      replay: {
        seed: details.seed,
        path: details.counterexamplePath!,
        ...(this.#mayRepeat ? { delivery: "at-least-once" } : {}),
      },
    }
  }

  #plain(splits: Case["splits"], trace?: OperatorTrace): Promise<Ran> {
    return this.#run(splits, AT_ONCE, 0, trace, (graph, outside) => ({
      graph,
      outside,
      parallelism: 1,
      workers: 1,
      checkpoints: undefined,
      channelSize: { capacityRecords: 1024, capacityBytes: 65_536 },
      schedule: FAIR,
      faults: [],
    }))
  }

  #simulate({ splits, pace, world, mode }: Case, keepsLog: boolean): Promise<Ran> {
    const { parallelism, workers, schedule, faults, requests, stateOnDisk, capacityRecords } = world
    return this.#run(splits, pace, world.writeMs, undefined, (graph, outside) => ({
      graph,
      outside,
      parallelism,
      workers,
      checkpoints: settingsOf(world, mode),
      channelSize: { capacityRecords, capacityBytes: 1024 },
      schedule,
      faults,
      requests,
      stateOnDisk,
      keepsLog,
    }))
  }

  async #run(
    splits: Case["splits"],
    pace: Pace,
    writeMs: number,
    trace: OperatorTrace | undefined,
    optionsOf: (graph: () => LogicalGraph, outside: Outside) => Parameters<typeof simulate>[0],
  ): Promise<Ran> {
    const { sinks = {} } = this.#options
    const outside = new Outside({ writeMs })
    for (const sink of Object.values(sinks)) sink.reset()
    const simulation = await simulate(optionsOf(() => this.#graph(splits, pace, outside, trace), outside))
    const output = Object.fromEntries(
      this.#sinks.map((id) => [id, sinks[id]?.read().slice() ?? outside.rows(id).map(({ value }) => value)]),
    )
    return { simulation, output }
  }

  #graph(splits: Case["splits"], pace: Pace, outside: Outside, trace: OperatorTrace | undefined): LogicalGraph {
    const graph = this.#build()
    const ids = idsOf(graph)
    const made = substitute(graph, ids, {
      source: (node) => {
        const index = this.#sources.findIndex(({ id }) => id === ids.get(node))
        const { splitsInOrder } = sourceOf(node)
        const { batches, everyMs } = pace
        const source = { label: ids.get(node)!, splits: splits[index]!, splitsInOrder, batches }
        return memorySource(everyMs === undefined ? source : { ...source, everyMs })
      },
      sink: (node) => {
        const own = node.role.type === "sink" && this.#options.sinks?.[ids.get(node)!] !== undefined
        return own ? inTurns((node.role as { readonly sink: Sink<unknown> }).sink, outside) : outside.sink()
      },
      ...(trace === undefined ? {} : { operator: (node, operator) => trace.watch(ids.get(node)!, operator) }),
    })
    return trace === undefined ? made : this.#watchKeys(made)
  }

  #watchKeys(graph: LogicalGraph): LogicalGraph {
    for (const node of graph.nodes) {
      for (const input of node.inputs) {
        const { keyOf } = input
        if (keyOf === undefined) continue
        Object.assign(input, {
          keyOf: (value: unknown) => {
            const key = keyOf(value)
            if (valueText(keyOf(value)) !== valueText(key)) {
              this.#unsteadyKey ??= { operator: node.name ?? node.kind, record: valueText(value) }
            }
            return key
          },
        })
      }
    }
    return graph
  }

  #count(simulation: Simulation, output: Output): void {
    const sum = this.#statistics
    this.#logs.add(simulation.logHash)
    this.#statistics = {
      schedules: sum.schedules + 1,
      checkpoints: sum.checkpoints + simulation.checkpoints,
      crashes: sum.crashes + simulation.faults.crashes,
      kills: sum.kills + simulation.faults.kills,
      records: sum.records + Object.values(output).reduce((records, { length }) => records + length, 0),
    }
    this.#options.onProgress?.({ ...this.#statistics, distinct: this.#logs.size })
  }
}

/** Whether records were late in the last attempt: counts begin anew with each. */
function lateIn({ result }: Simulation): boolean {
  return (result?.metrics.late ?? 0) > 0
}

function isList(given: readonly unknown[] | Arbitrary<readonly unknown[]>): given is readonly unknown[] {
  return Array.isArray(given)
}

function idsOf(graph: LogicalGraph): ReadonlyMap<LogicalNode, string> {
  const { vertices } = planJob(graph, { workers: 1, parallelism: 1 })
  return new Map(vertices.flatMap(({ operators }) => operators.map(({ id, node }) => [node, id])))
}

function sourceOf(node: LogicalNode): { readonly splitsInOrder: boolean } {
  return node.role.type === "source" ? node.role.source : { splitsInOrder: true }
}

/** A sink of the user's, whose calls to the outside have their turns: so that a crash can come right before and right after. */
function inTurns(sink: Sink<unknown>, outside: Outside): Sink<unknown> {
  return {
    label: sink.label,
    writer: (context) => sink.writer(context),
    commit: async (committables, context) => {
      await outside.turn(`commit of ${context.operatorId}`)
      outside.beforeCommit()
      await sink.commit?.(committables, context)
      await outside.turn(`committed ${context.operatorId}`)
    },
    abort: async (context) => {
      await outside.turn(`abort what ${context.operatorId} prepared`)
      await sink.abort?.(context)
    },
  }
}

function inWords({ operator, input, first, second }: Divergence): string {
  const answer = (texts: readonly string[]): string => (texts.length === 0 ? "nothing" : texts.join(", "))
  return (
    `the functions of "${operator}" do not depend on their input alone: ${input} gave ${answer(first)}, and another time ` +
    `${answer(second)}; leave clocks, chance, counters and other things outside of the operator's state alone`
  )
}

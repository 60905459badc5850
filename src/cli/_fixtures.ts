import type { CheckpointCounts, JobHandle, JobResult, JobStatus, Savepoint } from "../actors/index.ts"
import { EngineError } from "../errors/index.ts"
import type { JobMetrics, VertexMetrics } from "../observe/index.ts"
import type { Edge, PhysicalOperator, PhysicalPlan, Vertex } from "../plan/index.ts"
import type { Io, Output } from "./io.ts"

/** The tests' world: what was written, and signals on demand. */
export class FakeIo implements Io {
  readonly stdout: FakeOutput
  readonly stderr: FakeOutput
  readonly env: Record<string, string | undefined>
  readonly exits: number[] = []
  readonly #handlers = new Set<() => void>()
  #closed = (): void => undefined

  constructor({ isTTY = false, columns = 80, env = {} }: { isTTY?: boolean; columns?: number; env?: Io["env"] } = {}) {
    this.stdout = new FakeOutput(isTTY, columns)
    this.stderr = new FakeOutput(isTTY, columns)
    this.env = { ...env }
  }

  get listening(): boolean {
    return this.#handlers.size > 0
  }

  onSignal(handler: () => void): () => void {
    this.#handlers.add(handler)
    return () => void this.#handlers.delete(handler)
  }

  onStdoutClosed(handler: () => void): void {
    this.#closed = handler
  }

  exit(code: number): void {
    this.exits.push(code)
  }

  signal(): void {
    for (const handler of this.#handlers) handler()
  }

  closeStdout(): void {
    this.#closed()
  }
}

export class FakeOutput implements Output {
  readonly isTTY: boolean
  readonly columns: number | undefined
  readonly rows: number | undefined
  text = ""

  constructor(isTTY: boolean, columns: number) {
    this.isTTY = isTTY
    this.columns = isTTY ? columns : undefined
    this.rows = isTTY ? 24 : undefined
  }

  write(text: string): void {
    this.text += text
  }
}

export function vertexMetrics(given: Partial<VertexMetrics> = {}): VertexMetrics {
  return {
    id: "flights",
    name: "flights -> filter-1",
    parallelism: 2,
    recordsIn: 14_500_000,
    recordsOut: 13_000_000,
    recordsPerSecond: 1_240_000,
    late: 0,
    skipped: 0,
    busyShare: 0.62,
    backpressuredShare: 0.12,
    idleShare: 0.26,
    pausedShare: 0,
    longestStepMs: 1.2,
    idleInputs: 0,
    watermarkMs: 0,
    inFlight: 512,
    credits: 4_096,
    ...given,
  }
}

export function jobMetrics(given: Partial<JobMetrics> = {}): JobMetrics {
  return {
    elapsedMs: 12_000,
    recordsIn: 14_500_000,
    recordsOut: 1_200,
    recordsPerSecond: 1_240_000,
    inFlight: 512,
    credits: 4_096,
    watermarkLagMs: 3_200,
    late: 0,
    skipped: 0,
    vertices: [
      vertexMetrics(),
      vertexMetrics({ id: "window-1", name: "window-1", parallelism: 4, busyShare: 0.95, backpressuredShare: 0 }),
    ],
    ...given,
  }
}

/** A job that ends when the test says so. */
export class FakeJob implements JobHandle {
  readonly jobName = "airport-delays"
  readonly runId = "run-1"
  readonly done: Promise<JobResult>
  readonly calls: string[] = []
  status: JobStatus = "running"
  #resolve!: (result: JobResult) => void
  #reject!: (error: unknown) => void
  readonly #readings: readonly JobMetrics[]

  constructor(readings: readonly JobMetrics[] = []) {
    this.#readings = readings
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.done.catch(() => undefined)
  }

  end(status: "finished" | "stopped" = "finished"): void {
    this.status = status
    this.#resolve({
      jobName: this.jobName,
      runId: this.runId,
      status,
      durationMs: 12_000,
      metrics: jobMetrics(),
      restarts: 0,
      savepoint: undefined,
      collected: {},
    })
  }

  fail(error: unknown): void {
    this.status = "failed"
    this.#reject(error)
  }

  readonly restarts = 0

  readMetrics(): JobMetrics {
    return jobMetrics()
  }

  readCheckpoints(): CheckpointCounts {
    return { completed: 0, failed: 0, last: undefined }
  }

  why(): Promise<never> {
    throw new Error("nobody asks a job that is not there")
  }

  async *metrics(): AsyncIterableIterator<JobMetrics> {
    yield* this.#readings
    await this.done.catch(() => undefined)
  }

  stop(): Promise<JobResult> {
    this.calls.push("stop")
    return this.done
  }

  async cancel(): Promise<void> {
    this.calls.push("cancel")
    this.status = "cancelled"
    this.#reject(new EngineError("JOB_CANCELLED", "The job was cancelled"))
  }

  async setRate(): Promise<void> {
    this.calls.push("setRate")
  }

  async savepoint(): Promise<Savepoint> {
    this.calls.push("savepoint")
    return { checkpointId: 1, directory: "savepoint", durationMs: 1, sizeBytes: 1 }
  }

  async rescale(): Promise<void> {
    this.calls.push("rescale")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel()
  }
}

/** Two sources' worth of shape: a chain with a side output, a keyed exchange, a sink. Vertices out of topological order. */
export function examplePlan(given: Partial<PhysicalPlan> = {}): PhysicalPlan {
  return {
    jobName: "airport-delays",
    keyGroups: 128,
    workers: 2,
    vertices: [
      vertex(0, 2, [operator("source", "flights"), operator("filter", "filter-1", 0)]),
      vertex(1, 1, [operator("sink", "out")]),
      vertex(2, 4, [operator("window", "window-1"), operator("map", "map-1", 0)]),
      vertex(3, 1, [operator("sink", "late")]),
    ],
    edges: [
      edge(0, 0, 2, { fromOperator: 1, exchange: "hash" }),
      edge(1, 2, 1, { fromOperator: 1, exchange: "rebalance" }),
      edge(2, 2, 3, { fromOperator: 0, exchange: "rebalance", side: "late" }),
    ],
    warnings: [],
    signature: "",
    ...given,
  }
}

function vertex(index: number, parallelism: number, operators: readonly PhysicalOperator[]): Vertex {
  const name = operators.map((one) => one.name).join(" -> ")
  return { index, id: operators[0]!.id, name, operators, parallelism }
}

export function operator(kind: string, id: string, parent = -1): PhysicalOperator {
  const node = {
    kind,
    role: { type: "operator", keyed: false, create: unused },
    inputs: [],
    sides: [],
    name: id,
    parallelism: undefined,
  } as const
  return { id, kind, name: id, node, parent, parentSide: undefined }
}

function edge(id: number, from: number, to: number, given: Partial<Edge>): Edge {
  return {
    id,
    from,
    to,
    fromOperator: 0,
    side: undefined,
    exchange: "forward",
    keyOf: undefined,
    ...given,
  }
}

function unused(): never {
  throw new Error("a plan's operators are only shown here, not created")
}

/** One run of a job with checkpoints, or without, in a process of its own (child.mjs). */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { crc32 } from "node:zlib"
import { type RunOptions, run } from "millrace"

export type CheckpointedJob =
  | { readonly name: "flights"; readonly input: string }
  | {
      readonly name: "keyed-state"
      readonly keys: number
      readonly updates: number
      readonly warmUp: number
      readonly hot: number
    }

export interface CheckpointedRunOptions {
  readonly job: CheckpointedJob
  readonly checkpointed: boolean
}

export interface CheckpointedRun {
  /** Of keyed-state from the first update behind `warmUp` to the last. */
  readonly ms: number
  /** Of the whole process, from the start of the job to its end. */
  readonly cpuMs: number
  /** Of keyed-state: the longest time without a record, also in the operator's processor time. */
  readonly gapMs: number
  readonly gapCpuMs: number
  readonly checkpoints: number
  /** Tells outputs apart. */
  readonly output: string
}

const FLIGHTS = fileURLToPath(new URL("../../examples/airport-delays.ts", import.meta.url))
const KEYED = fileURLToPath(new URL("./keyed-state.ts", import.meta.url))

export default async function measure({ job, checkpointed }: CheckpointedRunOptions): Promise<CheckpointedRun> {
  const directory = mkdtempSync(join(tmpdir(), "millrace-checkpointed-"))
  const out = join(directory, "out")
  try {
    if (job.name === "flights") {
      const reading = await runJob(FLIGHTS, { input: job.input, out }, checkpointed, directory)
      return { ...reading, gapMs: 0, gapCpuMs: 0, output: digestOf(["hourly", "worst"].map((each) => join(out, each))) }
    }
    const { name: _, ...size } = job
    const notes = new SharedArrayBuffer(32)
    const reading = await runJob(KEYED, { ...size, out, notes }, checkpointed, directory)
    const [gapMs, gapCpuMs, ms] = new Float64Array(notes) as unknown as [number, number, number]
    return { ...reading, ms, gapMs, gapCpuMs, output: digestOf([out]) }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function runJob(
  module: string,
  params: NonNullable<RunOptions["params"]>,
  checkpointed: boolean,
  directory: string,
): Promise<Pick<CheckpointedRun, "ms" | "cpuMs" | "checkpoints">> {
  let checkpoints = 0
  const before = process.cpuUsage()
  const job = await run(module, {
    workers: 2,
    params,
    ...(checkpointed ? { checkpoint: { directory: join(directory, "checkpoints"), every: "1s" } } : {}),
    onEvent: (event) => {
      if (event.type === "checkpoint") checkpoints += 1
      if (event.type === "warning") throw event.error
    },
  })
  const { durationMs } = await job.done
  const { user, system } = process.cpuUsage(before)
  return { ms: durationMs, cpuMs: (user + system) / 1000, checkpoints }
}

/** Of the lines of these folders' parts in any order: how many, their bytes, and the sum of their checksums. */
function digestOf(folders: readonly string[]): string {
  let lines = 0
  let size = 0
  let sum = 0
  for (const folder of folders) {
    for (const file of readdirSync(folder).filter((name) => name.startsWith("part-"))) {
      const bytes = readFileSync(join(folder, file))
      for (let start = 0; start < bytes.length; ) {
        const end = bytes.indexOf(LINE_FEED, start)
        const line = bytes.subarray(start, end === -1 ? bytes.length : end)
        lines += 1
        size += line.length
        sum = (sum + crc32(line)) % 2 ** 48
        start += line.length + 1
      }
    }
  }
  return `${lines} lines, ${size} bytes, ${sum}`
}

const LINE_FEED = 10

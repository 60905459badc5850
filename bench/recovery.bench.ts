/**
 * Question: how long is it from the death of a worker until the job processes records again, and until output is committed
 * again?
 * Topology: the flights job of examples/ with a checkpoint every 250 ms, 2 workers. Operators throw, and threads exit, at
 * seeded moments; each is followed by a recovery from the last checkpoint. The time is read in the threads: as the last thing
 * in the old attempt, and with the first record of the new one.
 * Baseline: none; the figures are times. The output is compared with that of an undisturbed run.
 * Bounds at the real size, medians: under 1 s until records are processed again.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { run } from "millrace"
import { seededRandom } from "../src/sim/schedule.ts"
import { type Bench, check } from "./bench.ts"
import { HOW } from "./pipelines/dying-flights.ts"

const JOB = fileURLToPath(new URL("./pipelines/dying-flights.ts", import.meta.url))
const MAX_RECOVERY_MS = 1000
const SEED = 20261121
/** A job of some seconds can be killed so often. */
const KILLS_PER_RUN = 3

const bench: Bench = async ({ smoke, report, result }) => {
  const dir = mkdtempSync(join(tmpdir(), "millrace-recovery-bench-"))
  const random = seededRandom(SEED)
  try {
    const calm = await runJob(dir, [], random)
    for (const [variant, how] of [
      ["an operator throws", HOW.throw],
      ["a thread exits", HOW.exit],
    ] as const) {
      const recordsMs: number[] = []
      const outputMs: number[] = []
      for (let round = 0; round < (smoke ? 1 : 3); round++) {
        const disturbed = await runJob(dir, new Array(smoke ? 1 : KILLS_PER_RUN).fill(how), random)
        check(disturbed.output === calm.output, `${variant}: the output is another than that of the undisturbed run`)
        recordsMs.push(...disturbed.recordsMs)
        outputMs.push(...disturbed.outputMs)
      }
      report(`${variant}: ${recordsMs.length} times`)
      const bound = { atMost: MAX_RECOVERY_MS }
      result({ variant, metric: "to the first record", unit: "ms", readings: recordsMs, ...bound })
      result({ variant, metric: "to the next commit", unit: "ms", readings: outputMs })
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

interface Ran {
  readonly recordsMs: readonly number[]
  readonly outputMs: readonly number[]
  readonly output: string
}

async function runJob(dir: string, kills: readonly number[], random: () => number): Promise<Ran> {
  const out = join(dir, "out")
  rmSync(out, { recursive: true, force: true })
  const notes = new SharedArrayBuffer(32)
  const order = new Int32Array(notes)
  const times = new Float64Array(notes)
  order[1] = kills.length
  const recordsMs: number[] = []
  const outputMs: number[] = []
  let checkpointed: () => void = () => undefined
  const causes: string[] = []
  let causesBefore = 0
  let told = 0
  const job = await run(JOB, {
    workers: 2,
    params: { out, notes },
    checkpoint: { directory: join(dir, "checkpoints"), every: "250ms" },
    onEvent(event) {
      if (event.type === "restart") causes.push(String(event.error))
      // One behind a restart, and behind records: what was under way when the worker died may still be published.
      if (
        event.type === "checkpoint" &&
        told === recordsMs.length + 1 &&
        causes.length > causesBefore &&
        times[2]! > times[1]!
      ) {
        recordsMs.push(times[2]! - times[1]!)
        outputMs.push(performance.timeOrigin + performance.now() - times[1]!)
        Atomics.sub(order, 1, 1)
        checkpointed()
      } else if (event.type === "checkpoint" && told === 0) checkpointed()
    },
  })
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      checkpointed = resolve
    })
  for (const how of kills) {
    await Promise.race([next(), job.done])
    await sleep(100 + random() * 400)
    told += 1
    causesBefore = causes.length
    Atomics.store(order, 0, how)
  }
  await job.done
  check(
    recordsMs.length === kills.length,
    `${recordsMs.length} recoveries were seen of ${kills.length}, and restarts: ${causes.join("; ") || "none"}; died at ${times[1]}, first record at ${times[2]}`,
  )
  const output = ["hourly", "worst"]
    .flatMap((folder) => readdirSync(join(out, folder)).filter((file) => file.startsWith("part-")).map((file) => readFileSync(join(out, folder, file), "utf8")))
    .flatMap((text) => text.split("\n"))
    .filter((line) => line !== "")
    .sort()
    .join("\n") // biome-ignore format: a chain
  return { recordsMs, outputMs, output }
}

export default bench

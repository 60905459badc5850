/**
 * Question: how long does a checkpoint take while a slow sink holds everything back, by how barriers are aligned?
 * Topology: generate (unlimited) -> keyBy -> process -> rebalance -> sink that takes 1 ms per record (smoke: 0.25); 2 workers. Baseline: aligned, whose barrier waits behind what is queued.
 * Bounds: unaligned under 1 s (the target is 100 ms), with a timeout under that plus the timeout.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { type CheckpointOptions, type CompletedCheckpoint, run } from "millrace"
import { type Bench, check, median, spread } from "./bench.ts"

const TIMEOUT_MS = 200
const BOUND_MS = 1000
const MODES: readonly { readonly name: string; readonly alignment: NonNullable<CheckpointOptions["alignment"]> }[] = [
  { name: "unaligned", alignment: "unaligned" },
  { name: `aligned for ${TIMEOUT_MS} ms`, alignment: { timeout: TIMEOUT_MS } },
  { name: "aligned", alignment: "aligned" },
]

const bench: Bench = async ({ smoke, report }) => {
  const medians = new Map<string, number>()
  for (const { name, alignment } of MODES) {
    const { checkpoints, queued } = await measure(alignment, smoke)
    const durations = checkpoints.map(({ durationMs }) => durationMs)
    medians.set(name, median(durations))
    const kilobytes = median(checkpoints.map(({ sizeBytes }) => sizeBytes)) / 1000
    report(
      `${name}: ${spread(durations)} ms per checkpoint of ${kilobytes.toFixed(0)} kB, ${durations.length} checkpoints, ${queued} records in flight`,
    )
  }
  const unalignedMs = medians.get("unaligned")!
  const timeoutMs = medians.get(MODES[1]!.name)!
  check(unalignedMs < BOUND_MS, `an unaligned checkpoint took ${unalignedMs.toFixed(0)} ms`)
  check(timeoutMs < TIMEOUT_MS + BOUND_MS, `with a timeout of ${TIMEOUT_MS} ms it took ${timeoutMs.toFixed(0)} ms`)
}
export default bench

async function measure(
  alignment: NonNullable<CheckpointOptions["alignment"]>,
  smoke: boolean,
): Promise<{ checkpoints: readonly CompletedCheckpoint[]; queued: number }> {
  const directory = mkdtempSync(join(tmpdir(), "millrace-bench-"))
  const control = new SharedArrayBuffer(4)
  Atomics.store(new Int32Array(control), 0, smoke ? 250 : 1000)
  const wanted = smoke ? (alignment === "aligned" ? 1 : 3) : 7
  const checkpoints: CompletedCheckpoint[] = []
  try {
    const job = await run(fileURLToPath(new URL("./pipelines/slow-sink.ts", import.meta.url)), {
      workers: 2,
      params: { control },
      // Channels are full before the first one begins, and the sinks know how much they may write at once.
      checkpoint: { directory, every: smoke ? "2s" : "4s", alignment },
      onEvent: (event) => {
        if (event.type === "checkpoint") checkpoints.push(event)
        else if ("error" in event) throw event.error
      },
    })
    let queued = 0
    while (checkpoints.length < wanted) {
      await Promise.race([sleep(100), job.done])
      queued = Math.max(queued, job.readMetrics().inFlight)
    }
    await job.cancel()
    return { checkpoints, queued }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

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
import type { Bench } from "./bench.ts"

const TIMEOUT_MS = 200
const BOUND_MS = 1000
const MODES: readonly Mode[] = [
  { name: "unaligned", alignment: "unaligned", atMostMs: BOUND_MS },
  { name: `aligned for ${TIMEOUT_MS} ms`, alignment: { timeout: TIMEOUT_MS }, atMostMs: TIMEOUT_MS + BOUND_MS },
  { name: "aligned", alignment: "aligned" },
]

interface Mode {
  readonly name: string
  readonly alignment: NonNullable<CheckpointOptions["alignment"]>
  readonly atMostMs?: number
}

const bench: Bench = async ({ smoke, report, result }) => {
  for (const { name: variant, alignment, atMostMs } of MODES) {
    const { checkpoints, queued } = await measure(alignment, smoke)
    report(`${variant}: ${checkpoints.length} taken, at most ${queued} records in flight`)
    const bound = atMostMs === undefined ? {} : { atMost: atMostMs }
    const durations = checkpoints.map(({ durationMs }) => durationMs)
    result({ variant, metric: "duration", unit: "ms", readings: durations, ...bound })
    result({ variant, metric: "size", unit: "bytes", readings: checkpoints.map(({ sizeBytes }) => sizeBytes) })
  }
}
export default bench

async function measure(
  alignment: NonNullable<CheckpointOptions["alignment"]>,
  smoke: boolean,
): Promise<{ checkpoints: readonly CompletedCheckpoint[]; queued: number }> {
  const directory = mkdtempSync(join(tmpdir(), "millrace-bench-"))
  const control = new SharedArrayBuffer(4)
  Atomics.store(new Int32Array(control), 0, smoke ? 250 : 1000)
  const wanted = smoke ? (alignment === "aligned" ? 1 : 2) : 7
  const checkpoints: CompletedCheckpoint[] = []
  try {
    const job = await run(fileURLToPath(new URL("./pipelines/slow-sink.ts", import.meta.url)), {
      workers: 2,
      params: { control },
      // Channels are full before the first one begins, and the sinks know how much they may write at once.
      checkpoint: { directory, every: smoke ? "1s" : "4s", alignment },
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

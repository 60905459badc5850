import { readFileSync } from "node:fs"

/** Ticks of the scheduler in Linux's /proc are of so long. */
const TICK_MS = 10

/** Processor time of this machine that its host has given to others so far, in ms, of all cores; 0 where nobody tells. */
export function stolenMs(): number {
  if (process.platform !== "linux") return 0
  // user nice system idle iowait irq softirq steal
  return Number(readFileSync("/proc/stat", "latin1").split("\n", 1)[0]!.trim().split(/\s+/)[8] ?? 0) * TICK_MS
}

import { createHash } from "node:crypto"
import type { SinkJobContext } from "../../contracts/index.ts"

/**
 * Names of parts: `part-0003-0012-k3f9a2c1x7q.ndjson` is part 12 of subtask 3. The last piece stands for the run (8 characters)
 * and for the operator in it (3), so that runs never meet each other's names and two sinks of one job may share a directory.
 * While it is written, a part is hidden as `.pending-<the same>.ndjson`.
 */
export interface PartNames {
  /** Marks this run and operator. */
  readonly tag: string
  final(subtask: number, sequence: number): string
  pending(subtask: number, sequence: number): string
  /** What a name says, when it is one that a sink of this extension gave. */
  parse(name: string): PartName | undefined
}

export interface PartName {
  readonly kind: "part" | "pending"
  readonly subtask: number
  readonly sequence: number
  readonly tag: string
  /** True for names of this run, whichever operator's. */
  readonly sameRun: boolean
}

const RUN_CHARS = 8
const OPERATOR_CHARS = 3

export function partNames(context: SinkJobContext, extension: string): PartNames {
  const run = shortHash(context.runId, RUN_CHARS)
  const tag = run + shortHash(context.operatorId, OPERATOR_CHARS)
  const pattern = new RegExp(
    `^(part|\\.pending)-(\\d{4,})-(\\d{4,})-([0-9a-z]{${RUN_CHARS + OPERATOR_CHARS}})\\.${extension}$`,
  )
  const core = (subtask: number, sequence: number) => `${pad(subtask)}-${pad(sequence)}-${tag}.${extension}`
  return {
    tag,
    final: (subtask, sequence) => `part-${core(subtask, sequence)}`,
    pending: (subtask, sequence) => `.pending-${core(subtask, sequence)}`,
    parse(name) {
      const match = pattern.exec(name)
      if (match === null) return undefined
      return {
        kind: match[1] === "part" ? "part" : "pending",
        subtask: Number(match[2]),
        sequence: Number(match[3]),
        tag: match[4]!,
        sameRun: match[4]!.startsWith(run),
      }
    },
  }
}

function pad(value: number): string {
  return String(value).padStart(4, "0")
}

/** Letters and digits only, and no upper case: some file systems do not tell it from lower case. */
function shortHash(text: string, length: number): string {
  const digest = createHash("sha256").update(text).digest("hex")
  return BigInt(`0x${digest}`).toString(36).padStart(length, "0").slice(-length)
}

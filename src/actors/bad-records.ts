// Not through the folder's index: workers that read no files need not load their parsers.
import { DeadLetterFile } from "../connectors/files/dead-letter.ts"
import type { BadRecordPolicy, MalformedRecord } from "../contracts/index.ts"
import { describe, EngineError } from "../errors/index.ts"

export interface BadRecordsOptions {
  /** Of the source, for messages. */
  readonly label: string
  readonly subtask: number
  /** Those that may be asked for: their dead-letter files are made ready. */
  readonly policies: readonly (BadRecordPolicy | undefined)[]
  /** It goes on for a reader that was there before: what that one wrote down stays. */
  readonly goesOn: boolean
  /** One more was passed over, or written to a dead-letter file. */
  onSkipped(): void
}

/** What is wrong with a record, and how to say so. */
export interface Fault {
  readonly code: string
  /** What is to be done about it when the job fails. */
  readonly remedy: string
}

/** What becomes of input that is no record, or has no valid time: fails the job, is skipped, or goes to a dead-letter file. */
export class BadRecords {
  readonly #options: BadRecordsOptions
  /** By path: two policies may name the same file. */
  readonly #letters = new Map<string, DeadLetterFile>()

  constructor(options: BadRecordsOptions) {
    this.#options = options
    for (const policy of options.policies) {
      if (typeof policy !== "object" || this.#letters.has(policy.deadLetter)) continue
      this.#letters.set(
        policy.deadLetter,
        new DeadLetterFile(policy.deadLetter, { subtask: options.subtask, append: options.goesOn }),
      )
    }
  }

  /** @throws {EngineError} with the fault's code when the policy is `fail` */
  onBad(bad: MalformedRecord, policy: BadRecordPolicy, { code, remedy }: Fault): void {
    const { label, onSkipped } = this.#options
    if (policy === "fail") {
      throw new EngineError(
        code,
        `Cannot read a record of ${label} at ${bad.position}: ${bad.reason}; the input is ${describe(bad.raw)}; ${remedy}`,
        { details: { position: bad.position, reason: bad.reason } },
      )
    }
    onSkipped()
    if (policy === "skip") return
    this.#letters.get(policy.deadLetter)!.append({ ...bad, source: label })
  }

  /** What was written down so far is on the disk when this returns: a checkpoint is about to say that it need not be read again. */
  flush(): void {
    for (const letters of this.#letters.values()) letters.flush()
  }

  close(): void {
    for (const letters of this.#letters.values()) letters.close()
    this.#letters.clear()
  }
}

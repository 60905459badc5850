import type { ControlEndpoint } from "../control/index.ts"

/** After the job's subtasks are up: the first records come first, since the time until then is a promise of ours. */
const DELAY_MS = 150

/** The control endpoint of a run, opened a moment after the job has come up. Never fails the job, and keeps no process alive. */
export class OpeningEndpoint {
  readonly #open: () => Promise<ControlEndpoint | undefined>
  #timer: NodeJS.Timeout | undefined
  #opening: Promise<ControlEndpoint | undefined> | undefined
  /** Told why it could not be opened. */
  onWarning: (error: Error) => void = () => undefined

  constructor(open: () => Promise<ControlEndpoint | undefined>) {
    this.#open = open
  }

  /** Opens it soon, once. */
  soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#opening = this.#open().catch((error: unknown) => {
        this.onWarning(error instanceof Error ? error : new Error(String(error)))
        return undefined
      })
    }, DELAY_MS).unref()
  }

  /** The job has ended. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await (await this.#opening)?.close()
  }
}

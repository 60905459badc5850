import type { Chain } from "./chain.ts"
import type { PreparedBySink } from "./control.ts"

/**
 * The cut that a checkpoint makes in what a chain's sinks write: what came before it is prepared, what comes after it belongs
 * to the next one. One at a time.
 */
export class OutputCut {
  readonly #chain: Chain
  readonly #wake: () => void
  #holds = false
  #underWay = false
  #failure: { readonly error: unknown } | undefined

  constructor(chain: Chain, wake: () => void) {
    this.#chain = chain
    this.#wake = wake
  }

  /** True until every sink can take records of the next checkpoint: none may come before. */
  get holds(): boolean {
    return this.#holds
  }

  /** True until everything is prepared: the next cut waits for it. */
  get underWay(): boolean {
    return this.#underWay
  }

  /** @param prepared is told once, in a turn of its own; never after a failure, which `check` throws */
  begin(checkpointId: number, prepared: (committables: PreparedBySink) => void): void {
    this.#holds = true
    this.#underWay = true
    const onCut = (): void => {
      this.#holds = false
      this.#wake()
    }
    this.#chain.prepareCommit(checkpointId, onCut).then(
      (committables) => {
        this.#holds = false
        this.#underWay = false
        prepared(committables)
        this.#wake()
      },
      (error: unknown) => {
        this.#failure = { error }
        this.#wake()
      },
    )
  }

  /** @throws what made a sink fail */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

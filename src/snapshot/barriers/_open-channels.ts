import { invariant } from "../../errors/index.ts"

/** Which of a subtask's input channels have not ended. Refuses what cannot be. */
export class OpenChannels {
  readonly #ended: boolean[]
  #count: number

  /** @param channels integer > 0: a subtask without channels is a source and needs no handler */
  constructor(channels: number) {
    invariant(
      Number.isSafeInteger(channels) && channels > 0,
      () => `a barrier handler for ${channels} channels was asked for`,
    )
    this.#ended = Array.from({ length: channels }, () => false)
    this.#count = channels
  }

  /** All channels, ended ones included. */
  get length(): number {
    return this.#ended.length
  }

  /** How many have not ended. */
  get count(): number {
    return this.#count
  }

  isOpen(channel: number): boolean {
    return this.#ended[channel] === false
  }

  end(channel: number): void {
    this.check(channel)
    this.#ended[channel] = true
    this.#count -= 1
  }

  /** An event of this channel is possible: it exists and has not ended. */
  check(channel: number): void {
    invariant(
      this.isOpen(channel),
      () =>
        `channel ${channel} of ${this.length} delivered something though it ${this.#ended[channel] ? "had ended" : "does not exist"}`,
    )
  }
}

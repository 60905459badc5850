/**
 * `java.util.Random`: the 48-bit generator that Nexmark draws its events with, step for step.
 *
 * State and multiplier are held in halves of 24 bits, as doubles: every product fits into 53 bits. (BigInt would cost some
 * microseconds a step.)
 */
export class JavaRandom {
  #high = 0
  #low = 0

  /** @param value an integer >= 0 */
  seed(value: number): void {
    const high = Math.floor(value / HALF)
    this.#high = (high ^ MULTIPLIER_HIGH) & MASK
    this.#low = ((value - high * HALF) ^ MULTIPLIER_LOW) & MASK
  }

  /** 32 bits, signed. */
  nextInt(): number {
    this.#step()
    return (this.#high << 8) | (this.#low >>> 16)
  }

  /** Evenly from 0 up to `bound`, which is left out. */
  nextBelow(bound: number): number {
    let bits = this.#next31()
    if ((bound & (bound - 1)) === 0) return Math.floor(bound * bits * 2 ** -31)
    let value = (bits % bound) | 0
    // The last, incomplete lap of `bound` would favour small values: drawn again, as Java does when it overflows.
    while (bits - value + (bound - 1) > 0x7fff_ffff) {
      bits = this.#next31()
      value = (bits % bound) | 0
    }
    return value
  }

  /** Evenly from 0 up to 1, which is left out: 53 bits. */
  nextDouble(): number {
    this.#step()
    const upper = (this.#high << 2) | (this.#low >>> 22)
    this.#step()
    const lower = (this.#high << 3) | (this.#low >>> 21)
    return (upper * 0x800_0000 + lower) * 2 ** -53
  }

  #next31(): number {
    this.#step()
    return (this.#high << 7) | (this.#low >>> 17)
  }

  #step(): void {
    const low = this.#low * MULTIPLIER_LOW + 11
    const carry = (low * INVERSE) | 0
    const high = this.#high * MULTIPLIER_LOW + this.#low * MULTIPLIER_HIGH + carry
    this.#low = (low - carry * HALF) | 0
    this.#high = (high - Math.floor(high * INVERSE) * HALF) | 0
  }
}

const HALF = 2 ** 24
/** A division by a power of two is exact as a product. */
const INVERSE = 2 ** -24
const MASK = HALF - 1
const MULTIPLIER_HIGH = 0x5de
const MULTIPLIER_LOW = 0xece66d

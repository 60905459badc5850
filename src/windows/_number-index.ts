/** Numbers are in one Map up to so many, then spread over SHARDS: one of 150,000 takes 6 to 11 ms in the call that makes it grow. */
const MAX_IN_ONE_MAP = 4_096
const SHARDS = 128

/** A Map with numbers for keys in which no call does much, however many there are. */
export class NumberIndex<V> {
  /** One, or SHARDS. */
  #shards: Map<number, V>[] = [new Map()]

  get(key: number): V | undefined {
    return this.#shardOf(key).get(key)
  }

  set(key: number, value: V): void {
    if (this.#shards.length === 1 && this.#shards[0]!.size >= MAX_IN_ONE_MAP) this.#spread()
    this.#shardOf(key).set(key, value)
  }

  delete(key: number): void {
    this.#shardOf(key).delete(key)
  }

  #shardOf(key: number): Map<number, V> {
    const shards = this.#shards
    // Multiples of anything fall evenly on the upper bits of the product. Fractions of one whole number share a shard.
    return shards.length === 1 ? shards[0]! : shards[Math.imul(key % 2 ** 32, 0x9e3779b1) >>> 25]!
  }

  #spread(): void {
    const [one] = this.#shards
    this.#shards = Array.from({ length: SHARDS }, () => new Map())
    for (const [key, value] of one!) this.#shardOf(key).set(key, value)
  }
}

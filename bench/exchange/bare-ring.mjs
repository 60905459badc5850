// The plainest channel over shared memory: slots of bytes, two counters, Atomics.wait at both ends. For baselines.

const SLOTS = 16

export class BareRing {
  constructor({ words, data, slotBytes }) {
    this.words = new Int32Array(words)
    this.data = new Uint8Array(data)
    this.slotBytes = slotBytes
    this.next = 0
  }

  /** @param write writes the payload into the slot and answers its length */
  send(write) {
    while (this.next - Atomics.load(this.words, 32) === SLOTS) Atomics.wait(this.words, 32, this.next - SLOTS)
    const at = (this.next % SLOTS) * this.slotBytes
    const bytes = write(this.data.subarray(at + 4, at + this.slotBytes))
    new Int32Array(this.data.buffer, at, 1)[0] = bytes
    this.next += 1
    Atomics.store(this.words, 0, this.next)
    Atomics.notify(this.words, 0)
  }

  /** @param read gets the payload, which is overwritten afterwards */
  receive(read) {
    while (Atomics.load(this.words, 0) === this.next) Atomics.wait(this.words, 0, this.next)
    const at = (this.next % SLOTS) * this.slotBytes
    const bytes = new Int32Array(this.data.buffer, at, 1)[0]
    read(this.data.subarray(at + 4, at + 4 + bytes))
    this.next += 1
    Atomics.store(this.words, 32, this.next)
    Atomics.notify(this.words, 32)
  }
}

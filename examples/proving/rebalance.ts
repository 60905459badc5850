// A bug for `millrace prove` to find: the reduce compares each reading with the one before it. After the rebalance a device's readings take
// several ways, and which one is before which is a matter of luck.
import { pipeline } from "millrace"

interface Reading {
  readonly device: string
  readonly value: number
  readonly change: number
}

const readings: readonly Reading[] = Array.from({ length: 60 }, (_, n) => ({
  device: `d${n % 3}`,
  value: n * n,
  change: 0,
}))

export default pipeline("changes", ({ source }) => {
  source(readings)
    .rebalance()
    .map((reading) => ({ ...reading, value: reading.value / 10 }))
    .keyBy((reading) => reading.device)
    .reduce((before, reading) => ({ ...reading, change: reading.value - before.value }))
    .print()
    .name("changes")
})

// The records of bench/exchange, and what their receiver does with them.

const CARRIERS = ["AA", "DL", "UA", "WN", "B6", "AS", "NK", "F9"]

/** The same numbers in every run. */
function randomOf(seed) {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 8) % bound
  }
}

function word(random, length) {
  let text = ""
  while (text.length < length) text += random(36).toString(36)
  return text
}

/** By shape: makes a record; reads all of its fields; reads one. Both answer a number that depends on what was read. */
export const shapes = {
  numbers: {
    make: (random) => ({
      id: random(1e6),
      at: 1.7e12 + random(1e9),
      delay: random(300) - 60,
      distance: random(5e6) / 7,
      lat: random(1e6) / 1e4,
      lon: random(1e6) / -1e4,
      stops: random(3),
    }),
    all: (r) => r.id + r.at + r.delay + r.distance + r.lat + r.lon + r.stops,
    one: (r) => r.id,
  },
  strings: {
    make: (random) => ({
      id: random(1e6),
      at: 1.7e12 + random(1e9),
      carrier: CARRIERS[random(8)],
      tail: `N${word(random, 5)}`,
      route: `${word(random, 3)}-${word(random, 3)} via ${word(random, 6)}`,
      delay: random(300) - 60,
      distance: random(5e6) / 7,
    }),
    all: (r) => r.id + r.at + read(r.carrier) + read(r.tail) + read(r.route) + r.delay + r.distance,
    one: (r) => r.id,
  },
  nested: {
    make: (random) => ({
      id: random(1e6),
      user: { name: word(random, 9), place: { lat: random(1e6) / 1e4, lon: random(1e6) / 1e4 } },
      tags: [word(random, 4), word(random, 7)],
      items: [
        { sku: random(1e6), count: random(5) },
        { sku: random(1e6), count: random(5) },
      ],
      note: random(3) === 0 ? "late" : null,
    }),
    all: (r) =>
      r.id +
      read(r.user.name) +
      r.user.place.lat +
      r.user.place.lon +
      read(r.tags[0]) +
      read(r.tags[1]) +
      r.items[0].sku +
      r.items[0].count +
      r.items[1].sku +
      r.items[1].count +
      (r.note === null ? 0 : read(r.note)),
    one: (r) => r.id,
  },
  "1 KB": {
    make: (random) => ({ id: random(1e6), at: 1.7e12 + random(1e9), text: word(random, 10).repeat(100) }),
    all: (r) => r.id + r.at + read(r.text),
    one: (r) => r.id,
  },
}

/** Looks into a string, so that no way of delivering it is spared the work. */
function read(text) {
  return text.length + text.charCodeAt(0) + text.charCodeAt(text.length - 1)
}

/** Different batches, to be sent in turn. */
export function batchesOf(shape, batchSize) {
  const random = randomOf(7)
  const count = Math.max(4, Math.min(64, Math.ceil(4096 / batchSize)))
  return Array.from({ length: count }, () => Array.from({ length: batchSize }, () => shapes[shape].make(random)))
}

/** What a receiver of a batch adds to its checksum. */
export function checksumOf(values, digest) {
  let sum = 0
  for (let index = 0; index < values.length; index++) sum += digest(values[index])
  return sum
}

/**
 * CRC-32 (IEEE 802.3, reflected 0xedb88320: that of zlib, gzip and PNG, so that any tool can check a file by hand).
 * Pass the checksum so far as `before` to go on with more bytes: `crc32(b, crc32(a))` is that of a followed by b.
 *
 * A sum must not cover a sum of what stands directly before it: CRC(x, CRC(x)) is the same for all x.
 *
 * Slicing-by-8 (Kounavis and Berry, ISCC 2005) in one flat table. Measured on 16 MiB, Node 20: 1.07 GB/s; a byte at a
 * time 0.30, eight separate tables 0.62, slicing-by-16 1.26 for a table twice as large; zlib's native one 2.7 GB/s.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  let crc = ~before
  let i = 0
  for (const end = bytes.length - 7; i < end; i += 8) {
    const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
    crc =
      TABLE[1792 + (low & 0xff)]! ^
      TABLE[1536 + ((low >>> 8) & 0xff)]! ^
      TABLE[1280 + ((low >>> 16) & 0xff)]! ^
      TABLE[1024 + (low >>> 24)]! ^
      TABLE[768 + bytes[i + 4]!]! ^
      TABLE[512 + bytes[i + 5]!]! ^
      TABLE[256 + bytes[i + 6]!]! ^
      TABLE[bytes[i + 7]!]!
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[i]!) & 0xff]!
  return ~crc >>> 0
}

/** Row k (256 words from k * 256): the sum of a byte followed by k zero bytes. */
const TABLE = makeTable()

function makeTable(): Int32Array {
  const table = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
    table[byte] = crc
  }
  for (let i = 256; i < table.length; i++) table[i] = (table[i - 256]! >>> 8) ^ table[table[i - 256]! & 0xff]!
  return table
}

/**
 * The bytes of a Nexmark corpus, which every engine and every hand-written program reads alike. Little-endian.
 *
 *   file     0 u32 magic "NXM1"   4 u32 events   8 u32 events per block   12 u32 blocks   16 f64 milliseconds of disorder
 *            24 f64 blocks + 1 offsets: where each block begins, and where the last one ends; then the records
 *   record   begins at a multiple of 8
 *            0 u32 bytes of the record   4 u32 kind   8 f64 dateTime   then by kind:
 *   bid      16 u32 auction   20 u32 bidder   24 u32 price   28 u32 length of extra   32 extra
 *   auction  16 u32 id   20 u32 seller   24 u32 initialBid   28 u32 reserve   32 f64 expires   40 u32 category
 *            44 u16 lengths of itemName, description, extra   50 their texts, one after another
 *   person   16 u32 id   20 u16 lengths of name, emailAddress, creditCard, city, state, extra   32 their texts
 *
 * Texts are latin1. Times are epoch ms, prices cents. A block holds a whole number of milliseconds and of groups of events that are
 * out of order, so that blocks are one sequence in time.
 */
export const MAGIC = 0x314d_584e
export const FILE = { magic: 0, events: 4, blockEvents: 8, blocks: 12, disorderMs: 16, offsets: 24 }
export const BLOCK_EVENTS = 10_000

export const KIND = { person: 0, auction: 1, bid: 2 }
export const RECORD = { bytes: 0, kind: 4, dateTime: 8 }
export const BID = { auction: 16, bidder: 20, price: 24, extraLength: 28, extra: 32 }
export const AUCTION = {
  id: 16,
  seller: 20,
  initialBid: 24,
  reserve: 28,
  expires: 32,
  category: 40,
  lengths: 44,
  texts: 50,
}
export const PERSON = { id: 16, lengths: 20, texts: 32 }
/** More than any record of the generator takes. */
export const MAX_RECORD_BYTES = 1_024

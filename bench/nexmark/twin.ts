import type { BidCursor } from "./cursor.ts"
import type { Row } from "./row.ts"

/** Where the rows of a hand-written program go. */
export interface Rows {
  /** A new row begins: write its fields. @param key of a row that replaces the one before of its key */
  begin(key?: number): Row
}

/**
 * A query as a competent person writes it for one thread and one purpose: the same bytes in, the same rows out, and no
 * generality. It knows that bids come in order of time.
 */
export type Twin = (bids: BidCursor, rows: Rows) => void

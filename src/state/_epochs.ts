/**
 * Time of a HeapKeyedStore is cut in epochs: each capture begins one. An entry carries a number that says what became of it last,
 * counted from the epoch's own, E:
 *
 * - E: it was touched in the epoch;
 * - E + BORN: it came in it;
 * - E + LOGGED: it was logged in the epoch after, and not touched since;
 * - E + HANDED_OVER: the capture that began the epoch after has handed it over, and it was not touched since.
 */
export const EPOCH_STEP = 4
export const BORN = 1
export const LOGGED = 2
export const HANDED_OVER = 3
/** What was loaded from a snapshot and not touched since. Before the first epoch. */
export const LOADED = 0

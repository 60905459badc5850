/** One window per key that holds all of its records. A trigger says when it fires; without one it does at the end of input. */
export class GlobalWindows {
  readonly kind = "global"
  readonly time = "event"
  readonly description = "one window for all time"
}

/** One window per key for all time, to be used with a trigger: `.window(globalWindow()).trigger(triggers.count(1000))`. */
export function globalWindow(): GlobalWindows {
  return new GlobalWindows()
}

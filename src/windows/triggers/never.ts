import type { Trigger } from "../trigger.ts"

/** Never fires: what a window holds leaves when it goes, as a last pane. */
export function never(): Trigger<unknown, null> {
  return {
    description: "never",
    create: () => null,
    onRecord: () => "continue",
    merge: () => null,
    firesOnlyAtEnd: true,
  }
}

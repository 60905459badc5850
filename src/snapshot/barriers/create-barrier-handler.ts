import { AlignedBarriers } from "./aligned-barriers.ts"
import { AtLeastOnceBarriers } from "./at-least-once-barriers.ts"
import type { BarrierHandler } from "./barrier-handler.ts"
import { UnalignedBarriers } from "./unaligned-barriers.ts"

/** How a subtask with several input channels comes to one consistent snapshot. Plain data: it crosses threads. */
export type BarrierMode =
  | { readonly kind: "aligned" }
  | { readonly kind: "at-least-once" }
  /** @see UnalignedBarriers */
  | { readonly kind: "unaligned"; readonly timeoutMs: number }

/** @param channels how many input channels the subtask has: integer > 0, for a source takes its barriers from the coordinator */
export function createBarrierHandler(mode: BarrierMode, channels: number): BarrierHandler {
  switch (mode.kind) {
    case "aligned":
      return new AlignedBarriers(channels)
    case "at-least-once":
      return new AtLeastOnceBarriers(channels)
    case "unaligned":
      return new UnalignedBarriers(channels, mode)
  }
}

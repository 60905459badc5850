import type { TimeWindow } from "./window.ts"

/**
 * What a trigger answers: nothing happens; the window's content leaves; it is thrown away without leaving; both, first the one
 * then the other.
 */
export type TriggerAnswer = "continue" | "fire" | "purge" | "fire-and-purge"

/** The window at hand, for a trigger. Times asked for belong to this window and go with it. */
export interface TriggerContext {
  /** Over when time has reached `end - 1`; of a session the end is one ms beyond what results show. */
  readonly window: TimeWindow
  /** Records in the window since it was made or purged, the one at hand included. */
  readonly size: number
  readonly watermarkMs: number
  readonly processingTimeMs: number
  /** Asks for `onEventTime` once the watermark reaches `timeMs`. Asking twice changes nothing. */
  registerEventTime(timeMs: number): void
  deleteEventTime(timeMs: number): void
  /** Asks for `onProcessingTime` once the clock reaches `timeMs`: epoch ms. */
  registerProcessingTime(timeMs: number): void
  deleteProcessingTime(timeMs: number): void
}

/**
 * Says when a window emits. One object serves all windows: what differs from one to the next is in the state `S`, which is
 * plain data, changed in place, kept in snapshots, and made anew for each window.
 *
 * Whatever a trigger says: content that has not left when its window goes leaves then, as a last pane.
 */
export interface Trigger<T = unknown, S = unknown> {
  /** Names it in plans and snapshots, with its settings: the same text for the same trigger. */
  readonly description: string
  create(): S
  /** A record was added to the window. */
  onRecord(value: T, timeMs: number, state: S, context: TriggerContext): TriggerAnswer
  /** A time that was asked for, or that another part of the trigger asked for, has come. */
  onEventTime?(timeMs: number, state: S, context: TriggerContext): TriggerAnswer
  onProcessingTime?(timeMs: number, state: S, context: TriggerContext): TriggerAnswer
  /**
   * Two windows have become one, `context.window`: joins their states; either may be changed. Times asked for are those of
   * both. Needed for sessions.
   */
  merge?(left: S, right: S, context: TriggerContext): S
  /** The window has become longer, without another one. After `merge`, too. */
  onResize?(state: S, context: TriggerContext): void
  /** It will never fire again. */
  finished?(state: S): boolean
  /** It may fire before the watermark has passed the window, or without a watermark. False when not given. */
  readonly firesOnlyAtEnd?: boolean
  /** It asks for no time but the window's last millisecond, in event time: a key's later windows need not be looked at then. False when not given. */
  readonly asksOnlyForEnd?: boolean
}

/** Whether an answer lets the content leave. */
export function fires(answer: TriggerAnswer): boolean {
  return answer === "fire" || answer === "fire-and-purge"
}

/** Whether an answer throws the content away. */
export function purges(answer: TriggerAnswer): boolean {
  return answer === "purge" || answer === "fire-and-purge"
}

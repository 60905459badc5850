/** What a subtask says of itself when it is asked, for `why`. Plain data. Times are event-time ms, -Infinity for none yet. */
export interface SubtaskReport {
  /** The vertex's index. */
  readonly vertex: number
  readonly subtask: number
  readonly phase: "running" | "finishing" | "preparing" | "closing" | "ending" | "done"
  /** The watermark it has handed on. */
  readonly watermarkMs: number
  /** Output is held back. */
  readonly blocked: boolean
  /** Time spent since the start, ms. */
  readonly busyMs: number
  readonly backpressuredMs: number
  /** Channels that take nothing more at the moment, by their number in the plan. */
  readonly fullChannels: readonly number[]
  /** A checkpoint's barrier that has come, and waits for what sinks have gathered. */
  readonly sinksPrepare: boolean
  readonly input: GateReport | ReaderReport
  /** The newest time that it has given a record itself; undefined when it gives none. */
  readonly ownNewestMs: number | undefined
  /** What its operators wait for; those that wait for nothing are left out. */
  readonly waiting: readonly WaitingReport[]
}

/** A subtask that has senders. */
export interface GateReport {
  readonly type: "channels"
  /** Of all channels together. */
  readonly watermarkMs: number
  /** In no fixed order. */
  readonly channels: readonly ChannelReport[]
  /** The channel that holds the watermark, by its number in the plan; undefined when none is active. */
  readonly holder: number | undefined
}

export interface ChannelReport {
  /** Its number in the plan. */
  readonly channel: number
  readonly watermarkMs: number
  readonly state: "active" | "idle" | "done"
  /** Not read until the other channels' barriers have come. */
  readonly held: boolean
}

/** A subtask that reads a source. */
export interface ReaderReport {
  readonly type: "source"
  readonly label: string
  /** The split that it reads, of several the one that holds its watermark; undefined between two, and when there is none. */
  readonly split: string | undefined
  /** How many it reads side by side. */
  readonly splits: number
  readonly state: "reading" | "idle" | "paused" | "ended"
  readonly hasEventTime: boolean
  /** The watermark it lets go. */
  readonly watermarkMs: number
  /** The watermark of that split. */
  readonly splitWatermarkMs: number
  readonly newestMs: number
  /** Bound of disorder; undefined when watermarks are made otherwise. */
  readonly boundMs: number | undefined
  /** Its watermark waits until every split of the source has been handed out. */
  readonly holdsForSplits: boolean
  /** How long no record has come though it could have, ms. */
  readonly quietMs: number
  /** Quiet time after which it is idle; +Infinity: never. */
  readonly idleAfterMs: number
  /** Whom it waits for when it is paused, and may be how far ahead of. */
  readonly slowest: { readonly vertex: number; readonly subtask: number; readonly watermarkMs: number } | undefined
  readonly maxDriftMs: number | undefined
}

/** What one operator waits for. */
export interface WaitingReport {
  readonly operatorId: string
  readonly what: "window" | "timer"
  /** How many there are. */
  readonly count: number
  /** The watermark at which the next one fires; +Infinity: not before the end of input. */
  readonly nextMs: number | undefined
  /** The time of day at which the next one fires, epoch ms. */
  readonly nextProcessingMs: number | undefined
}

import { EngineError } from "../errors/index.ts"

/** One channel of the plan, for the audit and its message. */
export interface AuditedChannel {
  /** Its position in the plan's list of channels. */
  readonly channel: number
  /** The edge's name. */
  readonly edge: string
  /** Vertex id and subtask, e.g. `hourly/2`. */
  readonly from: string
  readonly to: string
}

/** What one subtask counted of its channels, at the barrier. Travels in its acknowledgement; plain data. */
export interface ChannelCounts {
  /**
   * Records handed to the channel before the barrier, by channel. What the sender still keeps back counts as sent; `kept` of
   * them were not in the channel yet when a barrier overtook them, and the sender has saved them.
   */
  readonly sent: readonly { readonly channel: number; readonly records: number; readonly kept?: number }[]
  /** Records delivered to the operators before the capture, and records in flight that the receiver has saved. */
  readonly received: readonly { readonly channel: number; readonly records: number; readonly saved: number }[]
}

/** Whether a receiver may have counted more than was sent before the barrier: at least once it reads on behind it. */
export type AuditMode = "exactly-once" | "at-least-once"

/**
 * Checks a checkpoint before it is published: on every channel, records sent before the barrier = records received before
 * the capture + records saved in flight (CUT-1, in counts); at least once: <=. Always on: it is what notices a lost or
 * doubled record in the field.
 *
 * Where a barrier overtook records, the receiver saves what was in the channel and the sender the rest. A receiver that had
 * delivered some of that rest before it captured has nothing to save; what it delivered of it a restore passes over.
 *
 * Counts go on over restarts, or begin anew with both ends of each channel: then a receiver begins at minus the number of
 * restored records in flight that it has yet to deliver. O(channels).
 *
 * @param counts of all subtasks of the checkpoint
 * @returns undefined when all is well, else AUDIT_FAILED: names the edge and both subtasks of the first channel that differs
 */
export function auditChannels(
  checkpointId: number,
  channels: readonly AuditedChannel[],
  counts: Iterable<ChannelCounts>,
  mode: AuditMode,
): EngineError | undefined {
  const sent = new Map<number, number>()
  const kept = new Map<number, number>()
  const received = new Map<number, { readonly records: number; readonly saved: number }>()
  const doubled = new Set<number>()
  for (const subtask of counts) {
    for (const { channel, records, kept: rest = 0 } of subtask.sent) {
      if (sent.has(channel)) doubled.add(channel)
      sent.set(channel, records)
      kept.set(channel, rest)
    }
    for (const { channel, records, saved } of subtask.received) {
      if (received.has(channel)) doubled.add(channel)
      received.set(channel, { records, saved })
    }
  }
  const failed = channels.filter(({ channel }) => {
    const out = sent.get(channel)
    const into = received.get(channel)
    if (out === undefined || into === undefined || doubled.has(channel)) return true
    const total = into.records + into.saved
    if (mode === "at-least-once") return !(total >= out)
    const inChannel = out - kept.get(channel)!
    return total !== inChannel && !(into.saved === 0 && into.records > inChannel && into.records <= out)
  })
  const first = failed[0]
  if (first === undefined) return undefined
  const { channel, edge, from, to } = first
  const out = sent.get(channel)
  const into = received.get(channel)
  const found = doubled.has(channel)
    ? "one of them counted twice"
    : `${from} sent ${out ?? "an unknown number of"} records, ${to} received ${into?.records ?? "an unknown number"} and saved ${into?.saved ?? "an unknown number"} in flight`
  return new EngineError(
    "AUDIT_FAILED",
    `Cannot publish checkpoint ${checkpointId}: records of edge ${edge} from ${from} to ${to} do not add up: ${found} (${failed.length} of ${channels.length} channels differ); the job goes back to the checkpoint before, please report this with the pipeline`,
    {
      details: {
        checkpointId,
        edge,
        from,
        to,
        channel,
        differing: failed.length,
        ...(out === undefined ? {} : { sent: out }),
        ...(into === undefined ? {} : { received: into.records, saved: into.saved }),
      },
    },
  )
}

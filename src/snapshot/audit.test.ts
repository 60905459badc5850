import { describe, expect, it } from "vitest"
import { type AuditedChannel, auditChannels, type ChannelCounts } from "./audit.ts"

const CHANNELS: readonly AuditedChannel[] = [
  { channel: 0, edge: "flights -> hourly", from: "flights/0", to: "hourly/0" },
  { channel: 1, edge: "flights -> hourly", from: "flights/0", to: "hourly/1" },
]
const sent = (first: number, second: number): ChannelCounts => ({
  sent: [
    { channel: 0, records: first },
    { channel: 1, records: second },
  ],
  received: [],
})
const received = (channel: number, records: number, saved = 0): ChannelCounts => ({
  sent: [],
  received: [{ channel, records, saved }],
})

describe("auditChannels()", () => {
  it("finds nothing when what was sent was received or saved", () => {
    expect(auditChannels(1, CHANNELS, [sent(5, 9), received(0, 5), received(1, 6, 3)], "exactly-once")).toBeUndefined()
    expect(auditChannels(1, [], [], "exactly-once")).toBeUndefined()
  })

  it("names the edge and both subtasks of a channel that lost a record", () => {
    const error = auditChannels(4, CHANNELS, [sent(5, 9), received(0, 5), received(1, 6, 2)], "exactly-once")
    expect(error).toMatchObject({
      code: "AUDIT_FAILED",
      message:
        "Cannot publish checkpoint 4: records of edge flights -> hourly from flights/0 to hourly/1 do not add up: flights/0 sent 9 records, hourly/1 received 6 and saved 2 in flight (1 of 2 channels differ); the job goes back to the checkpoint before, please report this with the pipeline",
      details: { checkpointId: 4, channel: 1, from: "flights/0", to: "hourly/1", sent: 9, received: 6, saved: 2 },
    })
  })

  it("finds a record too many, but not at least once, where only too few are wrong", () => {
    const more = [sent(5, 9), received(0, 5), received(1, 10)]
    const fewer = [sent(5, 9), received(0, 5), received(1, 8)]
    expect(auditChannels(1, CHANNELS, more, "exactly-once")?.code).toBe("AUDIT_FAILED")
    expect(auditChannels(1, CHANNELS, more, "at-least-once")).toBeUndefined()
    expect(auditChannels(1, CHANNELS, fewer, "at-least-once")?.code).toBe("AUDIT_FAILED")
  })

  it("finds a side that says nothing, says it twice, or says nonsense", () => {
    const missing = auditChannels(1, CHANNELS, [sent(5, 9), received(1, 9)], "at-least-once")
    expect(missing?.message).toContain("hourly/0 received an unknown number")
    const twice = auditChannels(
      1,
      CHANNELS,
      [sent(5, 9), received(0, 5), received(0, 5), received(1, 9)],
      "exactly-once",
    )
    expect(twice?.message).toContain("one of them counted twice")
    const nonsense = [sent(Number.NaN, 9), received(0, 5), received(1, 9)]
    expect(auditChannels(1, CHANNELS, nonsense, "exactly-once")?.details).toMatchObject({ channel: 0 })
    expect(auditChannels(1, CHANNELS, nonsense, "at-least-once")?.details).toMatchObject({ channel: 0 })
  })
})

import { EngineError, invariant } from "../errors/index.ts"
import { type QueuedElement, unitsOf } from "../mailbox/index.ts"
import type { Edge, PhysicalPlan } from "../plan/index.ts"
import { BatchCodec, ElementKind, IDLE, RecordBatch, RecordCodec } from "../records/index.ts"
import { type Disk, type Manifest, PartReader } from "../snapshot/store/index.ts"
import { hashKey, keyGroupOf, subtaskOfKeyGroup } from "../state/index.ts"
import { type ChannelPlace, decodeInFlight, type InFlightHead, InFlightKind, type InFlightRow } from "./in-flight.ts"
import type { RestoreTask } from "./restore.ts"
import { RestoredQueue } from "./restored-input.ts"

/** One input channel of the subtask that is restored. */
export interface RestoredChannel {
  readonly place: ChannelPlace
  readonly edge: Edge
}

/**
 * Whether every record that a checkpoint holds in flight has a place in this plan.
 *
 * Records on a forward or rescale edge follow the subtask that sent them, in its order; they carry no key by which that
 * order could be kept when the edge has another parallelism.
 *
 * @throws {EngineError} CHECKPOINT_IN_FLIGHT
 */
export function checkInFlight(manifest: Manifest, plan: PhysicalPlan): void {
  const { checkpointId } = manifest
  const parallelismOf = new Map(manifest.plan.operators.map((each) => [each.operatorId, each.parallelism]))
  for (const former of formerEdges(manifest)) {
    const { name, records } = former
    if (records === 0) continue
    const into = plan.edges.filter((edge) => plan.vertices[edge.to]!.id === former.to)
    if (into.length === 0) throw misplaced(checkpointId, name, records, "between operators that are one subtask now")
    const same = into.filter((edge) => plan.vertices[edge.from]!.id === former.from)
    const then = [parallelismOf.get(former.from)!, parallelismOf.get(former.to)!] as const
    // Fewer channels than pairs, or a single one: its order was that of its sender.
    const wasPointwise = former.channels < then[0] * then[1] || then[0] * then[1] === 1
    for (const edge of same.length === 0 ? into : same) {
      const now = [plan.vertices[edge.from]!.parallelism, plan.vertices[edge.to]!.parallelism] as const
      if (!wasPointwise || !isPointwise(edge.exchange) || (now[0] === then[0] && now[1] === then[1])) continue
      const what = `a ${edge.exchange} edge of ${then.join(" to ")} subtasks then and ${now.join(" to ")} now`
      throw misplaced(checkpointId, name, records, what)
    }
  }
}

interface FormerEdge {
  readonly name: string
  /** Vertex ids. */
  readonly from: string
  readonly to: string
  records: number
  channels: number
}

function formerEdges({ audit }: Manifest): Iterable<FormerEdge> {
  const edges = new Map<string, FormerEdge>()
  for (const { edge: name, from, to, saved } of audit) {
    const edge = edges.get(name) ?? { name, from: vertexOf(from), to: vertexOf(to), records: 0, channels: 0 }
    edge.records += saved
    edge.channels += 1
    edges.set(name, edge)
  }
  return edges.values()
}

function vertexOf(place: string): string {
  return place.slice(0, place.lastIndexOf("/"))
}

function isPointwise(exchange: Edge["exchange"]): boolean {
  return exchange === "forward" || exchange === "rescale"
}

function misplaced(checkpointId: number, edge: string, records: number, what: string): EngineError {
  return new EngineError(
    "CHECKPOINT_IN_FLIGHT",
    `Cannot go on from checkpoint ${checkpointId}: it holds ${records} records in flight on ${edge}, ${what}; go on at the former parallelism, stop with a savepoint, which holds none, and start from that`,
    { details: { checkpointId, edge, records } },
  )
}

/** What was saved of one former channel, by either end. */
interface FormerChannel {
  readonly head: InFlightHead
  readonly table: string
  /** Up to where the receiver had delivered. */
  position: number | undefined
  /** From the queue and from the sender. */
  readonly rows: InFlightRow[]
  /** What an earlier restore had brought back, by age. */
  readonly restored: Map<number, InFlightRow[]>
}

/** Reads what was in flight, and gives each record its place: see `placeInFlight`. */
export async function readInFlight(
  restore: RestoreTask,
  channels: readonly RestoredChannel[],
  subtask: number,
  disk: Disk,
): Promise<readonly RestoredQueue[]> {
  const { checkpointId, keyGroups } = restore
  const blocks = restore.inFlight ? await readBlocks(restore, channels, disk) : []
  const reachedMs = reachedBefore(restore, channels)
  return placeInFlight(blocks, channels, { checkpointId, subtask, keyGroups, reachedMs })
}

/**
 * Where each former subtask judged what is late; undefined where that says nothing of the others. It does of those whose records
 * all come by key: each of them has every sender, and a watermark that a sender says it says to all.
 */
function reachedBefore({ subtasks }: RestoreTask, channels: readonly RestoredChannel[]): readonly number[] | undefined {
  if (channels.some(({ edge }) => edge.exchange !== "hash")) return undefined
  const { consumer } = channels[0]!.place
  const reached: number[] = []
  for (const { vertexId, subtask, watermarkMs } of subtasks) {
    if (vertexId === consumer) reached[subtask] = watermarkMs === END ? Number.NEGATIVE_INFINITY : watermarkMs
  }
  return reached.length === 0 ? undefined : reached
}

/** The watermark of one that had ended: it has no more to judge. */
const END = Number.POSITIVE_INFINITY

/**
 * What of the records in flight a subtask delivers: those that were its own, or of former subtasks, and are its own now. Pure.
 *
 * - An edge that is what it was: each channel goes on where it stood.
 * - Hash edges: each record goes to the owner of its key's group, in the order in which it was sent.
 * - Broadcast: a subtask takes what one former receiver had before it: copy and rest belong together (UC-6).
 * - All others: what a former receiver had goes to one subtask. `checkInFlight` has refused edges whose order that would break.
 *
 * Watermarks and idleness in flight are passed over: they spoke for the splits that their sender was reading, and after a restore
 * another sender may read these. Every sender says its own again. But where records come by key, a subtask's watermark is a
 * claim about all that its senders had yet to send, to whomever: what a former subtask had before it is judged late by that
 * one's watermark, those that were behind coming first, and what comes behind all of it by the furthest.
 *
 * @throws {EngineError} CHECKPOINT_IN_FLIGHT
 */
export function placeInFlight(
  blocks: Iterable<{ readonly table: string; readonly bytes: Uint8Array }>,
  channels: readonly RestoredChannel[],
  options: {
    readonly checkpointId: number
    readonly subtask: number
    readonly keyGroups: number
    /** Watermarks of the former subtasks, where they count. Event-time ms. */
    readonly reachedMs?: readonly number[] | undefined
  },
): readonly RestoredQueue[] {
  const { checkpointId, subtask, keyGroups, reachedMs } = options
  const gathered = new Map<string, FormerChannel>()
  for (const { table, bytes } of blocks) gather(gathered, table, decodeInFlight(bytes))
  const queues: RestoredQueue[] = []
  for (const former of gathered.values()) {
    const { head, table, position, rows, restored } = former
    const account = channels.findIndex(({ place }) => place.edge === table)
    if (account === -1) throw misplaced(checkpointId, table, countRecords(former), "which is no edge now")
    const { place, edge } = channels[account]!
    const [, from, to, senders, receivers, exchange] = head
    const same = senders === place.senders && receivers === place.receivers && exchange === place.exchange
    const mine = sharer({ same, edge, place, to, receivers, subtask, keyGroups })
    if (mine === undefined) continue
    const index = same ? channels.findIndex((each) => each.place.edge === table && each.place.from === from) : -1
    const channel = index === -1 ? undefined : index
    const add = (age: number, watermarkMs: number, elements: readonly QueuedElement[]): void => {
      const taken = elements.flatMap((element) => mine(element))
      if (taken.length === 0) return
      const whose = channel === undefined ? { ...place, from: -1 } : channels[channel]!.place
      queues.push(new RestoredQueue(whose, { age, account: channel ?? account, watermarkMs, elements: taken }))
    }
    for (const [age, old] of restored) {
      for (const { watermarkMs, elements } of byWatermark(old)) add(age, watermarkMs, elements)
    }
    if (position !== undefined) add(0, reachedMs?.[to] ?? Number.NEGATIVE_INFINITY, behind(position, rows))
    else
      invariant(
        rows.length === 0,
        () => `records in flight of ${table} from ${from} to ${to}, whose receiver says nothing`,
      )
  }
  // Stable: channel by channel within an age. What one receiver had before it waited there for watermarks that rose with falling age.
  queues.sort((a, b) => (a.watermarkMs === b.watermarkMs ? b.age - a.age : a.watermarkMs < b.watermarkMs ? -1 : 1))
  const isSameNumber = reachedMs?.length === channels[0]?.place.receivers
  const watermarkMs =
    reachedMs === undefined ? Number.NEGATIVE_INFINITY : isSameNumber ? reachedMs[subtask]! : Math.max(...reachedMs)
  if (watermarkMs > Number.NEGATIVE_INFINITY) {
    const place = { ...channels[0]!.place, from: -1 }
    queues.push(new RestoredQueue(place, { age: 0, account: 0, watermarkMs, elements: [] }))
  }
  return queues
}

/** What an earlier restore had brought back, cut where the receiver's watermark was to rise. */
function byWatermark(rows: readonly InFlightRow[]): { watermarkMs: number; elements: QueuedElement[] }[] {
  const parts: { watermarkMs: number; elements: QueuedElement[] }[] = []
  for (const row of rows) {
    const [, kind, content] = row
    if (kind === ElementKind.WATERMARK) parts.push({ watermarkMs: content as number, elements: [] })
    else {
      if (parts.length === 0) parts.push({ watermarkMs: Number.NEGATIVE_INFINITY, elements: [] })
      parts.at(-1)!.elements.push(elementOf(row))
    }
  }
  return parts
}

/** Every channel block of this consumer's edges, of the checkpoint itself: those of parts it builds on are over. */
async function readBlocks(
  restore: RestoreTask,
  channels: readonly RestoredChannel[],
  disk: Disk,
): Promise<{ table: string; bytes: Uint8Array }[]> {
  const found: { table: string; bytes: Uint8Array }[] = []
  const { consumer } = channels[0]!.place
  for (const handle of restore.subtasks.flatMap(({ parts }) => parts)) {
    const reader = await PartReader.open({ ...restore, disk, handle })
    try {
      if (reader.checkpointId !== restore.checkpointId) continue
      const blocks = reader.blocks.filter(({ kind, operatorId }) => kind === "channel" && operatorId === consumer)
      for (const table of new Set(blocks.map((block) => block.table))) {
        for await (const { block, bytes } of reader.select({ operatorId: consumer, table })) {
          if (block.kind === "channel") found.push({ table, bytes })
        }
      }
    } finally {
      await reader.close()
    }
  }
  return found
}

function gather(
  former: Map<string, FormerChannel>,
  table: string,
  { head, rows }: { readonly head: InFlightHead; readonly rows: readonly InFlightRow[] },
): void {
  const [kind, from, to, , , , age] = head
  const name = `${table} ${from} ${to}`
  const channel: FormerChannel = former.get(name) ?? { head, table, position: undefined, rows: [], restored: new Map() }
  former.set(name, channel)
  switch (kind) {
    case InFlightKind.STATE:
      channel.position = rows[0]![0]
      break
    case InFlightKind.QUEUE:
    case InFlightKind.REST:
      channel.rows.push(...rows)
      break
    case InFlightKind.RESTORED:
      channel.restored.set(age, [...(channel.restored.get(age) ?? []), ...rows])
      break
  }
}

/** The elements from a place on. Of a batch in which it lies, what is behind it. */
function behind(position: number, rows: readonly InFlightRow[]): QueuedElement[] {
  const elements: QueuedElement[] = []
  let expected = position
  for (const row of [...rows].sort((a, b) => a[0] - b[0])) {
    const element = elementOf(row)
    const end = row[0] + unitsOf(element)
    if (end <= position) continue
    invariant(
      row[0] === expected || (row[0] < position && expected === position),
      () => `records in flight go on at ${row[0]}, where ${expected} was expected`,
    )
    expected = end
    elements.push(row[0] < position ? cut(element, position - row[0]) : element)
  }
  return elements
}

function elementOf([, kind, content]: InFlightRow): QueuedElement {
  if (kind !== ElementKind.DATA) return PASSED
  const bytes = content as Uint8Array
  return { kind, records: codec.decode(bytes).size, content: bytes }
}

const codec = new BatchCodec(new RecordCodec())
/** A control element: keeps its place, and means nothing any more. */
const PASSED: QueuedElement = IDLE

function cut(element: QueuedElement, records: number): QueuedElement {
  invariant(element.kind === ElementKind.DATA, () => `an element of kind ${element.kind} was delivered by half`)
  const { values, times, keyHashes } = codec.decode(element.content as Uint8Array)
  return encoded(new RecordBatch(values.slice(records), times.slice(records), keyHashes.slice(records)))
}

function encoded(batch: RecordBatch): QueuedElement {
  return { kind: ElementKind.DATA, records: batch.size, content: codec.encode(batch) }
}

/** What of each element of a former channel is this subtask's; undefined when nothing is. */
function sharer(options: {
  readonly same: boolean
  readonly edge: Edge
  readonly place: ChannelPlace
  readonly to: number
  readonly receivers: number
  readonly subtask: number
  readonly keyGroups: number
}): ((element: QueuedElement) => readonly QueuedElement[]) | undefined {
  const { same, edge, place, to, receivers, subtask, keyGroups } = options
  const dataOnly = (element: QueuedElement): readonly QueuedElement[] =>
    element.kind === ElementKind.DATA ? [element] : []
  if (same) return to === subtask ? dataOnly : undefined
  switch (edge.exchange) {
    case "hash":
      return (element) => (element.kind === ElementKind.DATA ? ofMyGroups(element.content as Uint8Array) : [])
    case "broadcast":
      return to === subtask % receivers ? dataOnly : undefined
    default:
      return to % place.receivers === subtask ? dataOnly : undefined
  }

  function ofMyGroups(bytes: Uint8Array): readonly QueuedElement[] {
    const { values, times, keyHashes } = codec.decode(bytes)
    const mine = new RecordBatch()
    for (const [index, value] of values.entries()) {
      const keyHash = keyHashes[index] ?? hashKey(edge.keyOf!(value))
      if (subtaskOfKeyGroup(keyGroupOf(keyHash, keyGroups), keyGroups, place.receivers) !== subtask) continue
      mine.values.push(value)
      mine.times.push(times[index]!)
      mine.keyHashes.push(keyHash)
    }
    return mine.size === 0 ? [] : [encoded(mine)]
  }
}

function countRecords({ rows, restored }: FormerChannel): number {
  return [...rows, ...[...restored.values()].flat()]
    .map(elementOf)
    .reduce((sum, element) => sum + (element.kind === ElementKind.DATA ? element.records : 0), 0)
}

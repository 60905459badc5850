/** The queries as pipelines: what a user would write, with a source and a sink of the user's own. */
import { count, pipeline, type Source, type SourceBatch, type Split, sliding, sum, tumbling } from "millrace"
import {
  ClickReader,
  type Clicks,
  OUT_OF_ORDER_MS,
  type PageClick,
  Stopwatch,
  spanMs,
  type UserClick,
} from "./clicks.ts"
import { tallySink } from "./tally.ts"

export type Query = "map-filter" | "count" | "tumbling" | "sliding" | "count, numbers" | "tumbling, numbers"

export interface TaxParams extends Readonly<Record<string, unknown>> {
  readonly query: Query
  readonly clicks: Clicks
  readonly passes: number
  readonly tally: SharedArrayBuffer
  readonly times: SharedArrayBuffer
}

const BATCH = 1_024
const time = (click: { readonly timeMs: number }): number => click.timeMs
const eventTime = { time, outOfOrder: OUT_OF_ORDER_MS }

export default pipeline(
  "tax",
  ({ source, params }) => {
    const { query, tally: memory } = params
    const pages = () => source(clickSource(params, pageClick), eventTime)
    const users = () => source(clickSource(params, userClick), eventTime)
    // Of a click is read what the query needs, as the plain program does: without windows nobody asks for the time.
    switch (query) {
      case "map-filter":
        source(clickSource(params, pageAndCents))
          .filter((click) => click.page.startsWith("/item/"))
          .map(({ page, cents }) => ({ page, euros: cents / 100 }))
          .to(tallySink(memory, (tally, { page, euros }) => tally.add(page, euros * 100, 0)))
        return
      case "count":
        source(clickSource(params, pageAlone))
          .keyBy((click) => click.page)
          .aggregate({ clicks: count() })
          .to(tallySink(memory, (tally, { key, clicks }) => tally.add(key, clicks, 0)))
        return
      case "count, numbers":
        source(clickSource(params, userAlone))
          .keyBy((click) => click.user)
          .aggregate({ clicks: count() })
          .to(tallySink(memory, (tally, { key, clicks }) => tally.add(key, clicks, 0)))
        return
      case "tumbling":
        pages()
          .keyBy((click) => click.page)
          .window(tumbling("1s"))
          .aggregate({ clicks: count(), cents: sum((click) => click.cents) })
          .to(
            tallySink(memory, (tally, { key, window, clicks, cents }) => tally.add(key, cents, clicks + window.start)),
          )
        return
      case "tumbling, numbers":
        users()
          .keyBy((click) => click.user)
          .window(tumbling("1s"))
          .aggregate({ clicks: count(), cents: sum((click) => click.cents) })
          .to(
            tallySink(memory, (tally, { key, window, clicks, cents }) => tally.add(key, cents, clicks + window.start)),
          )
        return
      case "sliding":
        pages()
          .keyBy((click) => click.page)
          .window(sliding("10s", "1s"))
          .aggregate({ clicks: count(), cents: sum((click) => click.cents) })
          .to(
            tallySink(memory, (tally, { key, window, clicks, cents }) => tally.add(key, cents, clicks + window.start)),
          )
        return
    }
  },
  {
    params: {
      query: "count",
      clicks: undefined,
      passes: 1,
      tally: undefined,
      times: undefined,
    } as unknown as TaxParams,
  },
)

function pageAlone(reader: ClickReader, offset: number): Pick<PageClick, "page"> {
  return { page: reader.page(offset) }
}

function userAlone(reader: ClickReader, offset: number): Pick<UserClick, "user"> {
  return { user: reader.user(offset) }
}

function pageAndCents(reader: ClickReader, offset: number): Omit<PageClick, "timeMs"> {
  return { page: reader.page(offset), cents: reader.cents(offset) }
}

function pageClick(reader: ClickReader, offset: number, shiftMs: number): PageClick {
  return { timeMs: reader.timeMs(offset) + shiftMs, page: reader.page(offset), cents: reader.cents(offset) }
}

function userClick(reader: ClickReader, offset: number, shiftMs: number): UserClick {
  return { timeMs: reader.timeMs(offset) + shiftMs, user: reader.user(offset), cents: reader.cents(offset) }
}

/** One split that is read from its beginning, or from wherever a checkpoint left it. */
function clickSource<T>(
  { clicks, passes, times }: TaxParams,
  decode: (reader: ClickReader, offset: number, shiftMs: number) => T,
): Source<T> {
  return {
    label: "clicks",
    bounded: true,
    splitsInOrder: true,
    splits: (): Split[] => [{ id: "clicks", data: null }],
    *read(_split, from): Generator<SourceBatch<T>, void> {
      const reader = new ClickReader(clicks)
      const watch = new Stopwatch(times, clicks.count * passes)
      let { pass, offset, read } = (from ?? { pass: 0, offset: 0, read: 0 }) as {
        pass: number
        offset: number
        read: number
      }
      for (; pass < passes; pass++) {
        const shiftMs = pass * spanMs(clicks)
        while (offset < reader.length) {
          const values: T[] = []
          while (values.length < BATCH && offset < reader.length) {
            values.push(decode(reader, offset, shiftMs))
            offset = reader.next(offset)
          }
          read += values.length
          yield { values, next: { pass, offset, read } }
          watch.at(read)
        }
        offset = 0
      }
    },
  }
}

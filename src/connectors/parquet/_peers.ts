import { EngineError } from "../../errors/index.ts"

/** What is used of hyparquet and hyparquet-compressors. */
export interface Peers {
  readonly hyparquet: typeof import("hyparquet")
  readonly compressors: import("hyparquet").Compressors
  /**
   * hyparquet's page decoders, from the modules its `exports` publishes as `hyparquet/src/*.js`. A later version may
   * move them: then undefined, and columns are read whole, through hyparquet's main entry.
   */
  readonly pages: PageDecoders | undefined
}

export interface PageDecoders {
  readonly parquetHeader: typeof import("hyparquet/src/column.js").parquetHeader
  readonly readDataPage: typeof import("hyparquet/src/datapage.js").readDataPage
  readonly readDataPageV2: typeof import("hyparquet/src/datapage.js").readDataPageV2
  readonly convert: typeof import("hyparquet/src/convert.js").convert
  readonly DEFAULT_PARSERS: typeof import("hyparquet/src/convert.js").DEFAULT_PARSERS
  readonly readPlain: typeof import("hyparquet/src/plain.js").readPlain
}

/** What hyparquet's decoders want to know about a column. */
export type ColumnDecoder = Parameters<PageDecoders["convert"]>[1]

let loaded: Promise<Peers> | undefined

/**
 * Loads the optional peers, once per thread.
 *
 * @throws {EngineError} PEER_MISSING when one of them is not installed
 */
export function loadPeers(importModule: (name: string) => Promise<unknown> = importPeer): Promise<Peers> {
  if (importModule !== importPeer) return load(importModule)
  loaded ??= load(importModule)
  return loaded
}

async function load(importModule: (name: string) => Promise<unknown>): Promise<Peers> {
  const hyparquet = (await required("hyparquet", importModule)) as Peers["hyparquet"]
  const { compressors } = (await required("hyparquet-compressors", importModule)) as Pick<Peers, "compressors">
  return { hyparquet, compressors, pages: await loadPages(importModule) }
}

/** Literal specifiers, so that bundlers see them. */
function importPeer(name: string): Promise<unknown> {
  switch (name) {
    case "hyparquet":
      return import("hyparquet")
    case "hyparquet-compressors":
      return import("hyparquet-compressors")
    case "column":
      return import("hyparquet/src/column.js")
    case "datapage":
      return import("hyparquet/src/datapage.js")
    case "convert":
      return import("hyparquet/src/convert.js")
    default:
      return import("hyparquet/src/plain.js")
  }
}

async function required(name: string, importModule: (name: string) => Promise<unknown>): Promise<unknown> {
  try {
    return await importModule(name)
  } catch (cause) {
    if (!isNotFound(cause)) throw cause
    throw new EngineError(
      "PEER_MISSING",
      `Cannot read Parquet: the package ${name} is not installed; run npm install hyparquet hyparquet-compressors`,
      { cause, details: { package: name } },
    )
  }
}

async function loadPages(importModule: (name: string) => Promise<unknown>): Promise<PageDecoders | undefined> {
  try {
    const [column, datapage, convert, plain] = await Promise.all(
      ["column", "datapage", "convert", "plain"].map((name) => importModule(name)),
    )
    const pages = Object.assign({}, column, datapage, convert, plain) as PageDecoders
    const names = ["parquetHeader", "readDataPage", "readDataPageV2", "convert", "readPlain"] as const
    const complete = names.every((name) => typeof pages[name] === "function") && pages.DEFAULT_PARSERS !== undefined
    return complete ? pages : undefined
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

function isNotFound(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND" || code === "ERR_PACKAGE_PATH_NOT_EXPORTED"
}

import type { BadRecordPolicy, Sink, Source } from "../../contracts/index.ts"
import type { StandardSchema } from "./standard-schema.ts"

/**
 * A file format at a path, for both directions: as a source the path is one or more files, globs or directories; as a
 * sink it is one directory that parts are written to.
 */
export type FileFormat<T> = Source<T> & Sink<T> & { readonly badRecords: BadRecordPolicy }

/** How files are read, whatever their format. */
export interface ReadOptions<T> {
  /**
   * What happens to lines that are no record: `"fail"` (default) ends the job and names the line, `"skip"` counts them,
   * `{ deadLetter: "out/bad.ndjson" }` writes them down with their position and reason.
   */
  readonly badRecords?: BadRecordPolicy
  /**
   * True when the files, in the order in which they are listed, form one sequence in time. Default: true for one file,
   * false for a list, a glob or a directory. It tells the engine that a watermark may pass before all files are open.
   */
  readonly inOrder?: boolean
  /**
   * Size of the pieces a file is cut into, so that several readers share it. Default: 8 MiB, less when a file over 1 MiB
   * would otherwise have fewer pieces than there are readers. Compressed files are never cut.
   */
  readonly splitBytes?: number
  /** A longer record is malformed. Bounds the memory of a reader. Default: 256 MiB. */
  readonly maxRecordBytes?: number
  /** Bytes asked from the disk at a time. Default: 256 KiB. */
  readonly chunkBytes?: number
  /** A Standard Schema (zod, valibot, arktype ...) that every record must pass, synchronously; its output is the record. */
  readonly schema?: StandardSchema<T>
}

/** How a directory of parts is written, whatever the format. */
export interface WriteOptions {
  /**
   * What happens to parts of earlier runs in the directory. `"replace"` (default) removes them when the first parts of this
   * run are in place, `"append"` keeps them, `"fail"` refuses to start with SINK_OUTPUT_EXISTS. Only files named as
   * this sink names its own parts are ever touched.
   */
  readonly existing?: "replace" | "append" | "fail"
  /** A part that has grown to this size is closed and the next one begun. Default: 128 MiB. */
  readonly rollBytes?: number
}

/**
 * Parquet files as a source: `millrace/parquet`. Promises rows in file order, splits and positions that survive a restart,
 * and short turns: no more than one page is unpacked between two looks at the event loop.
 * Leans on the optional peers hyparquet and hyparquet-compressors, loaded when a file is first opened. Read parquet.ts
 * first, then _row-group-reader.ts and _flat-column.ts for the way of a row.
 */
export { type ParquetOptions, type ParquetSource, parquet } from "./parquet.ts"

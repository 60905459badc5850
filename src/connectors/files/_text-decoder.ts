import { isUtf8 } from "node:buffer"
import {
  applySchema,
  type BadPiece,
  type Block,
  type Decoded,
  type Decoder,
  eachLine,
  NOT_UTF8,
  rawText,
  tooLong,
} from "./_decoder.ts"
import type { StandardSchema } from "./standard-schema.ts"

/**
 * One string per line. Each is decoded from its own bytes and so holds nothing but itself: pieces cut from the text of a
 * block would keep the whole block alive for as long as one of them is kept.
 */
export class LineDecoder<T extends string> implements Decoder<T> {
  readonly #maxRecordBytes: number
  readonly #keepEmpty: boolean
  readonly #schema: StandardSchema<T> | undefined

  constructor(maxRecordBytes: number, keepEmpty: boolean, schema: StandardSchema<T> | undefined) {
    this.#maxRecordBytes = maxRecordBytes
    this.#keepEmpty = keepEmpty
    this.#schema = schema
  }

  decode(block: Block, report: (bad: BadPiece) => void): Decoded<T> {
    const { bytes } = block
    const validUtf8 = isUtf8(bytes)
    const values: T[] = []
    const lines = eachLine(block, (start, end, index) => {
      if (start === end && !this.#keepEmpty) return
      const refuse = (reason: string): void => {
        const line = block.line === null ? null : block.line + index
        report({ raw: rawText(bytes.subarray(start, end)), reason, offset: block.offset + start, line })
      }
      if (end - start > this.#maxRecordBytes) return refuse(tooLong(this.#maxRecordBytes))
      if (!validUtf8 && !isUtf8(bytes.subarray(start, end))) return refuse(NOT_UTF8)
      const text = bytes.toString("utf8", start, end)
      if (this.#schema === undefined) {
        values.push(text as T)
        return
      }
      const checked = applySchema(this.#schema, text)
      if ("value" in checked) values.push(checked.value)
      else refuse(checked.reason)
    })
    return { values, bytes: bytes.length, lines }
  }
}

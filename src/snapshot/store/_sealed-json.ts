import { hex32 } from "./_names.ts"
import { damaged } from "./_store-errors.ts"
import { decodeUtf8, encodeUtf8 } from "./_utf8.ts"
import { crc32 } from "./crc32.ts"

/** `#crc32 ` + 8 hex digits + line feed. */
const SEAL_BYTES = 16

/** One line of JSON and a line with its checksum. This framing is the same in every format version. */
export function seal(json: string): Uint8Array {
  const body = encodeUtf8(`${json}\n`)
  const line = encodeUtf8(`#crc32 ${hex32(crc32(body))}\n`)
  const bytes = new Uint8Array(body.length + line.length)
  bytes.set(body)
  bytes.set(line, body.length)
  return bytes
}

/** The value of a sealed file. @throws {EngineError} `code` when the bytes are not what was sealed */
export function unseal(bytes: Uint8Array, file: string, code: string): unknown {
  const bodyBytes = bytes.length - SEAL_BYTES
  if (bodyBytes < 1) throw damaged(code, file, bytes.length, "the file ends before its checksum line")
  const body = bytes.subarray(0, bodyBytes)
  const expected = `#crc32 ${hex32(crc32(body))}\n`
  const found = decodeUtf8(bytes.subarray(bodyBytes))
  if (found !== expected) {
    throw damaged(
      code,
      file,
      bodyBytes,
      `the checksum line is ${JSON.stringify(found ?? "no text")}, not ${JSON.stringify(expected)}`,
    )
  }
  try {
    const text = decodeUtf8(body)
    if (text === undefined) throw damaged(code, file, 0, "the text is no UTF-8")
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw damaged(code, file, 0, `the text is no JSON (${error.message})`)
    throw error
  }
}

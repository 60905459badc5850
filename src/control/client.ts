import { connect, type Socket } from "node:net"
import { EngineError, fromPlainError } from "../errors/index.ts"
import { LineReader, lineOf, PROTOCOL_VERSION, readAnswer } from "./protocol.ts"
import type { JobEntry } from "./registry.ts"
import type { RequestKind, Requests } from "./requests.ts"

export interface Asking {
  /** How long the answer may take. Default: for ever, as stopping may. */
  readonly timeoutMs?: number
}

interface Waiting {
  resolve(result: unknown): void
  reject(error: unknown): void
}

/** The asking side of a job's control endpoint: one connection, any number of requests. */
export class ControlClient {
  readonly #entry: JobEntry
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  private constructor(entry: JobEntry, socket: Socket) {
    this.#entry = entry
    this.#socket = socket
    socket.setEncoding("utf8")
    const lines = new LineReader()
    socket.on("data", (text: string) => {
      try {
        for (const line of lines.take(text)) this.#take(line)
      } catch (error) {
        this.#end(error)
      }
    })
    socket.on("error", (cause) => this.#end(lost(entry, cause)))
    socket.on("close", () => this.#end(lost(entry)))
  }

  /** @throws {EngineError} CONTROL_UNREACHABLE */
  static connect(entry: JobEntry): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(entry.socket)
      const refused = (cause: Error): void => reject(lost(entry, cause))
      socket.once("error", refused)
      socket.once("connect", () => {
        socket.off("error", refused)
        resolve(new ControlClient(entry, socket))
      })
    })
  }

  /** @throws what the job answers; CONTROL_UNREACHABLE when it does not */
  async ask<K extends RequestKind>(
    kind: K,
    params: Requests[K]["params"],
    { timeoutMs }: Asking = {},
  ): Promise<Requests[K]["result"]> {
    this.#lastId += 1
    const id = this.#lastId
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<Requests[K]["result"]>((resolve, reject) => {
        this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject })
        if (timeoutMs !== undefined) timer = setTimeout(() => reject(silent(this.#entry, timeoutMs)), timeoutMs)
        this.#socket.write(
          lineOf({ v: PROTOCOL_VERSION, id, request: kind, params: params as Readonly<Record<string, unknown>> }),
        )
      })
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(id)
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(line: string): void {
    const answer = readAnswer(line)
    // Not even its id could be read: the two do not speak the same version.
    if (answer.id === 0 && !answer.ok) this.#end(fromPlainError(answer.error))
    const waiting = this.#waiting.get(answer.id)
    if (answer.ok) waiting?.resolve(answer.result)
    else waiting?.reject(fromPlainError(answer.error))
  }

  #end(error: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#socket.destroy()
  }
}

function lost({ jobName, pid }: JobEntry, cause?: unknown): EngineError {
  const found = cause instanceof Error ? cause.message : "it ended without an answer"
  return new EngineError(
    "CONTROL_UNREACHABLE",
    `Cannot talk to job "${jobName}" (pid ${pid}): ${found}; \`millrace status\` lists the jobs that run now`,
    cause === undefined ? {} : { cause },
  )
}

function silent({ jobName, pid }: JobEntry, timeoutMs: number): EngineError {
  return new EngineError(
    "CONTROL_UNREACHABLE",
    `Cannot talk to job "${jobName}" (pid ${pid}): no answer within ${timeoutMs} ms; its main thread may be stuck in a function of the pipeline`,
    { retriable: true },
  )
}

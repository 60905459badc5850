import { randomBytes } from "node:crypto"
import { chmodSync, rmSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { join } from "node:path"
import type { JobHandle } from "../actors/index.ts"
import { EngineError, toPlainError } from "../errors/index.ts"
import { type AnswerLine, LineReader, lineOf, PROTOCOL_VERSION, type RequestLine, readRequest } from "./protocol.ts"
import { writeEntry } from "./registry.ts"
import { answer, type RequestContext } from "./requests.ts"
import { makeRuntimeDirectory } from "./runtime-directory.ts"

export interface ControlEndpointOptions {
  readonly job: JobHandle
  /** The pipeline's module, for the list of running jobs. */
  readonly module: string
  /** Candidates: `runtimeDirectories()`. */
  readonly directories: readonly string[]
  note(line: string): void
}

/** Askers at one time. */
const MAX_CONNECTIONS = 32
/** How long an asker may take to read its answer once the job has ended. */
const CLOSE_GRACE_MS = 1_000

/**
 * Lets other processes of the same user talk to a running job: a socket that only the user may connect to, and a file by
 * which it is found.
 *
 * - Keeps no process alive and fails no job: a request that goes wrong is answered so.
 * - Requests of one asker are answered as they are done, not in order: ids tell them apart.
 * - `close` lets requests that wait for the job's end have their answer first.
 */
export class ControlEndpoint {
  readonly #context: RequestContext
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #pending = new Set<Promise<void>>()
  readonly #cleanUp: () => void
  #closed = false

  private constructor(context: RequestContext, server: Server, cleanUp: () => void) {
    this.#context = context
    this.#server = server
    this.#cleanUp = cleanUp
  }

  /** @throws {EngineError} CONTROL_ENDPOINT_FAILED: the job is none the worse for it */
  static async open({ job, module, directories, note }: ControlEndpointOptions): Promise<ControlEndpoint> {
    const directory = makeRuntimeDirectory(directories)
    const name = `${process.pid}-${randomBytes(4).toString("hex")}`
    const socket = process.platform === "win32" ? `\\\\.\\pipe\\millrace-${name}` : join(directory, `${name}.sock`)
    const server = createServer()
    server.maxConnections = MAX_CONNECTIONS
    server.unref()
    let entry: string | undefined
    const cleanUp = (): void => {
      if (entry !== undefined) rmSync(entry, { force: true })
      if (process.platform !== "win32") rmSync(socket, { force: true })
    }
    const endpoint = new ControlEndpoint({ job, pid: process.pid, now: Date.now, note }, server, cleanUp)
    server.on("connection", (connection) => endpoint.#serve(connection))
    try {
      await listen(server, socket)
      if (process.platform !== "win32") chmodSync(socket, 0o600)
      entry = writeEntry(directory, name, {
        v: PROTOCOL_VERSION,
        jobName: job.jobName,
        runId: job.runId,
        pid: process.pid,
        socket,
        startedAtMs: Date.now() - job.readMetrics().elapsedMs,
        module,
      })
    } catch (cause) {
      server.close()
      cleanUp()
      throw new EngineError(
        "CONTROL_ENDPOINT_FAILED",
        `Cannot listen for other terminals at ${socket}: ${cause instanceof Error ? cause.message : String(cause)}; set MILLRACE_RUNTIME_DIR to a short path that is yours alone. The job goes on, other terminals cannot reach it`,
        { cause },
      )
    }
    // Nothing of it stays behind an exit that waits for nobody.
    process.once("exit", cleanUp)
    return endpoint
  }

  /** The job has ended. Never throws. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    process.off("exit", this.#cleanUp)
    this.#server.close()
    this.#cleanUp()
    let timer: NodeJS.Timeout | undefined
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_GRACE_MS)
    })
    const answered = Promise.all([...this.#pending]).then(() => Promise.all([...this.#sockets].map(ended)))
    await Promise.race([answered, grace])
    clearTimeout(timer)
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.unref()
    socket.setEncoding("utf8")
    const lines = new LineReader()
    socket.on("data", (text: string) => {
      try {
        for (const line of lines.take(text)) this.#take(socket, line)
      } catch (error) {
        socket.end(lineOf(refusal(0, error)))
      }
    })
    // An asker that goes away needs no answer any more.
    socket.on("error", () => socket.destroy())
    socket.on("close", () => this.#sockets.delete(socket))
  }

  #take(socket: Socket, line: string): void {
    const pending = this.#answer(line).then((message) => {
      if (!socket.destroyed) socket.write(lineOf(message))
    })
    this.#pending.add(pending)
    void pending.finally(() => this.#pending.delete(pending))
  }

  /** Never rejects. */
  async #answer(line: string): Promise<AnswerLine> {
    let request: RequestLine | undefined
    try {
      request = readRequest(line)
      const result = await answer(this.#context, request.request, request.params)
      return { v: PROTOCOL_VERSION, id: request.id, ok: true, result }
    } catch (error) {
      return refusal(request?.id ?? 0, error)
    }
  }
}

function refusal(id: number, error: unknown): AnswerLine {
  return { v: PROTOCOL_VERSION, id, ok: false, error: toPlainError(error) }
}

function listen(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(socket, () => {
      server.off("error", reject)
      // A connection that cannot be accepted is its asker's trouble.
      server.on("error", () => undefined)
      resolve()
    })
  })
}

/** Resolves when the other side has taken everything. */
function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve())
    socket.end()
  })
}

/** The world outside of the command, as an argument: tests hand in their own. */
export interface Io {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** Calls `handler` on every SIGINT and SIGTERM until the returned function is called. */
  onSignal(handler: () => void): () => void
  /** Calls `handler` when nobody reads standard output any more (`millrace run job.ts | head`). */
  onStdoutClosed(handler: () => void): void
  /** Ends the process now. */
  exit(code: number): void
}

export interface Output {
  write(text: string): void
  readonly isTTY: boolean
  /** Undefined when the output is no terminal, or one that does not know its size. */
  readonly columns: number | undefined
  readonly rows: number | undefined
}

export function processIo(): Io {
  let closed = (): void => undefined
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error
    closed()
  })
  return {
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    env: process.env,
    onSignal(handler) {
      // A supervisor process hands on what it gets; the terminal and service managers signal both. What came by one way and
      // by the other is one signal.
      const counts = { own: 0, handedOn: 0, seen: 0 }
      const count = (way: "own" | "handedOn"): void => {
        counts[way] += 1
        if (counts[way] <= counts.seen) return
        counts.seen = counts[way]
        handler()
      }
      const own = (): void => count("own")
      const handedOn = (message: unknown): void => {
        if ((message as { readonly type?: unknown } | null)?.type === "signal") count("handedOn")
      }
      process.on("SIGINT", own)
      process.on("SIGTERM", own)
      process.on("message", handedOn)
      process.channel?.unref()
      return () => {
        process.off("SIGINT", own)
        process.off("SIGTERM", own)
        process.off("message", handedOn)
      }
    },
    onStdoutClosed(handler) {
      closed = handler
    },
    exit: (code) => process.exit(code),
  }
}

function output(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => void stream.write(text),
    get isTTY() {
      return stream.isTTY === true
    },
    get columns() {
      return stream.isTTY && stream.columns > 0 ? stream.columns : undefined
    },
    get rows() {
      return stream.isTTY && stream.rows > 0 ? stream.rows : undefined
    },
  }
}

import type { MessagePort } from "node:worker_threads"
import * as Comlink from "comlink"
import { EngineError } from "../errors/index.ts"

/** A peer's control interface, as seen from here. */
export interface Peer<T extends object> {
  /** Calls a method of the peer. Rejects with PEER_GONE when the peer dies before it has answered. */
  call<M extends keyof T>(
    method: M,
    ...args: T[M] extends (...args: infer A) => unknown ? A : never
  ): Promise<T[M] extends (...args: never[]) => infer R ? Awaited<R> : never>
  close(): void
}

/**
 * The one way to call another thread. A bare comlink call to a dead peer never settles; here every pending call is
 * rejected when the port closes, which follows a death within milliseconds.
 */
export function connectPeer<T extends object>(port: MessagePort, name: string): Peer<T> {
  const remote = Comlink.wrap<Record<string, (...args: unknown[]) => unknown>>(port as unknown as Comlink.Endpoint)
  const pending = new Set<(error: EngineError) => void>()
  let closed = false
  const gone = (): EngineError =>
    new EngineError("PEER_GONE", `Cannot reach ${name}: its thread has ended`, { retriable: false })
  port.once("close", () => {
    closed = true
    for (const reject of pending) reject(gone())
    pending.clear()
  })
  return {
    call(method, ...args) {
      if (closed) return Promise.reject(gone())
      return new Promise((resolve, reject) => {
        const settle = (finish: () => void): void => {
          pending.delete(reject)
          finish()
        }
        pending.add(reject)
        const answer = remote[method as string]!(...(args as unknown[])) as Promise<unknown>
        answer.then(
          (value) => settle(() => resolve(value as never)),
          (error: unknown) => settle(() => reject(error)),
        )
      })
    },
    close() {
      port.close()
    },
  }
}

/** Offers a control interface to the peer at the other end of `port`. */
export function serve(api: object, port: MessagePort): void {
  Comlink.expose(api, port as unknown as Comlink.Endpoint)
}

import type { RunOptions } from "../actors/index.ts"

/** For whom this process goes on. */
export type Resumed = NonNullable<RunOptions["resumed"]>

export type ToEngine = { readonly type: "signal" }
/** `failure`: the engine goes on by itself from a checkpoint. `stable`: a checkpoint is complete. */
export type FromEngine = { readonly type: "failure" | "stable" }

/** What an engine's process is told at its start. */
export interface Supervised {
  readonly command: string
  /** Undefined at the first start. */
  readonly resumed?: Resumed
}

/** The engine's side of its supervisor process. */
export interface Supervision extends Supervised {
  tell(message: FromEngine): void
}

/** Undefined when this process has no supervisor. Its death ends this one: nobody would restart it, or hand signals on. */
export function joinSupervisor(env: Readonly<Record<string, string | undefined>>): Supervision | undefined {
  // Set by the supervisor process for its engine: a `Supervised`.
  const text = env.MILLRACE_SUPERVISED
  if (text === undefined || process.send === undefined) return undefined
  process.once("disconnect", () => process.kill(process.pid, "SIGKILL"))
  process.channel?.unref()
  return {
    ...(JSON.parse(text) as Supervised),
    // One that is gone is noticed by the channel.
    tell: (message) => void process.send?.(message, () => undefined),
  }
}

import type { RunOptions } from "../actors/index.ts"

/** For whom this process goes on. */
export type Resumed = NonNullable<RunOptions["resumed"]>

export type ToEngine = { readonly type: "signal" }
/** `failure`: the engine goes on by itself from a checkpoint. `stable`: a checkpoint is complete. */
export type FromEngine = { readonly type: "failure" | "stable" }

/** The engine's side of its supervisor process. */
export interface Supervision {
  /** Undefined at the first start. */
  readonly resumed: Resumed | undefined
  tell(message: FromEngine): void
}

/** Undefined when this process has no supervisor. Its death ends this one: nobody would restart it, or hand signals on. */
export function joinSupervisor(env: Readonly<Record<string, string | undefined>>): Supervision | undefined {
  // Set by the supervisor process for its engine: a `Resumed`, or `{}` at the first start.
  const text = env.MILLRACE_SUPERVISED
  if (text === undefined || process.send === undefined) return undefined
  process.once("disconnect", () => process.kill(process.pid, "SIGKILL"))
  process.channel?.unref()
  const resumed = JSON.parse(text) as Partial<Resumed>
  return {
    resumed: resumed.cause === undefined ? undefined : (resumed as Resumed),
    // One that is gone is noticed by the channel.
    tell: (message) => void process.send?.(message, () => undefined),
  }
}

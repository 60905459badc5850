import { EngineError } from "./engine-error.ts"

/** Stops the job when the engine's own reasoning is broken. Stays on in production; `text` names both values. */
export function invariant(condition: boolean, text: string | (() => string)): asserts condition {
  if (condition) return
  throw new EngineError(
    "INVARIANT_BROKEN",
    `The engine found its own state inconsistent: ${typeof text === "string" ? text : text()}; please report this with the message and the pipeline`,
  )
}

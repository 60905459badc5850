/** Errors with a code, and the check that stays on. Leans on nothing. Read engine-error.ts first. */

export { closest } from "./closest.ts"
export {
  describe,
  EngineError,
  type EngineErrorOptions,
  fromPlainError,
  type PlainError,
  toPlainError,
} from "./engine-error.ts"
export { invariant } from "./invariant.ts"

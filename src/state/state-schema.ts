import { EngineError } from "../errors/index.ts"

/** The form of a declared state: what a later release of a pipeline must know to read what an earlier one saved. */
export interface StateSchema {
  readonly name: string
  /** Rises with every change of what is saved: an integer from 1 on. */
  readonly version: number
  /** The name it had before. */
  readonly previously: string | undefined
  /**
   * Makes plain data of this version out of what an earlier one saved (with a codec: what its `encode` returned, before
   * `decode`). Called once per entry, at the restore.
   */
  readonly migrate: ((saved: unknown, fromVersion: number) => unknown) | undefined
}

/** The version of a state that declares none. */
export const FIRST_VERSION = 1

/**
 * The schema of a declared state.
 *
 * @throws {EngineError} STATE_VERSION_INVALID for a version that is no integer from 1 on
 */
export function stateSchemaOf(
  name: string,
  declared: {
    readonly version?: number | undefined
    readonly previously?: string | undefined
    migrate?(saved: never, fromVersion: number): unknown
  },
): StateSchema {
  const { version = FIRST_VERSION, previously } = declared
  if (!Number.isSafeInteger(version) || version < FIRST_VERSION) {
    throw new EngineError(
      "STATE_VERSION_INVALID",
      `Cannot declare version ${version} of the state "${name}": versions are integers from ${FIRST_VERSION} on; raise it by one with each change of what is saved`,
      { details: { name } },
    )
  }
  const migrate =
    declared.migrate === undefined
      ? undefined
      : (saved: unknown, fromVersion: number) => declared.migrate!(saved as never, fromVersion)
  return { name, version, previously, migrate }
}

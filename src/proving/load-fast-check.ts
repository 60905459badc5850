import { EngineError } from "../errors/index.ts"

type FastCheck = typeof import("fast-check")

/** @throws {EngineError} PEER_MISSING when it is not installed */
export async function loadFastCheck(
  importModule: () => Promise<FastCheck> = () => import("fast-check"),
): Promise<FastCheck> {
  try {
    return await importModule()
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw thrown
    throw new EngineError(
      "PEER_MISSING",
      "Cannot draw schedules: the package fast-check is not installed; run `npm install --save-dev fast-check`",
      { cause: thrown, details: { peer: "fast-check" } },
    )
  }
}

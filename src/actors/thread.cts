/**
 * What a pool's threads load: `host`, by `import()` and not by the pool's `require`.
 *
 * A thread that is ended while it links ES modules for a `require` ends the whole process: `ModuleWrap::InstantiateSync` of
 * Node 20 then asks modules that were never linked whether they are asynchronous, and V8 answers by aborting. An attempt that
 * fails early ends threads that are still coming up.
 */
import type { HostMessage } from "./host.js" with { "resolution-mode": "import" }

const host = import("./host.js")
// Its failure is that of the first task.
host.catch(() => undefined)

module.exports = async (message: HostMessage) => (await host).default(message)

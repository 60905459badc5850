// Runs the default export of a module, a function, in a thread of its own: as cold as the engine's worker.
import { parentPort, workerData } from "node:worker_threads"
import { loadDefaultExport } from "../../dist/actors/load-pipeline.js"

const run = await loadDefaultExport(workerData.module)
await run(workerData.params)
parentPort.postMessage("done")

import { type MessagePort, Worker } from "node:worker_threads"

/** Calls the default export of a module with `params` in a fresh thread, as cold as a worker of the engine. */
export async function runInThread(
  module: string,
  params: unknown,
  transferList: readonly MessagePort[] = [],
): Promise<void> {
  const worker = new Worker(new URL("./thread.mjs", import.meta.url), {
    workerData: { module, params },
    transferList: [...transferList],
  })
  try {
    await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject))
  } finally {
    await worker.terminate()
  }
}

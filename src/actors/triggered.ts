import type { PartTarget } from "./control.ts"

/** What a worker has been told of the checkpoint under way. A barrier can be here before the call that announces it. */
export class Triggered {
  #newestId = 0
  #target: PartTarget | undefined
  #waiting: (() => void)[] = []

  announce(checkpointId: number, target: PartTarget | undefined): void {
    this.#newestId = checkpointId
    this.#target = target
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Where the parts of a checkpoint go, once it has been announced; undefined: to the others. */
  async targetOf(checkpointId: number): Promise<PartTarget | undefined> {
    while (this.#newestId < checkpointId) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
    // One that is over is cleaned away with the others.
    return this.#newestId === checkpointId ? this.#target : undefined
  }
}

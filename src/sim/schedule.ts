/**
 * In which order things happen in a simulation: data, so that it can be drawn, printed and shrunk. The default is fair: all
 * that can happen happens in turn, reading and writing as often as computing.
 */
export interface Schedule {
  /** 0: in turn. Else the seed of a random order: at every step any of what can happen may be next. */
  readonly order: number
  /** Records that actors take in a step at most, used one after the other, over and over. */
  readonly budgets: readonly number[]
  /** Departures from the order, in any order. */
  readonly preemptions: readonly Preemption[]
}

/** At one step something else happens than would have. */
export interface Preemption {
  /** Number of the step, from 0. */
  readonly at: number
  /** How many places further down the list of what can happen: 0 changes nothing but for the hold. */
  readonly pick: number
  /** For how many steps what would have happened must wait: a slow actor, a late message. */
  readonly hold: number
}

export const FAIR: Schedule = { order: 0, budgets: [1024], preemptions: [] }

/** What faults may be timed by. Each happens at one step of the simulation. */
export const MARKS = ["start", "trigger", "ack", "publish", "commit", "complete", "restart", "ask"] as const
/**
 * `start`: a process starts. `trigger`: a checkpoint is asked for. `ack`: a subtask acknowledges. `publish`: a manifest gets
 * its name. `commit`: a sink commits something. `complete`: workers are told. `restart`: an attempt after the first begins. `ask`: one
 * of the requests is made.
 */
export type Mark = (typeof MARKS)[number]

/** A moment: `steps` steps after the `nth` event of a kind, counted from 1 over the whole simulation. */
export interface Moment {
  readonly after: Mark
  readonly nth: number
  readonly steps: number
}

/** Something that goes wrong. A fault whose moment never comes does nothing. */
export type Fault =
  /** A worker's thread ends, with all it knows. What it sent before is still delivered. */
  | { readonly kind: "kill"; readonly at: Moment; readonly worker: number }
  /**
   * The process ends and is started again. Of the disk, what was synced stays, and of the rest what `keep` draws: 0 nothing,
   * else a seed. The new process may have another parallelism.
   */
  | {
      readonly kind: "crash"
      readonly at: Moment
      readonly keep: number
      readonly shape?: Shape
    }
  /** The `call`-th call that changes the disk fails, counted from 0. `done`: what of it happened all the same. */
  | { readonly kind: "disk"; readonly call: number; readonly code: string; readonly done?: "all" | number }

/** Something that whoever runs the job asks for, once. A request that finds the job unable to do it is refused, and that is all. */
export type Request =
  /** `elsewhere`: in a directory of its own, not among the job's checkpoints. */
  | { readonly kind: "savepoint"; readonly at: Moment; readonly elsewhere: boolean }
  /** The job is stopped with a savepoint, and started again from it by another command, perhaps with another parallelism. */
  | { readonly kind: "stop"; readonly at: Moment; readonly elsewhere: boolean; readonly shape?: Shape }
  /** One operator, counted round, goes on at another parallelism. */
  | { readonly kind: "rescale"; readonly at: Moment; readonly operator: number; readonly parallelism: number }
  /** The job is cancelled, and started again by another command. */
  | { readonly kind: "cancel"; readonly at: Moment; readonly shape?: Shape }

/** How many subtasks operators have that say nothing of it, and on how many worker threads. */
export interface Shape {
  readonly parallelism: number
  readonly workers: number
}

/** Draws from [0, 1), the same for the same seed. Source: mulberry32, Tommy Ettinger, public domain. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

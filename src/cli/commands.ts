/** What a command takes: from this table come the parsing, the checks and the help. */
export interface CommandSpec {
  readonly name: string
  readonly summary: string
  /** Paragraphs of the help. */
  readonly details: readonly string[]
  /** Positional arguments, in order. */
  readonly arguments: readonly ArgumentSpec[]
  readonly options: readonly OptionSpec[]
  /** Titled lists of the help, such as exit codes. */
  readonly tables: readonly { readonly title: string; readonly rows: readonly (readonly [string, string])[] }[]
  readonly examples: readonly { readonly line: string; readonly does: string }[]
}

export interface ArgumentSpec {
  readonly name: string
  readonly summary: string
  /** May be left out; then all that follow are as well. */
  readonly optional?: boolean
  /** The last one: may be given any number of times, at least once. */
  readonly repeated?: boolean
}

export interface OptionSpec {
  readonly name: string
  readonly short?: string
  readonly kind: OptionKind
  /** What stands for the value in the help: `n`, `1s`. */
  readonly value?: string
  readonly summary: string
  /** As shown in the help. */
  readonly default?: string
}

/** `assignment` is `name=value` and may be given more than once. */
export type OptionKind =
  | { readonly type: "flag" }
  | { readonly type: "integer"; readonly min: number; readonly max: number }
  | { readonly type: "duration"; readonly minMs: number }
  | { readonly type: "choice"; readonly choices: readonly string[] }
  | { readonly type: "assignment" }
  | { readonly type: "text" }

const FLAG: OptionKind = { type: "flag" }

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { name: "help", short: "h", kind: FLAG, summary: "Show this help." },
  { name: "version", short: "V", kind: FLAG, summary: "Show the version." },
  { name: "verbose", kind: FLAG, summary: "Show errors with every line of their stacks. So does MILLRACE_DEBUG=1." },
]

const FILE: ArgumentSpec = {
  name: "file",
  summary: "The module whose default export is the pipeline: .ts, .mts, .js or .mjs. TypeScript needs no build step.",
}

const JOB: ArgumentSpec = {
  name: "job",
  summary:
    "A job that runs now: its name, or its process id or run id where two have one name. `millrace status` lists them.",
}

const JOB_EXIT_CODES = {
  title: "Exit codes",
  rows: [
    ["0", "done"],
    ["1", "the job could not be reached, or could not do it"],
    ["2", "usage: an option, or no such job"],
  ],
} as const

const PARAM: OptionSpec = {
  name: "param",
  kind: { type: "assignment" },
  value: "name=value",
  summary: "Sets one of the pipeline's params; the text is turned into the type of its default. May be repeated.",
}

const PLAN_OPTIONS: readonly OptionSpec[] = [
  {
    name: "workers",
    short: "w",
    kind: { type: "integer", min: 0, max: 1024 },
    value: "n",
    summary: "Worker threads. 0 runs everything on the main thread, for a debugger.",
    default: "one per core",
  },
  {
    name: "parallelism",
    short: "p",
    kind: { type: "integer", min: 1, max: 32_768 },
    value: "n",
    summary: "Subtasks of every operator that does not set its own.",
    default: "the number of workers",
  },
  {
    name: "set",
    kind: { type: "assignment" },
    value: "operator.parallelism=n",
    summary:
      "Sets the parallelism of one operator, by its id; wins over the pipeline. May be repeated. `millrace plan` shows the ids.",
  },
  PARAM,
]

const RUN: CommandSpec = {
  name: "run",
  summary: "Run a pipeline until its input ends.",
  details: [
    "Runs the pipeline on worker threads until its input ends. What the pipeline prints goes to standard output and nothing else " +
      "does; progress, the summary and errors go to standard error.",
    "Ctrl-c (or SIGTERM) drains: sources stop, everything in flight is processed, windows fire, sinks commit. A second one cancels: " +
      "what is not committed is removed.",
  ],
  arguments: [FILE],
  options: [
    ...PLAN_OPTIONS,
    { name: "quiet", short: "q", kind: FLAG, summary: "No progress and no summary; errors still show." },
    {
      name: "metrics-every",
      kind: { type: "duration", minMs: 50 },
      value: "duration",
      summary: "Time between two readings of the progress, such as 500ms, 1s or 1m.",
      default: "500ms on a terminal, else 5s",
    },
    {
      name: "checkpoints",
      kind: { type: "text" },
      value: "directory",
      summary:
        "Saves the job's progress there, so that it survives failures: the same command goes on where a killed one was. Sinks commit " +
        "with every checkpoint.",
      default: "none: a failure ends the job, and output is committed at its end",
    },
    {
      name: "checkpoint-every",
      kind: { type: "duration", minMs: 1 },
      value: "duration",
      summary: "Time from one checkpoint to the next.",
      default: "10s",
    },
    {
      name: "full-checkpoints",
      kind: FLAG,
      summary: "Writes all of the state with every checkpoint, not only what changed since the one before.",
    },
    {
      name: "allow-dropped-state",
      kind: FLAG,
      summary: "Goes on from a checkpoint that has state of operators which the pipeline no longer has, without it.",
    },
    {
      name: "state",
      kind: { type: "text" },
      value: "heap|lmdb[:directory]",
      summary:
        "Where keyed state lives: heap, or lmdb for more than memory holds, in a scratch directory. The results are the same.",
      default: "heap",
    },
    {
      name: "delivery",
      kind: { type: "choice", choices: ["exactly-once", "at-least-once", "at-most-once"] },
      value: "guarantee",
      summary:
        "What is promised of each record's effect after a failure. At most once keeps no state over one, and output waits for nothing.",
      default: "exactly-once",
    },
    {
      name: "alignment",
      kind: { type: "text" },
      value: "aligned|unaligned|duration",
      summary:
        "What the barrier of a checkpoint does where records are queued: waits behind them (aligned), overtakes them, so that they " +
        "are saved too (unaligned), or overtakes them when the checkpoint is older than a duration, such as 1s.",
      default: "aligned",
    },
    {
      name: "from",
      kind: { type: "text" },
      value: "directory",
      summary:
        "Starts from a savepoint, or from the last checkpoint in a checkpoint directory. Goes on from newer checkpoints in --checkpoints " +
        "when those are of a run that began there, and refuses others.",
    },
    {
      name: "restarts",
      kind: { type: "integer", min: 0, max: 1_000_000 },
      value: "n",
      summary: "With checkpoints: how many failures in a row the job survives, with growing pauses between.",
      default: "20",
    },
    {
      name: "max-heap-mb",
      kind: { type: "integer", min: 16, max: 1_048_576 },
      value: "n",
      summary: "Heap limit of each worker thread, in MiB.",
      default: "Node's own",
    },
    {
      name: "young-generation-mb",
      kind: { type: "integer", min: 1, max: 1_048_576 },
      value: "n",
      summary:
        "The most that a worker's newest objects may take, in MiB: less means shorter and more frequent pauses for garbage.",
      default: "Node's own, 48",
    },
  ],
  tables: [
    {
      title: "Exit codes",
      rows: [
        ["0", "the input ended, or the job was drained after one ctrl-c"],
        ["1", "the job failed"],
        ["2", "usage or configuration: an option, the file, the plan"],
        ["130", "cancelled by a second ctrl-c"],
        ["141", "nobody reads standard output any more"],
      ],
    },
  ],
  examples: [
    { line: "millrace run job.ts", does: "on every core" },
    {
      line: "millrace run job.ts --workers 2 --set window-1.parallelism=4",
      does: "on two threads, one operator in four parts",
    },
    { line: "millrace run job.ts --param input=flights.parquet --quiet > out.txt", does: "with a param, for a script" },
    {
      line: "millrace run job.ts --checkpoints state --checkpoint-every 1s",
      does: "goes on after a crash: run the same command again",
    },
    { line: "millrace run job.ts --from backups/monday", does: "goes on from a savepoint" },
    { line: "millrace run job.ts --workers 0", does: "on the main thread: breakpoints work as everywhere" },
  ],
}

const PLAN: CommandSpec = {
  name: "plan",
  summary: "Show what would run where, without running it.",
  details: [
    "Shows which operators are chained into one actor, how many subtasks each has and on which workers they live, and how records " +
      "travel between them. Reads no input.",
  ],
  arguments: [FILE],
  options: [
    {
      name: "format",
      kind: { type: "choice", choices: ["text", "mermaid"] },
      value: "format",
      summary: "text, or mermaid: a flowchart for GitHub, GitLab and mermaid.live.",
      default: "text",
    },
    ...PLAN_OPTIONS,
  ],
  tables: [
    {
      title: "Exit codes",
      rows: [
        ["0", "the plan was shown"],
        ["2", "usage or configuration: an option, the file, the plan"],
      ],
    },
  ],
  examples: [
    { line: "millrace plan job.ts", does: "as text" },
    { line: "millrace plan job.ts --workers 4 --format mermaid > plan.mmd", does: "as a flowchart, for four workers" },
  ],
}

const STATUS: CommandSpec = {
  name: "status",
  summary: "Show the jobs that run now, or one of them.",
  details: [
    "Lists the jobs of this user that run on this machine: how fast they are, their last checkpoint, their restarts. With a job, its operators too.",
  ],
  arguments: [{ ...JOB, optional: true }],
  options: [
    {
      name: "format",
      kind: { type: "choice", choices: ["text", "json"] },
      value: "format",
      summary: "text, or json for programs.",
      default: "text",
    },
  ],
  tables: [JOB_EXIT_CODES],
  examples: [
    { line: "millrace status", does: "what runs" },
    { line: "millrace status airport-delays", does: "one job with its operators" },
  ],
}

const WHY: CommandSpec = {
  name: "why",
  summary: "Say why a running job emits nothing.",
  details: [
    "Follows what holds an operator up to its cause: the window or timer that waits, the watermark it waits for, the input and the " +
      "source split that keep that watermark back, and whether this one is idle, paused, behind, or waits for input. Costs the job " +
      "nothing while nobody asks.",
  ],
  arguments: [
    JOB,
    {
      name: "operator",
      summary:
        "The id of an operator. Left out: the first one that waits for something. `millrace plan` shows the ids.",
      optional: true,
    },
  ],
  options: [
    {
      name: "format",
      kind: { type: "choice", choices: ["text", "json"] },
      value: "format",
      summary: "text, or json for programs.",
      default: "text",
    },
  ],
  tables: [JOB_EXIT_CODES],
  examples: [
    { line: "millrace why airport-delays", does: "the first operator that waits" },
    { line: "millrace why airport-delays window-1", does: "one operator" },
  ],
}

const STOP: CommandSpec = {
  name: "stop",
  summary: "Drain a running job.",
  details: [
    "As one ctrl-c in the job's own terminal: sources stop, everything in flight is processed, windows fire, sinks commit. Waits until it has ended.",
  ],
  arguments: [JOB],
  options: [
    {
      name: "savepoint",
      kind: { type: "text" },
      value: "directory",
      summary:
        "Stops with a savepoint, in a directory that does not exist yet: no window fires before its time, and `millrace run --from` " +
        "goes on where the job was.",
    },
  ],
  tables: [JOB_EXIT_CODES],
  examples: [
    { line: "millrace stop airport-delays", does: "ends it in order" },
    { line: "millrace stop airport-delays --savepoint backups/monday", does: "ends it so that it can go on" },
  ],
}

const SAVEPOINT: CommandSpec = {
  name: "savepoint",
  summary: "Save the state of a running job in a directory of its own.",
  details: [
    "Takes a savepoint of the running job, which goes on. It stands alone: move it, copy it, start from it with `millrace run --from`, at any " +
      "parallelism. Nothing but you removes it.",
  ],
  arguments: [JOB],
  options: [
    {
      name: "to",
      kind: { type: "text" },
      value: "directory",
      summary: "A directory that does not exist yet: it becomes the savepoint.",
      default: "one among the job's checkpoints",
    },
    {
      name: "stop",
      kind: FLAG,
      summary:
        "Stops the job with it: sources stop, sinks commit what is in the savepoint, and no window fires before its time.",
    },
  ],
  tables: [JOB_EXIT_CODES],
  examples: [
    { line: "millrace savepoint airport-delays --to backups/monday", does: "a copy of what it knows" },
    { line: "millrace savepoint airport-delays --stop", does: "ends it; the same `millrace run` goes on" },
  ],
}

const RESCALE: CommandSpec = {
  name: "rescale",
  summary: "Give operators of a running job another parallelism.",
  details: [
    "Takes a checkpoint, and goes on from it within the same process, with other numbers of subtasks. Everything else stays as it is. The new " +
      "parallelism holds through restarts, also of the process when it is started by the same command.",
  ],
  arguments: [
    JOB,
    {
      name: "operator=n",
      summary: "An operator's id and its new parallelism. `millrace plan` shows the ids.",
      repeated: true,
    },
  ],
  options: [],
  tables: [JOB_EXIT_CODES],
  examples: [{ line: "millrace rescale airport-delays window-1=4 map-2=4", does: "two operators in four parts" }],
}

const CANCEL: CommandSpec = {
  name: "cancel",
  summary: "End a running job at once.",
  details: [
    "Nothing more is processed, and what is not committed is removed. With checkpoints, the same command run again goes on from the last one. Waits until it has ended.",
  ],
  arguments: [JOB],
  options: [],
  tables: [JOB_EXIT_CODES],
  examples: [{ line: "millrace cancel airport-delays", does: "ends it at once" }],
}

const PROVE: CommandSpec = {
  name: "prove",
  summary: "Look for what breaks a pipeline: an order of events, a crash, another parallelism.",
  details: [
    "Runs the pipeline hundreds of times in the simulator: the real engine on one thread, in virtual time, under schedules, crashes, failing " +
      "disks and parallelism that are drawn at random. Its output must always be that of a plain run of the same records. What is found is " +
      "shrunk to a few records and one order of events.",
    "Sources are read once, into memory. Sinks are replaced: nothing is written anywhere. The module may export `proof`, with options such as " +
      "records, invariants and sinks to be run as they are. Needs fast-check: npm install --save-dev fast-check.",
  ],
  arguments: [FILE],
  options: [
    {
      name: "runs",
      kind: { type: "integer", min: 1, max: 10_000_000 },
      value: "n",
      summary: "Schedules to try.",
      default: "500",
    },
    {
      name: "time",
      kind: { type: "duration", minMs: 1 },
      value: "duration",
      summary: "Ends the search after so long.",
      default: "1m",
    },
    {
      name: "sample",
      kind: { type: "integer", min: 1, max: 10_000_000 },
      value: "n",
      summary: "Records read of each source at most.",
      default: "1000",
    },
    {
      name: "delivery",
      kind: { type: "choice", choices: ["exactly-once", "at-least-once"] },
      value: "guarantee",
      summary:
        "What the job is run with. At least once: records may come more than once, but none may be lost or come out that a plain run does not give.",
      default: "exactly-once",
    },
    {
      name: "seed",
      kind: { type: "integer", min: 0, max: 2_147_483_647 },
      value: "n",
      summary: "Draws the same schedules again. With --path, runs the one that failed.",
      default: "another one each time",
    },
    {
      name: "path",
      kind: { type: "text" },
      value: "path",
      summary: "The failure to see again, as the report gives it.",
      default: "none: the search begins at its start",
    },
    PARAM,
  ],
  tables: [
    {
      title: "Exit codes",
      rows: [
        ["0", "nothing was found"],
        ["1", "the pipeline was refuted: standard output says how"],
        ["2", "usage or configuration: an option, the file, the plan"],
      ],
    },
  ],
  examples: [
    { line: "millrace prove job.ts", does: "for at most a minute" },
    { line: "millrace prove job.ts --runs 100000 --time 1h", does: "before a release" },
    { line: "millrace prove job.ts --seed 7 --path 12:0:3", does: "what the report showed, once more" },
  ],
}

const INSPECT: CommandSpec = {
  name: "inspect",
  summary: "Show what is in a checkpoint directory or a savepoint, and what is damaged.",
  details: [
    "Needs no pipeline and changes nothing. Reads every byte: what is damaged is named. Of the newest sound checkpoint it shows the operators with " +
      "their state, where the sources stand, what sinks prepared, and records in flight.",
  ],
  arguments: [{ name: "directory", summary: "A checkpoint directory, a job's folder in one, or a savepoint." }],
  options: [
    {
      name: "format",
      kind: { type: "choice", choices: ["text", "json"] },
      value: "format",
      summary: "text, or json for programs.",
      default: "text",
    },
    {
      name: "checkpoint",
      kind: { type: "integer", min: 0, max: Number.MAX_SAFE_INTEGER },
      value: "id",
      summary: "Which one to show as a whole.",
      default: "the newest sound one",
    },
    { name: "operator", kind: { type: "text" }, value: "id", summary: "Shows this operator alone." },
    {
      name: "samples",
      kind: { type: "integer", min: 0, max: 1_000_000 },
      value: "n",
      summary: "Shows so many keys and values of each table.",
      default: "0",
    },
    { name: "key", kind: { type: "text" }, value: "key", summary: "Shows what is known of this key: a text, or JSON." },
  ],
  tables: [
    {
      title: "Exit codes",
      rows: [
        ["0", "all of it is sound"],
        ["1", "something is damaged"],
        ["2", "usage: an option, or nothing of ours is there"],
      ],
    },
  ],
  examples: [
    { line: "millrace inspect state", does: "all jobs of a checkpoint directory" },
    { line: "millrace inspect backups/monday --operator window-1 --samples 5", does: "some of what an operator knows" },
    { line: "millrace inspect state --key ATL --format json", does: "one key, for a program" },
  ],
}

export const COMMANDS: readonly CommandSpec[] = [
  RUN,
  PLAN,
  PROVE,
  STATUS,
  WHY,
  SAVEPOINT,
  STOP,
  CANCEL,
  RESCALE,
  INSPECT,
]

/**
 * The millrace command. Promises: stdout carries only what a pipeline prints (and asked-for help and plans), everything else
 * goes to stderr; an exit code that says how it ended; start-up that imports the engine only for a command that needs it.
 * Leans on actors/ for running; what is shown is made by pure functions in files of their own. Read main.ts, then commands.ts.
 */
export type { Io } from "./io.ts"
export { main } from "./main.ts"

import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const COMMAND = fileURLToPath(new URL("../../bin/millrace.js", import.meta.url))
const EXAMPLES = fileURLToPath(new URL("../../examples/proving/", import.meta.url))
const FOUND_WITHIN_MS = 60_000
const MOST_RECORDS = 10

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function prove(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, "prove", ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

test.each([
  ["counter.ts", 'the functions of "number" do not depend on their input alone'],
  ["rebalance.ts", '"changes" receives something else than in a plain run'],
  ["sink.ts", '"ledger" receives something else than in a plain run of the same records: beyond that'],
])(
  "millrace prove finds what is wrong in examples/proving/%s, in few records",
  {
    timeout: 2 * FOUND_WITHIN_MS,
  },
  async (file, message) => {
    const startedMs = performance.now()
    const { code, stdout } = await prove(EXAMPLES + file)
    expect(code).toBe(1)
    expect(stdout).toContain(message)
    expect(performance.now() - startedMs).toBeLessThan(FOUND_WITHIN_MS)
    expect(stdout.split("\n").filter((line) => /^ {4}source-1: /.test(line)).length).toBeLessThanOrEqual(MOST_RECORDS)
    const again = /again: millrace prove .* --seed (\d+) --path ([\d:]+)/.exec(stdout)
    if (file === "counter.ts") return
    const replayed = await prove(EXAMPLES + file, "--seed", again![1]!, "--path", again![2]!)
    expect(replayed.code).toBe(1)
    expect(replayed.stdout).toContain("after 1 schedules")
    const withoutCounts = (text: string): string => text.replace(/\n {2}again[\s\S]*/, "")
    expect(withoutCounts(replayed.stdout)).toBe(withoutCounts(stdout))
  },
)

test("millrace prove says what it tried when it finds nothing, and exits with 0", async () => {
  const { code, stdout, stderr } = await prove(
    fileURLToPath(new URL("../fixtures/shuffled-delays.ts", import.meta.url)),
    "--help",
  )
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toContain("--runs <n>")
})

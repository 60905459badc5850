/** A program that runs a job may have been started with any flags of Node and V8. */
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { afterEach, beforeEach, expect, test } from "vitest"
import { run } from "../../dist/index.js"

const ENGINE = new URL("../../dist/index.js", import.meta.url).href

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "mr-"))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const PIPELINE = `
import { pipeline } from ${JSON.stringify(ENGINE)}
export default pipeline("one", ({ source }) => void source([1]).map((n) => n + 1).print())
`

test.each([["--max-old-space-size=256"], ["--expose-gc"], ["--input-type=module"]])(
  "run() under node %s",
  async (flag) => {
    const job = join(dir, "job.mjs")
    writeFileSync(job, PIPELINE)
    const program = `
    const { run } = await import(${JSON.stringify(ENGINE)})
    await (await run(${JSON.stringify(pathToFileURL(job).href)}, { workers: 1 })).done`
    const main = join(dir, "main.mjs")
    writeFileSync(main, program)
    const started = flag.startsWith("--input-type") ? ["-e", program] : [main]
    const { stdout } = await promisify(execFile)(process.execPath, [flag, ...started])
    expect(stdout.trim()).toBe("2")
  },
)

test("run() gives its threads the young generation that it was told, and says how long their longest step was", async () => {
  const job = join(dir, "job.mjs")
  writeFileSync(
    job,
    `
import { resourceLimits } from "node:worker_threads"
import { pipeline } from ${JSON.stringify(ENGINE)}
const BUSY_MS = 30
export default pipeline("two", ({ source }) => void source([1]).map(() => {
  for (const untilMs = performance.now() + BUSY_MS; performance.now() < untilMs; );
  return resourceLimits.maxYoungGenerationSizeMb
}).print())`,
  )
  const lines: string[] = []
  const options = { workers: 1, print: (line: string) => void lines.push(line) }
  const { metrics } = await (await run(job, { ...options, youngGenerationMb: 12 })).done
  expect(lines).toEqual(["12"])
  expect(Math.max(...metrics.vertices.map(({ longestStepMs }) => longestStepMs))).toBeGreaterThanOrEqual(30)
  await expect(run(job, { ...options, youngGenerationMb: 0 })).rejects.toMatchObject({ code: "OPTION_INVALID" })
})

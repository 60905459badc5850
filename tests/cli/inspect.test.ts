/** What is saved, as the command shows it: sound, and damaged. */
import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { run, type Savepoint } from "../../dist/index.js"

const COMMAND = fileURLToPath(new URL("../../bin/millrace.js", import.meta.url))
const MODULE = fileURLToPath(new URL("../fixtures/recovering.ts", import.meta.url))

let dir: string
let savepoint: Savepoint
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "millrace-inspect-"))
  const job = await run(MODULE, {
    workers: 2,
    params: { marker: join(dir, "marker"), out: join(dir, "out"), count: 100_000 },
    checkpoint: { directory: join(dir, "state"), every: 100 },
  })
  while (job.readCheckpoints().completed < 2) await new Promise((resolve) => setTimeout(resolve, 20))
  savepoint = await job.savepoint({ directory: join(dir, "saved") })
  await job.cancel().catch(() => undefined)
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function inspect(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, "inspect", ...args], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

test("shows a savepoint with its operators, tables, splits and samples", async () => {
  const { code, stdout } = await inspect(join(dir, "saved"), "--samples", "2")
  expect(code).toBe(0)
  expect(stdout).toContain(`savepoint ${savepoint.checkpointId} of job recovering`)
  expect(stdout).toMatch(/window-1 x2 {2}window {2}watermark 1970/)
  expect(stdout).toMatch(/entries.*key groups/)
  expect(stdout).toMatch(/splits of source-1/)
  expect(stdout.match(/ @ \d+ /g)!.length).toBeGreaterThan(0)
})

test("answers one key of one operator as JSON, which is right", async () => {
  const { code, stdout } = await inspect(join(dir, "saved"), "--operator", "window-1", "--key", "3", "--format", "json")
  expect(code).toBe(0)
  const [report] = JSON.parse(stdout)
  expect(report.shown.operators.map((each: { operatorId: string }) => each.operatorId)).toEqual(["window-1"])
  const samples = report.shown.operators[0].tables.flatMap((table: { samples: { key: unknown }[] }) => table.samples)
  expect(samples.length).toBeGreaterThan(0)
  expect(samples.every(({ key }: { key: unknown }) => key === 3)).toBe(true)
})

test("lists a checkpoint directory, and names what is damaged and how", async () => {
  expect(await inspect(join(dir, "state"))).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/checkpoint \d+ .* sound/),
  })
  const parts = join(dir, "saved", "parts")
  const part = readdirSync(parts)[0]!
  const bytes = readFileSync(join(parts, part))
  bytes[bytes.length - 60]! ^= 1
  writeFileSync(join(parts, part), bytes)
  const { code, stdout } = await inspect(join(dir, "saved"))
  expect(code).toBe(1)
  expect(stdout).toMatch(/CHECKPOINT_PART_DAMAGED.*byte/)
  expect(stdout).toContain(part)
})

test("says what it found where there is nothing", async () => {
  expect(await inspect(join(dir, "out"))).toMatchObject({ code: 2, stderr: expect.stringContaining("INSPECT_NOTHING") })
  expect(await inspect(join(dir, "nowhere"))).toMatchObject({ code: 2 })
})

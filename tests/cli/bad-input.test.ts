import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"

const COMMAND = fileURLToPath(new URL("../../bin/millrace.js", import.meta.url))
const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url))

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "millrace-cli-"))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function millrace(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], { cwd: dir }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

/** Four good lines, and a malformed one in the third place. */
function writeInput(): string {
  const path = join(dir, "input.ndjson")
  writeFileSync(path, '{"n":1}\n{"n":2}\n{"n":\n{"n":4}\n{"n":5}\n')
  return path
}

function readNdjson(policy: string, out: string): Promise<Outcome> {
  const params = { input: writeInput(), out: join(dir, out), policy, deadLetter: join(dir, "bad.ndjson") }
  const args = Object.entries(params).flatMap(([name, value]) => ["--param", `${name}=${value}`])
  return millrace("run", join(FIXTURES, "read-ndjson.ts"), ...args)
}

function parts(out: string): string[] {
  return readdirSync(join(dir, out))
    .flatMap((file) => readFileSync(join(dir, out, file), "utf8").split("\n"))
    .filter((line) => line !== "")
    .sort()
}

const GOOD = ['{"n":1,"twice":2}', '{"n":2,"twice":4}', '{"n":4,"twice":8}', '{"n":5,"twice":10}']

test("a malformed line fails the job by default, naming file, line and remedy, and leaves no output", async () => {
  const { code, stderr } = await readNdjson("fail", "out-fail")
  expect(code).toBe(1)
  expect(stderr).toContain("RECORD_MALFORMED")
  expect(stderr).toMatch(/input\.ndjson:3/)
  expect(stderr).toContain("deadLetter")
  expect(readdirSync(join(dir, "out-fail"))).toEqual([])
})

test("policy skip passes a malformed line over and counts it", async () => {
  const { code, stderr } = await readNdjson("skip", "out-skip")
  expect(code).toBe(0)
  expect(parts("out-skip")).toEqual(GOOD)
  expect(stderr).toMatch(/source-1.* 1\n/)
})

test("policy dead-letter writes a malformed line to a file with position and reason", async () => {
  const { code } = await readNdjson("dead-letter", "out-dead")
  expect(code).toBe(0)
  expect(parts("out-dead")).toEqual(GOOD)
  const letters = readdirSync(dir)
    .filter((file) => /^bad-\d+\.ndjson$/.test(file))
    .flatMap((file) => readFileSync(join(dir, file), "utf8").trim().split("\n"))
  expect(letters).toHaveLength(1)
  expect(JSON.parse(letters[0]!)).toMatchObject({
    position: expect.stringMatching(/input\.ndjson:3$/),
    reason: expect.stringMatching(/JSON/),
    raw: '{"n":',
  })
})

test("a missing input file ends with exit code 2 or 1, its path and a remedy", async () => {
  const args = ["--param", `input=${join(dir, "inputs.ndjson")}`, "--param", `out=${join(dir, "out-missing")}`]
  writeInput()
  const { code, stderr } = await millrace("run", join(FIXTURES, "read-ndjson.ts"), ...args)
  expect(code).toBe(1)
  expect(stderr).toContain("SOURCE_FILE_MISSING")
  expect(stderr).toContain("inputs.ndjson")
  expect(stderr).toContain("input.ndjson")
  // With checkpoints too: no restart would find it.
  const checkpoints = ["--checkpoints", join(dir, "checkpoints-missing")]
  const again = await millrace("run", join(FIXTURES, "read-ndjson.ts"), ...args, ...checkpoints)
  expect(again.code).toBe(1)
  expect(again.stderr).toContain("SOURCE_FILE_MISSING")
  expect(again.stderr).not.toContain("restart")
})

test("an unknown option, command and param ask: did you mean", async () => {
  expect(await millrace("run", "job.ts", "--paralelism", "2")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("did you mean --parallelism?"),
  })
  expect(await millrace("rum", "job.ts")).toMatchObject({ code: 2, stderr: expect.stringContaining("did you mean") })
  const param = await millrace("run", join(FIXTURES, "read-ndjson.ts"), "--param", "inptu=x")
  expect(param).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean "input"?') })
})

test("a pipeline file without a default export says what to write", async () => {
  const { code, stderr } = await millrace("run", join(FIXTURES, "bad/no-default.ts"))
  expect(code).toBe(2)
  expect(stderr).toContain("PIPELINE_NO_DEFAULT_EXPORT")
  expect(stderr).toContain("export default job")
})

test("a user function that throws is named by operator, and its line in the .ts file is shown", async () => {
  const { code, stderr } = await millrace("run", join(FIXTURES, "bad/throws.ts"))
  expect(code).toBe(1)
  expect(stderr).toContain('Operator "upper"')
  expect(stderr).toContain("throws.ts:10:")
})

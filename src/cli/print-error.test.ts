import { describe, expect, it } from "vitest"
import { EngineError } from "../errors/index.ts"
import { FakeIo } from "./_fixtures.ts"
import { plain } from "./_terminal.ts"
import { errorText, printError } from "./print-error.ts"

const style = { paint: plain, verbose: false, engineRoot: "/app/node_modules/millrace", cwd: "/app" }

const STACK = `TypeError: three is too many
    at toRecord (file:///app/jobs/delays.ts:6:11)
    at async load (/app/jobs/helper.ts:2:3)
    at Array.map (<anonymous>)
    at Chain.push (file:///app/node_modules/millrace/dist/actors/chain.js:41:20)
    at Subtask.step (/app/node_modules/millrace/src/actors/subtask.ts:90:5)
    at run (/app/node_modules/piscina/dist/worker.js:10:5)
    at parse (/app/node_modules/csv-parse/lib/index.js:1:2)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
    at /app/jobs/space%20in%20name.ts:1:1
    at file:///app/jobs/space%20in%20name.ts?v=2:8:1`

function userError(): TypeError {
  const error = new TypeError("three is too many")
  error.stack = STACK
  return error
}

function failure(): EngineError {
  const message = 'Operator "map-1" failed on record 3: three is too many; handle it in the function'
  const error = new EngineError("OPERATOR_FAILED", message, { cause: userError(), details: { operator: "map-1" } })
  error.stack = `EngineError: ${message}\n    at fail (file:///app/node_modules/millrace/dist/actors/chain.js:1:1)`
  return error
}

describe("errorText()", () => {
  it("shows code, message and the user's own frames, relative to the working directory", () => {
    expect(errorText(failure(), style)).toBe(`error OPERATOR_FAILED
Operator "map-1" failed on record 3: three is too many; handle it in the function

caused by TypeError
    at toRecord (jobs/delays.ts:6:11)
    at async load (jobs/helper.ts:2:3)
    at parse (node_modules/csv-parse/lib/index.js:1:2)
    at jobs/space%20in%20name.ts:1:1
    at jobs/space in name.ts:8:1
`)
  })

  it("shows every frame and the details when verbose", () => {
    const text = errorText(failure(), { ...style, verbose: true })
    expect(text).toContain("at Subtask.step (/app/node_modules/millrace/src/actors/subtask.ts:90:5)")
    expect(text).toContain("node:internal/process/task_queues:95:5")
    expect(text).toContain('details {"operator":"map-1"}')
  })

  it("says the message of a cause that is not quoted above, for every cause", () => {
    const disk = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" })
    disk.stack = ""
    const commit = new Error("the file could not be closed", { cause: disk })
    commit.stack = ""
    const text = errorText(new EngineError("SINK_FAILED", "Cannot commit", { cause: commit }), style)
    expect(text).toContain(
      "\n\ncaused by Error: the file could not be closed\n\ncaused by Error ENOSPC: ENOSPC: no space left on device\n",
    )
  })

  it("shows an error without a code by its name, and where to find more", () => {
    expect(errorText(userError(), style)).toMatch(/^error TypeError\nthree is too many\n {4}at toRecord/)
    expect(errorText(userError(), style)).toMatch(/--verbose shows the whole stack\n$/)
  })

  it("shows thrown values that are no errors", () => {
    expect(errorText("boom", style)).toContain('A value that is no Error was thrown: "boom"')
    expect(errorText(undefined, style)).toContain("undefined")
  })
})

it("printError() writes to stderr, coloured on a terminal only", () => {
  const plainIo = new FakeIo()
  printError(plainIo, failure(), false)
  expect(plainIo.stderr.text).toMatch(/^error OPERATOR_FAILED\n/)
  expect(plainIo.stdout.text).toBe("")
  const terminal = new FakeIo({ isTTY: true })
  printError(terminal, failure(), false)
  expect(terminal.stderr.text.startsWith("\u001b[31merror OPERATOR_FAILED\u001b[39m\n")).toBe(true)
})

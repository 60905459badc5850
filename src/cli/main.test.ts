import { describe, expect, it } from "vitest"
import { FakeIo } from "./_fixtures.ts"
import { main } from "./main.ts"

async function call(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = new FakeIo()
  const code = await main(args, io)
  return { code, out: io.stdout.text, err: io.stderr.text }
}

describe("main()", () => {
  it("shows help and the version on stdout", async () => {
    expect(await call()).toMatchObject({
      code: 0,
      err: "",
      out: expect.stringContaining("millrace <command> [options]"),
    })
    expect(await call("help", "plan")).toMatchObject({
      code: 0,
      out: expect.stringContaining("millrace plan <file> [options]"),
    })
    expect(await call("run", "--help")).toMatchObject({ code: 0, out: expect.stringContaining("Exit codes") })
    expect((await call("--version")).out).toMatch(/^\d+\.\d+\.\d+\S*\n$/)
  })

  it("exits with 2 and a remedy on stderr for a mistake on the command line", async () => {
    const { code, out, err } = await call("rnu", "job.ts")
    expect({ code, out }).toEqual({ code: 2, out: "" })
    expect(err).toContain(
      'error CLI_COMMAND_UNKNOWN\nCannot read the command line: there is no command "rnu"; did you mean `millrace run`?\n',
    )
  })

  it("shows the whole stack with --verbose or MILLRACE_DEBUG", async () => {
    expect((await call("rnu", "--verbose")).err).toContain("parse-command-line.ts")
    const io = new FakeIo({ env: { MILLRACE_DEBUG: "1" } })
    await main(["rnu"], io)
    expect(io.stderr.text).toContain("parse-command-line.ts")
  })
})

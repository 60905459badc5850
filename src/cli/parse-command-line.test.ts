import { describe, expect, it } from "vitest"
import { COMMANDS } from "./commands.ts"
import { parseCommandLine } from "./parse-command-line.ts"

describe("parseCommandLine()", () => {
  it("reads a command, its file and its options, in any order", () => {
    const expected = {
      kind: "command",
      args: ["job.ts"],
      values: { workers: 2, quiet: true, "metrics-every": 1_000 },
    }
    expect(parseCommandLine(["run", "job.ts", "--workers", "2", "--quiet", "--metrics-every", "1s"])).toMatchObject(
      expected,
    )
    expect(parseCommandLine(["run", "-q", "--metrics-every=1000", "-w", "2", "job.ts"])).toMatchObject(expected)
    expect(parseCommandLine(["--quiet", "--metrics-every=1s", "run", "--workers=2", "job.ts"])).toMatchObject(expected)
  })

  it("gathers repeated assignments, with everything after the first equals sign as the value", () => {
    const line = parseCommandLine([
      "run",
      "job.ts",
      "--param",
      "filter=a=b",
      "--param",
      "empty=",
      "--set=window-1.parallelism=4",
    ])
    expect(line).toMatchObject({
      values: {
        param: [
          ["filter", "a=b"],
          ["empty", ""],
        ],
        set: [["window-1.parallelism", "4"]],
      },
    })
  })

  it("takes what follows -- as the file", () => {
    expect(parseCommandLine(["run", "--", "--odd.ts"])).toMatchObject({ args: ["--odd.ts"] })
  })

  it.each([
    [[], { kind: "help", command: undefined }],
    [["--help"], { kind: "help", command: undefined }],
    [["help"], { kind: "help", command: undefined }],
    [["help", "run"], { kind: "help", command: COMMANDS[0] }],
    [["run", "--help"], { kind: "help", command: COMMANDS[0] }],
    [["plan", "job.ts", "-h"], { kind: "help", command: COMMANDS[1] }],
    [["--version"], { kind: "version" }],
    [["-V"], { kind: "version" }],
  ])("reads %j", (args, expected) => {
    expect(parseCommandLine(args)).toEqual(expected)
  })

  it.each([
    [["rnu", "job.ts"], "CLI_COMMAND_UNKNOWN", "did you mean `millrace run`?"],
    [["help", "paln"], "CLI_COMMAND_UNKNOWN", "did you mean `millrace plan`?"],
    [["job.ts"], "CLI_COMMAND_UNKNOWN", "did you mean `millrace run job.ts`?"],
    [["deploy-everything"], "CLI_COMMAND_UNKNOWN", "`millrace --help` lists them"],
    [["run", "job.ts", "--worker", "2"], "CLI_OPTION_UNKNOWN", "did you mean --workers?"],
    [["run", "job.ts", "--metrics_every=1s"], "CLI_OPTION_UNKNOWN", "did you mean --metrics-every?"],
    [["run", "job.ts", "-x"], "CLI_OPTION_UNKNOWN", "`run` has no option -x"],
    [["plan", "job.ts", "--quiet"], "CLI_OPTION_UNKNOWN", "`plan` has no option --quiet"],
    [["--verison"], "CLI_OPTION_UNKNOWN", "did you mean --version?"],
    [["run"], "CLI_ARGUMENT_MISSING", "write `millrace run job.ts`"],
    [["run", "a.ts", "b.ts"], "CLI_ARGUMENT_EXTRA", '"b.ts" is one more'],
    [["run", "a.ts", "--workers"], "CLI_OPTION_INVALID", "--workers has no value; write --workers n"],
    [["run", "a.ts", "--workers", "--quiet"], "CLI_OPTION_INVALID", "--workers has no value"],
    [["run", "a.ts", "--workers="], "CLI_OPTION_INVALID", "--workers has no value"],
    [["run", "a.ts", "--workers", "-1"], "CLI_OPTION_INVALID", '"-1"; give a whole number from 0 to 1024'],
    [["run", "a.ts", "--workers=NaN"], "CLI_OPTION_INVALID", "give a whole number from 0 to 1024"],
    [["run", "a.ts", "--workers=1.5"], "CLI_OPTION_INVALID", "give a whole number from 0 to 1024"],
    [["run", "a.ts", "--workers=0x2"], "CLI_OPTION_INVALID", "give a whole number from 0 to 1024"],
    [["run", "a.ts", "--workers=9999"], "CLI_OPTION_INVALID", "give a whole number from 0 to 1024"],
    [["run", "a.ts", "--parallelism", "0"], "CLI_OPTION_INVALID", "give a whole number from 1 to 32768"],
    [["run", "a.ts", "--max-heap-mb", "1"], "CLI_OPTION_INVALID", "from 16 to"],
    [["run", "a.ts", "--metrics-every", "soon"], "CLI_OPTION_INVALID", "such as 500ms or 1s"],
    [["run", "a.ts", "--metrics-every=-1s"], "CLI_OPTION_INVALID", "such as 500ms or 1s"],
    [["run", "a.ts", "--metrics-every", "1ms"], "CLI_OPTION_INVALID", "give at least 50ms"],
    [["run", "a.ts", "--quiet=yes"], "CLI_OPTION_INVALID", "it takes no value"],
    [["run", "a.ts", "--param", "input"], "CLI_OPTION_INVALID", "write --param name=value"],
    [["plan", "a.ts", "--format", "mermiad"], "CLI_OPTION_INVALID", "did you mean mermaid? give one of text, mermaid"],
    [["plan", "a.ts", "--format", "svg!"], "CLI_OPTION_INVALID", "give one of text, mermaid"],
  ])("refuses %j with %s", (args, code, remedy) => {
    expect(() => parseCommandLine(args)).toThrowError(
      expect.objectContaining({ code, message: expect.stringContaining(remedy) }),
    )
  })
})

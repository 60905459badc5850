// The crash loop at its full size: more than a hundred SIGKILLs in every mode, some modes at a time. Takes about ten minutes on 2 cores.
//
//   node tests/checks/crash-loop-large.mjs [--runs 13] [--kills 8] [--at-a-time 3]
import { spawn } from "node:child_process"
import { join } from "node:path"
import { parseArgs } from "node:util"

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "13" },
    kills: { type: "string", default: "8" },
    "at-a-time": { type: "string", default: "3" },
  },
})
const MODES = [
  ["--alignment", "aligned"],
  ["--alignment", "unaligned"],
  ["--alignment", "20ms"],
  ["--delivery", "at-least-once"],
  ["--delivery", "at-most-once"],
]

/** The last line and whether all was as promised; what differed is printed whole. */
function loop(mode) {
  return new Promise((resolve, reject) => {
    const args = [
      join(import.meta.dirname, "crash-loop.mjs"),
      ...mode,
      "--runs",
      options.runs,
      "--kills",
      options.kills,
    ]
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
    let output = ""
    child.stdout.on("data", (chunk) => {
      output += chunk
    })
    child.on("error", reject)
    child.on("close", (code) => {
      const lines = output.trim().split("\n")
      console.log(`${mode.join(" ")}: ${lines.at(-1)}`)
      if (code !== 0) console.log(output)
      resolve(code === 0)
    })
  })
}

const waiting = [...MODES]
let failed = 0
await Promise.all(
  Array.from({ length: Number(options["at-a-time"]) }, async () => {
    for (let mode = waiting.shift(); mode !== undefined; mode = waiting.shift()) if (!(await loop(mode))) failed += 1
  }),
)
console.log(`crash loop, large: ${MODES.length - failed} modes as promised, ${failed} not`)
process.exit(failed === 0 ? 0 : 1)

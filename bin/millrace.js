#!/usr/bin/env node
import module from "node:module"

// Node 22.8 and newer keep compiled code between runs; worker threads use it too.
module.enableCompileCache?.()
const { main } = await import("../dist/cli/main.js")
const code = await main(process.argv.slice(2))
// After what was written has left; a timer of the user's module must not keep the process.
process.stdout.write("", () => process.stderr.write("", () => process.exit(code)))

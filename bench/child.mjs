// Measures one run in this process, which does nothing else: `child.mjs <module> <options>` hands the options, as JSON, to the
// module's default export, and writes down what it answers, as JSON.
import { resolve } from "node:path"
import { loadDefaultExport } from "../dist/actors/load-pipeline.js"

const [module, options] = process.argv.slice(2)
const measure = await loadDefaultExport(resolve(module))
process.stdout.write(JSON.stringify(await measure(JSON.parse(options))))

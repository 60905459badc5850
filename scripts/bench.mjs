// Runs benches: `npm run bench [name ...] [-- --smoke]`. Each file in bench/ answers one question and checks its own result.
import { readdirSync } from "node:fs"
import { availableParallelism, cpus } from "node:os"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { loadDefaultExport } from "../dist/actors/load-pipeline.js"

const benchDir = join(dirname(fileURLToPath(import.meta.url)), "..", "bench")
const smoke = process.argv.includes("--smoke")
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith("--"))
const known = readdirSync(benchDir)
  .filter((file) => file.endsWith(".bench.ts"))
  .map((file) => basename(file, ".bench.ts"))
const unknown = asked.filter((name) => !known.includes(name))
if (unknown.length > 0) {
  console.error(`no bench named ${unknown.join(", ")}; there are ${known.join(", ")}`)
  process.exit(2)
}

console.log(
  `node ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model ?? "unknown CPU"}, ${smoke ? "smoke" : "real"} size`,
)
let failed = 0
for (const name of asked.length > 0 ? asked : known) {
  console.log(`\n== ${name}`)
  try {
    const bench = await loadDefaultExport(join(benchDir, `${name}.bench.ts`))
    await bench({ smoke, report: (line) => console.log(line) })
  } catch (error) {
    failed += 1
    console.error(`${name} FAILED: ${error.stack}`)
  }
}
process.exit(failed === 0 ? 0 : 1)

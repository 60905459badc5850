// Packs the package, installs the tarball in an empty folder, and there runs a pipeline and compiles against its types.
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const dir = mkdtempSync(join(tmpdir(), "millrace-package-"))
const sh = (command, args, cwd = dir) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })

try {
  const tarball = sh("npm", ["pack", "--silent", "--pack-destination", dir], root).trim().split("\n").at(-1)
  writeFileSync(join(dir, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }))
  sh("npm", ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", join(dir, tarball)])
  writeFileSync(
    join(dir, "clicks.ndjson"),
    '{"page":"a","at":0}\n{"page":"b","at":10}\n{"page":"a","at":61000}\n{"page":"a","at":62000}\n',
  )
  writeFileSync(
    join(dir, "clicks.ts"),
    `import { count, pipeline, tumbling } from "millrace"
import { ndjson } from "millrace/files"

interface Click { page: string; at: number }

export default pipeline("clicks", ({ source }) => {
  source(ndjson<Click>("clicks.ndjson"), { time: (click) => click.at })
    .keyBy((click) => click.page)
    .window(tumbling("1m"))
    .aggregate({ clicks: count() })
    .map(({ key, window, clicks }) => ({ page: key, start: window.start, clicks }))
    .to(ndjson("out"))
})
`,
  )
  sh("npx", ["--no-install", "millrace", "run", "clicks.ts", "--quiet"])
  const rows = readdirSync(join(dir, "out"))
    .filter((file) => file.startsWith("part-"))
    .flatMap((file) =>
      readFileSync(join(dir, "out", file), "utf8")
        .trim()
        .split("\n"),
    )
    .filter((line) => line !== "")
    .sort()
  const expected = [
    '{"page":"a","start":0,"clicks":1}',
    '{"page":"a","start":60000,"clicks":2}',
    '{"page":"b","start":0,"clicks":1}',
  ]
  if (JSON.stringify(rows) !== JSON.stringify(expected))
    throw new Error(`the installed package wrote ${rows.join(" ")}`)

  const compilerOptions = {
    module: "nodenext",
    moduleResolution: "nodenext",
    strict: true,
    noEmit: true,
    target: "es2022",
    skipLibCheck: false,
    types: [],
  }
  writeFileSync(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["clicks.ts"] }))
  sh(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", dir])
  console.log("package: installs in an empty folder, runs a TypeScript pipeline, and its types compile")
} finally {
  rmSync(dir, { recursive: true, force: true })
}

import { execFile } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { transform } from "esbuild"
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest"

// Every probe starts Node, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

// Vitest transforms every import of the process it runs in, so the loader is driven in processes of its own, from a copy of
// the engine made for the purpose: <root>/engine with the loader and a public face of one object, <root>/project beside it.
const repository = fileURLToPath(new URL("../../", import.meta.url))
const root = realpathSync(mkdtempSync(join(tmpdir(), "millrace-loader-")))
const engine = join(root, "engine")
const project = join(root, "project")
const stripsTypes = Boolean((process.features as { typescript?: string | false }).typescript)

interface Answer {
  readonly value?: unknown
  readonly error?: {
    code?: string
    message: string
    details?: Record<string, unknown>
    cause?: { message: string; stack: string }
  }
  readonly prepared?: string
  readonly sameEngine?: boolean
  readonly esbuildStarted: boolean
  readonly thrown?: string
}

beforeAll(async () => {
  for (const folder of ["errors", "actors"]) {
    for (const name of readdirSync(join(repository, "src", folder))) {
      if (folder === "actors" && !/^(load-pipeline|_bundle-\w+)\.ts$/.test(name)) continue
      const { code } = await transform(readFileSync(join(repository, "src", folder, name), "utf8"), { loader: "ts" })
      write(
        join(engine, "dist", folder, name.replace(/ts$/, "js")),
        code.replaceAll(/(".{1,2}\/[^"]+)\.ts"/g, '$1.js"'),
      )
    }
  }
  mkdirSync(join(engine, "node_modules"), { recursive: true })
  for (const name of ["esbuild", "@esbuild"]) {
    symlinkSync(join(repository, "node_modules", name), join(engine, "node_modules", name))
  }
  const manifest = { name: "millrace", version: "0.0.1", type: "module", exports: { ".": "./dist/index.js" } }
  write(join(engine, "package.json"), JSON.stringify(manifest))
  write(
    join(engine, "dist/index.js"),
    `export const instance = { id: Math.random() }
     export const tumbling = 1
     export const pipeline = (name) => ({ name, [Symbol.for("millrace.pipeline")]: true, instance })`,
  )
  // Answers one line of JSON: what the main thread, and a worker thread given the prepared URL, saw.
  write(
    join(engine, "probe.mjs"),
    `import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads"
     import { createRequire } from "node:module"
     import { prepareModule, loadPipeline, loadDefaultExport } from "./dist/actors/load-pipeline.js"
     import { instance } from "./dist/index.js"
     const plain = (error) => ({ code: error.code, message: error.message, details: error.details,
       ...(error.cause ? { cause: { message: error.cause.message, stack: error.cause.stack } } : {}) })
     async function probe({ load, file, prepared }) {
       const answer = {}
       try {
         prepared ??= await prepareModule(file)
         const value = await (load === "pipeline" ? loadPipeline : loadDefaultExport)(file, { prepared })
         Object.assign(answer, { prepared, sameEngine: value?.instance === instance })
         answer.value = typeof value === "function" ? undefined : value
         if (typeof value === "function") {
           try { answer.value = value() } catch (error) { answer.thrown = error.stack }
         }
       } catch (error) { answer.error = plain(error) }
       const { cache } = createRequire(import.meta.url)
       answer.esbuildStarted = Object.keys(cache).some((path) => path.includes("esbuild"))
       return answer
     }
     if (isMainThread) {
       const [load, file, worker] = process.argv.slice(2)
       const answer = await probe({ load, file })
       if (worker === "worker") {
         const thread = new Worker(new URL(import.meta.url), { workerData: { load, file, prepared: answer.prepared } })
         thread.once("message", (seen) => console.log(JSON.stringify(seen)))
       } else console.log(JSON.stringify(answer))
     } else parentPort.postMessage(await probe(workerData))`,
  )
})

beforeEach(() => {
  rmSync(project, { recursive: true, force: true })
  mkdirSync(join(project, "node_modules"), { recursive: true })
  symlinkSync(engine, join(project, "node_modules/millrace"))
  write(join(project, "package.json"), '{ "type": "module" }')
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

describe("loadPipeline()", () => {
  it("loads JavaScript as it stands, in the main thread and in a worker", async () => {
    const file = user("job.js", 'import { pipeline } from "millrace"\nexport default pipeline("js")\n')
    for (const thread of ["main", "worker"]) {
      const answer = await probe("pipeline", file, thread)
      expect(answer).toMatchObject({ value: { name: "js" }, sameEngine: true, esbuildStarted: false })
      expect(answer.prepared).toMatch(/project\/job\.js$/)
    }
  })

  it("loads TypeScript with types, in the main thread and in a worker, with the engine's own instance of its modules", async () => {
    user("flights.ts", "export interface Flight { delay: number }\nexport const name: string = 'typed'\n")
    const file = user(
      "job.ts",
      'import { pipeline } from "millrace"\nimport { type Flight, name } from "./flights.ts"\n' +
        "export const late = (flight: Flight): boolean => flight.delay > 0\nexport default pipeline(name as string)\n",
    )
    for (const thread of ["main", "worker"]) {
      expect(await probe("pipeline", file, thread)).toMatchObject({ value: { name: "typed" }, sameEngine: true })
    }
  })

  it("loads what Node cannot strip: enums, parameter properties, decorators, an import of ./x.js for ./x.ts, a type imported as a value", async () => {
    write(join(project, "tsconfig.json"), '{ "compilerOptions": { "experimentalDecorators": true } }')
    user("shape.ts", "export interface Shape { a: number }\nexport const two = 2\n")
    const file = user(
      "job.ts",
      `import { Shape, two } from "./shape.js"
enum Colour { Red = 40 }
const seen: string[] = []
function log(target: Function) { seen.push(target.name) }
@log
class Point { constructor(readonly x: number) {} }
const shape: Shape = { a: Colour.Red + two }
export default [shape.a, new Point(3).x, seen]`,
    )
    expect((await probe("default", file)).value).toEqual([42, 3, ["Point"]])
    expect((await probe("default", file, "worker")).value).toEqual([42, 3, ["Point"]])
  })

  it("finds the engine for a file that lies outside of every package", async () => {
    rmSync(join(project, "node_modules/millrace"))
    for (const name of ["job.ts", "job.mjs"]) {
      const file = user(name, 'import { pipeline } from "millrace"\nexport default pipeline("alone")\n')
      expect(await probe("pipeline", file)).toMatchObject({ value: { name: "alone" }, sameEngine: true })
    }
  })

  it("loads a file of the engine's own package that imports the engine by name", async () => {
    const file = join(engine, "examples", "job.ts")
    write(file, 'import { pipeline } from "millrace"\nexport default pipeline("own" as string)\n')
    expect(await probe("pipeline", file)).toMatchObject({ value: { name: "own" }, sameEngine: true })
  })

  it("keeps import.meta of every file", async () => {
    user(
      "deep/inner.ts",
      "enum E { A }\nexport const meta = [import.meta.url, import.meta.dirname, import.meta.filename, E.A]\n",
    )
    const file = user(
      "job.ts",
      'import { meta } from "./deep/inner.ts"\nexport default [import.meta.url, import.meta.dirname, import.meta.resolve("./x.csv"), "import.meta.url", ...meta]\n',
    )
    const url = `file://${project}`
    expect((await probe("default", file)).value).toEqual([
      `${url}/job.ts`,
      project,
      `${url}/x.csv`,
      "import.meta.url",
      `${url}/deep/inner.ts`,
      join(project, "deep"),
      join(project, "deep/inner.ts"),
      0,
    ])
  })

  it("keeps a package as one instance for the bundle and for JavaScript outside of it", async () => {
    const manifest = '{ "name": "dual", "exports": { "import": "./a.mjs", "require": "./a.cjs" } }'
    write(join(project, "node_modules/dual/package.json"), manifest)
    write(join(project, "node_modules/dual/a.mjs"), "export const object = { kind: 'import' }")
    write(join(project, "node_modules/dual/a.cjs"), "exports.object = { kind: 'require' }")
    user("helper.cjs", "exports.load = () => import('dual')")
    const file = user(
      "job.ts",
      'import { object } from "dual"\nimport helper from "./helper.cjs"\nenum E { A }\nexport default [object.kind, (await helper.load()).object === object, E.A]\n',
    )
    expect((await probe("default", file)).value).toEqual(["import", true, 0])
  })

  it("names the line of the .ts file in stacks, also of an imported file and in a worker", async () => {
    user(
      "inner.ts",
      "interface A {\n  b: number\n}\n\nexport function fail(a: A): never {\n  throw new Error('inner ' + a.b)\n}\n",
    )
    const file = user(
      "job.ts",
      'import { fail } from "./inner.ts"\nenum E { A }\n\nexport default () => fail({ b: E.A })\n',
    )
    for (const thread of ["main", "worker"]) {
      const { thrown } = await probe("default", file, thread)
      expect(thrown).toContain(`${project}/inner.ts:6:9`)
      expect(thrown).toMatch(/project\/job\.ts:4:\d+/)
    }
  })
})

describe("loadPipeline() refuses", () => {
  it("a missing file, and names the closest one", async () => {
    user("airports.ts", "export default 1")
    const { error } = await probe("pipeline", join(project, "airprots.ts"))
    expect(error?.code).toBe("PIPELINE_FILE_MISSING")
    expect(error?.message).toContain("did you mean airports.ts?")
    expect((await probe("pipeline", join(project, "airports.js"))).error?.message).toContain(
      "did you mean airports.ts?",
    )
    expect((await probe("pipeline", join(project, "nowhere/job.ts"))).error?.message).toContain(
      "nowhere does not exist",
    )
    expect((await probe("pipeline", project)).error?.code).toBe("PIPELINE_FILE_MISSING")
  })

  it("a file that is no module", async () => {
    expect((await probe("pipeline", user("job.csv", "a,b"))).error?.code).toBe("PIPELINE_FILE_KIND")
  })

  it.each(["job.ts", "job.mjs"])(
    "a syntax error in %s, with file, line, column and the line of source",
    async (name) => {
      const { error } = await probe("pipeline", user(name, "const a = 1\nconst b = = 2\nexport default a\n"))
      expect(error?.code).toBe("PIPELINE_SYNTAX")
      expect(error?.message).toContain(`${name}:2:11: Unexpected "="`)
      expect(error?.message).toContain("2 | const b = = 2\n    |           ^")
      expect(error?.details).toMatchObject({
        file: join(project, name),
        line: 2,
        column: 11,
        lineText: "const b = = 2",
      })
    },
  )

  it("a syntax error in an imported file, by that file's name", async () => {
    user("helper.ts", "export const a: number =\n")
    const { error } = await probe("pipeline", user("job.ts", 'import "./helper.ts"\nexport default 1\n'))
    expect(error?.code).toBe("PIPELINE_SYNTAX")
    expect(error?.message).toMatch(/helper\.ts:2:1: Unexpected end of file/)
  })

  it.each(["job.ts", "job.mjs"])("an import in %s that is not there, with the position", async (name) => {
    const { error } = await probe("pipeline", user(name, 'import "nowhere"\nexport default 1\n'))
    expect(error?.code).toBe("PIPELINE_IMPORT_MISSING")
    expect(error?.message).toContain(`${name}:1:8: Could not resolve "nowhere"`)
  })

  it.each(["job.ts", "job.mjs"])(
    "an export that the engine does not have, in %s, and names the closest",
    async (name) => {
      const { error } = await probe(
        "pipeline",
        user(name, 'import {\n  tumblng } from "millrace"\nexport default tumblng\n'),
      )
      expect(error?.code).toBe("PIPELINE_IMPORT_MISSING")
      expect(error?.message).toContain(
        `${name}:2:3: "millrace" has no export named \`tumblng\`; did you mean \`tumbling\`?`,
      )
    },
  )

  it.each(["job.ts", "job.mjs"])(
    "a module that throws while loading (%s), with the user's stack as the cause",
    async (name) => {
      const { error } = await probe("pipeline", user(name, "const text = '{'\n\nexport default JSON.parse(text)\n"))
      expect(error?.code).toBe("PIPELINE_LOAD_FAILED")
      expect(error?.message).toContain("SyntaxError")
      expect(error?.cause?.stack).toContain(`${project}/${name}:3:`)
    },
  )

  it("a module without default export, and names the pipeline it exports", async () => {
    const { error } = await probe("pipeline", user("job.ts", "export const a = 1\n"))
    expect(error?.code).toBe("PIPELINE_NO_DEFAULT_EXPORT")
    expect(error?.message).toContain('`export default pipeline("name", ({ source }) => { ... })`')
    const named = user("named.ts", 'import { pipeline } from "millrace"\nexport const job = pipeline("x")\n')
    expect((await probe("pipeline", named)).error?.message).toContain("write `export default job`")
  })

  it.each([
    ["export default () => 1", "a function"],
    ["export default class Job {}", "the function `Job`"],
    ["export default { nodes: [], edges: [] }", "an object with nodes, edges"],
    ["export default 'x'", 'the string "x"'],
    ["export default Promise.resolve([1, 2])", "an array of 2"],
  ])("%s, and says what it is", async (source, kind) => {
    const { error } = await probe("pipeline", user("job.mjs", source))
    expect(error?.code).toBe("PIPELINE_NOT_A_PIPELINE")
    expect(error?.message).toContain(`its default export is ${kind}`)
  })
})

describe("the cache of bundles", () => {
  const enumJob = 'import { value } from "./value.ts"\nenum E { A }\nexport default [value, E.A]\n'

  it("is used by the next process without starting esbuild, and made anew when an imported file changes", async () => {
    user("value.ts", "export const value = 1")
    const file = user("job.ts", enumJob)
    expect(await probe("default", file)).toMatchObject({ value: [1, 0], esbuildStarted: true })
    expect(await probe("default", file)).toMatchObject({ value: [1, 0], esbuildStarted: false })
    user("value.ts", "export const value = 2")
    expect(await probe("default", file)).toMatchObject({ value: [2, 0], esbuildStarted: true })
    expect(await probe("default", file)).toMatchObject({ value: [2, 0], esbuildStarted: false })
  })

  it("lies in the nearest node_modules, for the user alone, with nothing left half written", async () => {
    user("value.ts", "export const value = 1")
    const file = user("job.ts", enumJob)
    const answers = await Promise.all([probe("default", file), probe("default", file), probe("default", file)])
    for (const answer of answers) expect(answer.value).toEqual([1, 0])
    const names = readdirSync(join(project, "node_modules/.cache/millrace"))
    expect(names.filter((name) => name.endsWith(".mjs"))).toHaveLength(1)
    expect(names.filter((name) => name.endsWith(".json"))).toHaveLength(1)
    expect(names).toHaveLength(2)
  })

  it("survives a damaged manifest and a deleted bundle", async () => {
    user("value.ts", "export const value = 1")
    const file = user("job.ts", enumJob)
    await probe("default", file)
    const cache = join(project, "node_modules/.cache/millrace")
    for (const name of readdirSync(cache)) if (name.endsWith(".json")) write(join(cache, name), "{")
    expect((await probe("default", file)).value).toEqual([1, 0])
    for (const name of readdirSync(cache)) if (name.endsWith(".mjs")) rmSync(join(cache, name))
    expect((await probe("default", file)).value).toEqual([1, 0])
  })

  it("is a private folder under the temporary one where there is no node_modules, and is not trusted when others can write to it", async () => {
    const bare = join(root, "bare")
    const temporary = join(root, "tmp")
    mkdirSync(temporary, { recursive: true })
    write(
      join(bare, "job.ts"),
      'import { pipeline } from "millrace"\nenum E { A }\nexport default pipeline("bare" + E.A)\n',
    )
    const first = await probe("pipeline", join(bare, "job.ts"), "main", temporary)
    expect(first).toMatchObject({ value: { name: "bare0" }, sameEngine: true, esbuildStarted: true })
    expect(first.prepared).toContain(join(temporary, "millrace-"))
    expect(await probe("pipeline", join(bare, "job.ts"), "main", temporary)).toMatchObject({ esbuildStarted: false })
    chmodSync(dirname(fileURLToPath(first.prepared!)), 0o777)
    const third = await probe("pipeline", join(bare, "job.ts"), "main", temporary)
    expect(third).toMatchObject({ value: { name: "bare0" }, esbuildStarted: true })
    expect(third.prepared).toContain("millrace-once-")
    expect(existsSync(fileURLToPath(third.prepared!))).toBe(false)
  })

  it("moves with a package: another version of an imported package makes the bundle anew", async () => {
    write(join(project, "node_modules/dep/package.json"), '{ "name": "dep", "type": "module", "exports": "./one.js" }')
    write(join(project, "node_modules/dep/one.js"), "export const n = 1")
    const file = user("job.ts", 'import { n } from "dep"\nenum E { A }\nexport default [n, E.A]\n')
    expect((await probe("default", file)).value).toEqual([1, 0])
    rmSync(join(project, "node_modules/dep"), { recursive: true })
    write(join(project, "node_modules/dep/package.json"), '{ "name": "dep", "type": "module", "exports": "./two.js" }')
    write(join(project, "node_modules/dep/two.js"), "export const n = 2")
    expect((await probe("default", file)).value).toEqual([2, 0])
  })
})

describe("prepareModule()", () => {
  it("answers the file itself where Node strips the types, one bundle where it does not", async () => {
    const answer = await probe("default", user("job.ts", "export default 1 as number\n"))
    if (stripsTypes) expect(answer.prepared).toBe(`file://${project}/job.ts`)
    else expect(answer.prepared).toMatch(/project\/node_modules\/\.cache\/millrace\/job-[\da-f]{16}-[\da-f]{16}\.mjs$/)
  })
})

function user(name: string, source: string): string {
  write(join(project, name), source)
  return join(project, name)
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

async function probe(load: "pipeline" | "default", file: string, thread = "main", temporary = root): Promise<Answer> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(engine, "probe.mjs"), load, file, thread], {
    cwd: project,
    env: { ...process.env, TMPDIR: temporary, NODE_OPTIONS: "" },
  })
  return JSON.parse(stdout) as Answer
}

/** docs/performance.md and its plots are what the committed results make of them, and nothing else. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
// @ts-expect-error A script without types.
import { renderPage } from "../../scripts/bench/page.mjs"

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..")
const render = renderPage as (root: string) => Promise<Map<string, string>>

test("every file of the page is what `npm run bench:page` writes, and no plot is left over", async () => {
  const files = await render(ROOT)
  for (const [path, content] of files) expect(readFileSync(join(ROOT, path), "utf8") === content, path).toBe(true)
  const folder = join(ROOT, "docs/performance")
  const plots = existsSync(folder) ? readdirSync(folder).map((file) => `docs/performance/${file}`) : []
  expect(plots.filter((path) => !files.has(path))).toEqual([])
})

test("the page tells the newest run, its broken bounds, and why", async () => {
  const root = mkdtempSync(join(tmpdir(), "mr-"))
  try {
    mkdirSync(join(root, "bench/results"), { recursive: true })
    const bench = `/**\n * Question: how fast?\n * Bound: 5 times.\n */\nexport const reasons = { "a < b": "It waits." }\n`
    writeFileSync(join(root, "bench/speed.bench.ts"), bench)
    const of = (date: string, reading: number): string => {
      const machine = { node: "v20.0.0", cpu: "a CPU", cores: 2, memoryBytes: 2 ** 30, system: "Linux", load: 0 }
      const run = { bench: "speed", commit: "0123456789abcdef", dirty: true, date, size: "real", ...machine }
      const row = { metric: "rate", unit: "x", against: "loop", readings: [reading, reading + 1, reading + 2] }
      const rows = [
        { ...run, ...row, variant: "a < b", atLeast: 5 },
        { ...run, ...row, variant: "c", atLeast: 2 },
      ]
      return rows.map((each) => `${JSON.stringify(each)}\n`).join("")
    }
    const results = of("2026-01-01T00:00:00.000Z", 8) + of("2026-01-02T00:00:00.000Z", 2)
    writeFileSync(join(root, "bench/results/speed.jsonl"), results)
    const files = await render(root)
    const page = files.get("docs/performance.md")!
    expect(page).toContain("1 of 2 bounds hold.")
    expect(page).toContain("- **Question:** how fast?\n- **Bound:** 5 times.")
    expect(page).toContain("- a &lt; b, rate: 3.00 x, not at least 5 x. It waits.")
    expect(page).toContain("2026-01-02 00:00 UTC, commit 0123456789 with uncommitted changes; Node v20.0.0")
    expect(page).not.toContain("9.00")
    expect([...files.keys()]).toEqual(["docs/performance/speed-rate-times-loop.svg", "docs/performance.md"])
    expect(files.get("docs/performance/speed-rate-times-loop.svg")).toContain(">3.00 x (not at least 5 x)</text>")
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

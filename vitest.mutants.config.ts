import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
// @ts-expect-error A script without types.
import { mutated } from "./props/mutants/mutate.mjs"

/** The properties against the wrong engine that MUTANT names: `npm run props:mutants`. */
export default defineConfig({
  plugins: [
    {
      name: "mutant",
      enforce: "pre",
      load(id) {
        const file = id.split("?")[0]!
        return (mutated as (name: string, file: string, read: () => string) => string | undefined)(
          process.env.MUTANT ?? "",
          file.slice(fileURLToPath(new URL(".", import.meta.url)).length),
          () => readFileSync(file, "utf8"),
        )
      },
    },
  ],
  test: {
    include: ["props/**/*.props.test.ts"],
    setupFiles: ["props/setup.ts"],
    pool: "forks",
    testTimeout: 120_000,
    bail: 1,
  },
})

import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    // Tests of threads and of the command run against dist/, which `npm test` builds first; all others against src/.
    include: ["src/**/*.test.ts", "tests/**/*.test.ts"],
    pool: "forks",
    // Half of the tests wait for threads and timers: one file per core, not one fewer.
    maxWorkers: "100%",
    testTimeout: 30_000,
    hookTimeout: 30_000,
    typecheck: { enabled: true, include: ["src/**/*.test-d.ts"], tsconfig: "./tsconfig.check.json" },
  },
})

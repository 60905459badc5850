import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["props/**/*.props.test.ts"],
    setupFiles: ["props/setup.ts"],
    pool: "forks",
    maxWorkers: "100%",
    testTimeout: 120_000,
  },
})

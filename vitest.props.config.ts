import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["props/**/*.props.test.ts"],
    setupFiles: ["props/setup.ts"],
    pool: "forks",
    testTimeout: 120_000,
  },
})

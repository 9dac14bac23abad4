import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    // What modules ask the browser for when they are loaded.
    setupFiles: ["tests/browser.ts"],
  },
});

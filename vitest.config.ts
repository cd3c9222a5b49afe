// How the tests run: every test/<room>/*.test.ts, from the TypeScript source, with the package's own name leading there too.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (door: string): string => fileURLToPath(new URL(`./lib/${door}`, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^tcp-over-udp$/, replacement: source('index.ts') },
      { find: /^tcp-over-udp\/(core|http|message|testing)$/, replacement: `${source('')}$1/index.ts` },
    ],
  },
  test: {
    include: ['test/*/*.test.ts'],
    exclude: ['test/clients/**'],
    pool: 'forks',
    maxWorkers: 2,
    // a test that hangs: how long one takes is the machine's matter
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 5_000,
  },
})

// How `npm run test:clients` runs: as the other tests do, but these.
import { defineConfig } from 'vitest/config'
import base from '../../vitest.config.js'

export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/clients/*.test.ts'],
    exclude: ['**/node_modules/**'],
    globalSetup: ['test/clients/setup.ts'],
    hookTimeout: 120_000,
    testTimeout: 120_000,
  },
})

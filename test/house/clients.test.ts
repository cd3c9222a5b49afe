// The libraries of test/clients: each in one version, which docs/clients.md names, and each in a test.
import { describe, expect, test } from 'vitest'
import { read, sourcesUnder } from '../support/source-tree.js'

const { dependencies } = JSON.parse(read('test/clients/package.json')) as { dependencies: Record<string, string> }
const libraries = Object.entries(dependencies).filter(([name]) => !name.startsWith('@types/'))

describe('the libraries of test/clients', () => {
  test('have versions, not ranges', () => {
    expect(Object.values(dependencies).filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
  })

  test('are those of docs/clients.md, in the versions that it names', () => {
    const rows = read('docs/clients.md').matchAll(/^\| `([^`]+)` (\d[\d.]+) \|/gm)
    expect([...rows].map(([, name, version]) => `${name} ${version}`).sort()).toEqual(
      libraries.map(([name, version]) => `${name} ${version}`).sort(),
    )
  })

  test('are imported by a test', () => {
    const tests = sourcesUnder('test/clients').map(read).join('\n')
    const imported = (name: string): boolean => new RegExp(`['"]${name}(/[\\w./-]+)?['"]`).test(tests)
    expect(libraries.filter(([name]) => !imported(name))).toEqual([])
  })
})

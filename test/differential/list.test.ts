// docs/net-differences.md against the scenarios: no row stands there for nothing. What differs without a row fails by itself.
import { expect, test } from 'vitest'
import { differences } from '../support/net-differences.js'
import { read, sourcesUnder } from '../support/source-tree.js'

test('each difference is shown by a scenario', () => {
  const sources = sourcesUnder('test/differential').map(read).join('\n')
  expect([...differences.keys()].filter((id) => !sources.includes(`'${id}'`))).toEqual([])
})

test('every line of the table is read', () => {
  const lines = read('docs/net-differences.md').match(/^\| `/gm) ?? []
  expect(lines.length).toBe(differences.size)
})

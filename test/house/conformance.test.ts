// docs/conformance.md is complete, and what it names exists: every requirement of RFC 9293 Appendix B, every test, every module.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { read, root, sourcesUnder, withoutComments } from '../support/source-tree.js'

/** How many of each kind RFC 9293 has, numbered from 1 without gaps. */
const COUNTS = { MUST: 69, SHLD: 31, MAY: 18, REC: 1 } as const
const LABEL = /\b(MUST|SHLD|MAY|REC)-(\d+)\b/g

const page = read('docs/conformance.md')
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| |'))
  .map((line) =>
    line
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim()),
  )
const requirements = rows.filter(([label]) => /^(MUST|SHLD|MAY|REC)-\d+$/.test(label ?? ''))
const others = rows.filter((row) => !requirements.includes(row))

/** A link to a test file, and the words of test names behind it. */
const CITED = /\]\(\.\.\/(test\/[^)]+\.test\.ts)\): ((?:`[^`]+`(?: · )?)+)/g

describe('docs/conformance.md', () => {
  test('has every requirement of RFC 9293 once, and no other', () => {
    const expected = Object.entries(COUNTS).flatMap(([kind, count]) =>
      Array.from({ length: count }, (_, i) => `${kind}-${i + 1}`),
    )
    expect(requirements.map(([label]) => label).sort()).toEqual(expected.sort())
  })

  test('says of each whether it is held, and shows it or gives the reason', () => {
    const wrong = requirements.filter(([, what, held, where, shown]) => {
      const hasTest = shown?.includes('](../test/') ?? false
      const hasReason = (shown ?? '').replace(/\[[^\]]*\]\([^)]*\)|`[^`]*`|[ ·:–]/g, '').length > 0
      if (!what || !where || !shown) return true
      if (held === 'yes') return !hasTest && !hasReason
      return !['in part', 'no', '–'].includes(held ?? '') || !hasReason
    })
    expect(wrong).toEqual([])
  })

  test('leaves to the machine, without a test, only what no test here can see', () => {
    const untested = requirements.filter(([, , held, , shown]) => held === 'yes' && !shown?.includes('](../test/'))
    expect(untested.map(([label]) => label)).toEqual(['MUST-50', 'MUST-55'])
  })

  test('names only tests that exist', () => {
    const missing: string[] = []
    for (const [, path, names] of page.matchAll(CITED)) {
      if (!existsSync(join(root, path as string))) missing.push(path as string)
      else {
        const code = withoutComments(read(path as string)).replaceAll("\\'", "'")
        for (const [, name] of (names as string).matchAll(/`([^`]+)`/g)) {
          if (!code.includes(name as string)) missing.push(`${path}: ${name}`)
        }
      }
    }
    expect(missing).toEqual([])
  })

  test('every link to a test says which', () => {
    const links = [...page.matchAll(/\]\(\.\.\/test\//g)].length
    expect([...page.matchAll(CITED)]).toHaveLength(links)
    for (const [label, , , shown] of others.filter(([label]) => /^RFC \d/.test(label ?? ''))) {
      expect(shown, label).toMatch(/\]\(\.\.\/test\//)
    }
  })
})

describe('requirements that are cited', () => {
  test('have numbers that RFC 9293 knows, in code as in tests', () => {
    const unknown = ['lib', 'test']
      .flatMap(sourcesUnder)
      .flatMap((path) =>
        [...read(path).matchAll(LABEL)]
          .filter(([, kind, number]) => Number(number) > COUNTS[kind as keyof typeof COUNTS] || Number(number) < 1)
          .map(([label]) => `${path}: ${label}`),
      )
    expect(unknown).toEqual([])
  })
})

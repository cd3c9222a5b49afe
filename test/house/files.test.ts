// The shape of the files (docs/architecture.md §1): sizes, first lines, names, and where tests stand.
import { basename } from 'node:path'
import { describe, expect, test } from 'vitest'
import { filesUnder, read, sourcesUnder } from '../support/source-tree.js'

const sources = ['lib', 'test', 'bench', 'examples'].flatMap(sourcesUnder)
const lines = (path: string): string[] => read(path).replace(/\n$/, '').split('\n')

describe('files', () => {
  test('a room has 600 lines at most', () => {
    const long = sources.map((path) => [path, lines(path).length] as const).filter(([, length]) => length > 600)
    expect(long).toEqual([])
  })

  test('past 400 lines the header says in a second line why it is one thing', () => {
    const unexplained = sourcesUnder('lib').filter(
      (path) => lines(path).length > 400 && !lines(path)[1]?.startsWith('//'),
    )
    expect(unexplained).toEqual([])
  })

  test('each begins with a line that says what it is', () => {
    expect(sources.filter((path) => !/^\/\/ \S.{15,}/.test(lines(path)[0] ?? ''))).toEqual([])
  })

  test('names are kebab-case, and none is a drawer', () => {
    expect(sources.filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(basename(path)))).toEqual([])
    expect(sources.filter((path) => /^(utils?|types|constants|helpers|misc|common)\.ts$/.test(basename(path)))).toEqual(
      [],
    )
  })

  test('tests stand exactly one folder deep, in a room that is known', () => {
    const rooms = /^test\/(wire|core|endpoint|net|differential|message|sim|udp|house|clients)\/[^/]+\.test\.ts$/
    expect(filesUnder('.').filter((path) => /\.test\.[cm]?[jt]sx?$/.test(path) && !rooms.test(path))).toEqual([])
  })
})

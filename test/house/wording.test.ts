// What no file may say: paths of one machine, hosts of registries, work left undone, checks switched off. And what documents link to exists.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { filesUnder, read, root } from '../support/source-tree.js'

const BINARY = /\.(png|jpe?g|gif|ico|pcap(ng)?|gz|tgz|zip)$/
const texts = filesUnder('.').filter((path) => !BINARY.test(path) && !path.startsWith('.run.lock'))
const ours = texts.filter((path) => path !== 'package-lock.json' && path !== 'test/house/wording.test.ts')
const code = ours.filter((path) => /\.(ts|mjs|js|json)$/.test(path) || path === '.ci/run')
const markdown = texts.filter((path) => path.endsWith('.md'))

function found(paths: readonly string[], what: RegExp): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, index) => (what.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 120)}`] : [])),
  )
}

describe('wording', () => {
  test('no path of one machine', () => {
    expect(found(ours, /(^|[\s"'`(=:])\/(work|root|home\/\w+|Users\/\w+)\/|[A-Z]:\\Users\\/)).toEqual([])
  })

  test('no host of a package registry', () => {
    expect(found(ours, /\bregistry\.[a-z0-9-]+\.[a-z]+|\bnpm\.pkg\.|\/artifactory\//i)).toEqual([])
    expect(found(['package-lock.json'], /"resolved"|registry\./)).toEqual([])
  })

  test('nothing left undone, no check switched off', () => {
    expect(found(code, /\b(TODO|FIXME|XXX|HACK)\b/)).toEqual([])
    expect(found(code, /@ts-(ignore|expect-error|nocheck)|\bas any\b|biome-ignore-all/)).toEqual([])
    expect(found(code, /\b(test|it|describe|suite)\.(skip|only|todo|fails)\b/)).toEqual([])
  })

  test('no line ends in blanks, every file ends in a line feed', () => {
    expect(found(code, /[ \t]+$|\r/)).toEqual([])
    expect(ours.filter((path) => read(path) !== '' && !read(path).endsWith('\n'))).toEqual([])
  })
})

/** The anchor that a heading gets when it is rendered. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
}

describe('links', () => {
  test.each(markdown)('%s links to what exists', (path) => {
    const prose = read(path).replace(/```[\s\S]*?```/g, '')
    const broken: string[] = []
    for (const [, link] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (link === undefined || /^[a-z]+:/i.test(link)) continue
      const [file, fragment] = link.split('#')
      const target = file === '' ? path : join(dirname(path), file as string)
      if (!existsSync(join(root, target))) broken.push(link)
      else if (fragment !== undefined && target.endsWith('.md')) {
        const headings = [...read(target).matchAll(/^#+\s+(.*)$/gm)].map((match) => anchor(match[1] as string))
        if (!headings.includes(fragment)) broken.push(link)
      }
    }
    expect(broken).toEqual([])
  })
})

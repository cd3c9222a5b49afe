// The table of docs/net-differences.md: where node:net is not followed, on purpose, and on which versions of Node.
import { read } from './source-tree.js'

/** One row. */
export interface Difference {
  readonly id: string
  /** On the running Node. */
  readonly shows: 'yes' | 'no' | 'maybe'
  readonly net: string
  readonly here: string
  readonly why: string
}

const FILE = 'docs/net-differences.md'
const ROW = /^\| `([a-z0-9-]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm

/**
 * `all`, or a comparison with the major version as in `>= 24`: the first 24s may still be without what newer ones have, as
 * the last ones before may have it.
 */
function holds(nodes: string): Difference['shows'] {
  if (nodes === 'all') return 'yes'
  const [, operator, version] = /^(<|>=) (\d+)$/.exec(nodes) ?? []
  if (operator === undefined) throw new Error(`${FILE}: what is "${nodes}"?`)
  const major = Number(process.versions.node.split('.')[0])
  if (major === Number(version)) return 'maybe'
  return major < Number(version) === (operator === '<') ? 'yes' : 'no'
}

function parse(markdown: string): Map<string, Difference> {
  const rows = new Map<string, Difference>()
  for (const [, id, nodes, net, here, why] of markdown.matchAll(ROW) as Iterable<string[]>) {
    if (rows.has(id as string)) throw new Error(`${FILE}: ${id} stands there twice`)
    rows.set(id as string, { id, shows: holds((nodes as string).trim()), net, here, why } as Difference)
  }
  return rows
}

/** By their ids. */
export const differences: ReadonlyMap<string, Difference> = parse(read(FILE))

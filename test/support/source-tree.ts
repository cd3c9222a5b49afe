// The repository as text: its files, what they import, and what is left of them without comments and strings.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const NOT_OURS = new Set(['node_modules', 'dist', '.build', '.git', 'coverage', 'received', 'results', '.runtimes'])

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package-lock.json'))) folder = dirname(folder)
  return folder
}

/** The repository's folder, whether this runs from source or from dist/. */
export const root: string = findRoot()

/** Paths of all files below `folder`, relative to the repository, with `/`, sorted. */
export function filesUnder(folder: string): string[] {
  const found: string[] = []
  const path = join(root, folder)
  if (!existsSync(path)) return found
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (NOT_OURS.has(entry.name)) continue
    const child = join(path, entry.name)
    if (entry.isDirectory()) found.push(...filesUnder(relative(root, child)))
    else if (entry.isFile()) found.push(relative(root, child).split(sep).join('/'))
  }
  return found.sort()
}

export function sourcesUnder(folder: string): string[] {
  return filesUnder(folder).filter((path) => path.endsWith('.ts'))
}

export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

// A comment, or a string, or the next character: in this order, so that neither is looked for inside the other.
const TOKEN = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|[\s\S]/g

/** The code without its comments, strings kept. */
export function withoutComments(code: string): string {
  return code.replace(TOKEN, (token) => (token.startsWith('//') || token.startsWith('/*') ? ' ' : token))
}

/** The code without comments and without what stands in strings; what templates compute goes with them. */
export function withoutText(code: string): string {
  return code.replace(TOKEN, (token) => (token.length > 1 ? "''" : token))
}

export interface Import {
  /** As written: './state.js', 'node:crypto', 'debug'. */
  readonly specifier: string
  /** The file of ours that it names, relative to the repository, or '' for anything else. */
  readonly target: string
}

const IMPORT = /\b(?:from|import)\s*\(?\s*(['"])([^'"\n]+)\1/g

/** Everything that a source file imports, re-exports or loads, types included. */
export function importsOf(path: string): Import[] {
  const found: Import[] = []
  for (const match of withoutComments(read(path)).matchAll(IMPORT)) {
    const specifier = match[2] as string
    const target = specifier.startsWith('.') ? resolve(path, specifier) : ''
    found.push({ specifier, target })
  }
  return found
}

function resolve(from: string, specifier: string): string {
  const path = join(dirname(from), specifier.replace(/\.js$/, '.ts'))
  return path.split(sep).join('/')
}

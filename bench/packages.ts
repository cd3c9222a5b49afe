// The packages of others that benchmarks need: named in bench/package.json, installed into bench/ on first use.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** From dist/bench. */
const FOLDER = fileURLToPath(new URL('../../bench/', import.meta.url))
const require = createRequire(join(FOLDER, 'package.json'))

interface Manifest {
  readonly version?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly exports?: { readonly '.'?: { readonly import?: string } }
}

export const folderOf = (name: string): string => join(FOLDER, 'node_modules', name)

function manifestIn(folder: string): Manifest {
  const file = join(folder, 'package.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
}

/**
 * Has them all there, in the versions that are named. Without their scripts: what is native comes built, and nothing else is fetched.
 * @throws Error when npm cannot
 */
export function installPackages(): void {
  const wanted = Object.entries(manifestIn(FOLDER).dependencies ?? {})
  if (wanted.every(([name, version]) => manifestIn(folderOf(name)).version === version)) return
  process.stderr.write('bench: installing what is compared with, into bench/ …\n')
  const args = ['--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  // without a network npm would try for minutes
  const patience = ['--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=1000']
  try {
    execFileSync('npm', ['install', ...args, ...patience], { cwd: FOLDER, stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    const [, reason = ''] = (error as Error).message.split('\n')
    throw new Error(`npm cannot install them: ${reason}`)
  }
}

/** One that can be required. */
export const required = <T>(name: string): T => require(name) as T

/** One that can only be imported. */
export async function imported<T>(name: string): Promise<T> {
  const entry = manifestIn(folderOf(name)).exports?.['.']?.import
  if (entry === undefined) throw new Error(`${name} is not installed`)
  return (await import(pathToFileURL(join(folderOf(name), entry)).href)) as T
}

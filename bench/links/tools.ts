// What emulated links need of the machine: Linux, root, ip, and a C compiler for the tools in native/, made on first use.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { installPackages } from '../packages.js'
import { needsPackages } from './peers.js'

/** From dist/bench/links. */
const SOURCES = new URL('../../../bench/links/native/', import.meta.url)
const BUILT = new URL('./native/', import.meta.url)

type Tool = 'emulator' | 'probe'

function answers(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const compiler = (): string | undefined =>
  [process.env.CC, 'cc', 'gcc', 'clang'].find((name) => name !== undefined && name !== '' && answers(name, '--version'))

/** @throws Error that says what is missing. */
function checkMachine(): void {
  const missing: string[] = []
  if (process.platform !== 'linux') missing.push('Linux')
  else {
    if (process.getuid?.() !== 0) missing.push('root (network namespaces are made)')
    if (!answers('ip', '-V')) missing.push('ip (of iproute2)')
    if (!existsSync('/dev/net/tun')) missing.push('/dev/net/tun (the module tun)')
    if (compiler() === undefined) missing.push('a C compiler (gcc or clang, or name one in CC)')
  }
  if (missing.length === 0) return
  throw new Error(`emulated links need ${missing.join(', ')}; all others run without`)
}

/** What a comparison of these needs is there then. @throws Error that says what is missing of machine or packages. */
export function prepare(peers: readonly string[]): void {
  checkMachine()
  if (peers.some(needsPackages)) installPackages()
}

/** The path of a tool, compiled if it is missing or older than its source. @throws Error */
export function tool(name: Tool): string {
  const source = fileURLToPath(new URL(`${name}.c`, SOURCES))
  const built = fileURLToPath(new URL(name, BUILT))
  if (existsSync(built) && statSync(built).mtimeMs > statSync(source).mtimeMs) return built
  const fresh = `${built}.${process.pid}`
  mkdirSync(BUILT, { recursive: true })
  execFileSync(compiler() ?? 'cc', ['-O2', '-Wall', '-Wextra', '-o', fresh, source], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  renameSync(fresh, built)
  return built
}

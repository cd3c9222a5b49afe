// Libraries of others over our sockets, against real servers: `npm run test:clients -- --help`.
// The libraries are installed into test/clients on first use; a server that this machine lacks is named, and the rest goes on.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { checkFiles, understand } from '../dist/test/long/command-line.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'test/clients')
const run = (...args) => execFileSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
const read = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {})

function isInstalled() {
  const { dependencies } = read(join(folder, 'package.json'))
  return Object.entries(dependencies).every(
    ([name, version]) => read(join(folder, 'node_modules', name, 'package.json')).version === version,
  )
}

/** Without their scripts: nothing native is needed, and nothing else is fetched. */
function install() {
  process.stderr.write('test:clients: installing the libraries into test/clients …\n')
  const args = ['install', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const npm = process.env.npm_execpath
  if (npm?.endsWith('js')) execFileSync(process.execPath, [npm, ...args], { cwd: folder, stdio: 'inherit' })
  else execFileSync('npm', args, { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' })
}

const HELP = `Libraries of others over our sockets, against real servers, those of test/clients: docs/clients.md.

  npm run test:clients -- [word]...    only files that have one of the words in their path`

const files = understand('test:clients', HELP, { allowPositionals: true }, ({ positionals }) => {
  checkFiles('test/clients', positionals)
  return positionals
})
const vitest = ['run', '--config', 'test/clients/vitest-config.ts', '--reporter=verbose', ...files]
try {
  if (!isInstalled()) install()
  run('node_modules/typescript/bin/tsc', '-p', folder)
  run('node_modules/vitest/vitest.mjs', ...vitest)
} catch (error) {
  process.exitCode = error.status ?? 1
}

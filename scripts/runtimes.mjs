// Runtimes other than the one that runs this, from npm packages that hold their binaries: fetched on first use into .runtimes/, never installed anywhere.
import { spawn } from 'node:child_process'
import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, '.runtimes')
const platform = process.platform === 'win32' ? 'win' : process.platform
const exe = process.platform === 'win32' ? '.exe' : ''

/** Version as asked for → package and range. */
const nodePackage = (version) => `node-${platform}-${process.arch}@${version}`

let running
// who ends this ends what it runs
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    running?.kill(signal)
    process.exit(1)
  })
}

/** Runs a command to its end. @returns its exit code and all that it printed */
export function run(command, args, { log, env = process.env, limit = 0 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    running = child
    const file = log === undefined ? undefined : createWriteStream(log)
    const timer = limit > 0 ? setTimeout(() => child.kill('SIGKILL'), limit) : undefined
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk
        file?.write(chunk)
      })
    }
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(timer)
      file?.end()
      resolve({ code, output })
    })
  })
}

/** Where a package of that name is, fetched if it is not there. */
async function fetched(alias, spec, scripts = false) {
  const at = join(folder, 'node_modules', alias)
  if (existsSync(join(at, 'package.json'))) return at
  process.stderr.write(`fetching ${spec} …\n`)
  mkdirSync(folder, { recursive: true })
  if (!existsSync(join(folder, 'package.json'))) writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error']
  if (!scripts) args.push('--ignore-scripts')
  const { code, output } = await run('npm', [...args, `${alias}@npm:${spec}`])
  if (code !== 0) throw new Error(`npm could not install ${spec}:\n${output}`)
  return at
}

/** Path of a Node's binary; `version`: a major one, or `latest`. */
export async function nodeBinary(version) {
  const at = await fetched(`node-${version}`, nodePackage(version))
  return join(at, platform === 'win' ? 'node.exe' : 'bin/node')
}

export async function bunBinary() {
  const at = await fetched('bun', `@oven/bun-${platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`)
  return join(at, 'bin', `bun${exe}`)
}

/** The binary is that of a package beside, one for each platform. */
export async function denoBinary() {
  await fetched('deno', 'deno')
  const beside = join(folder, 'node_modules/@deno')
  const [own] = readdirSync(beside)
  return join(beside, own, `deno${exe}`)
}

/** One after the other. Ends the process with a word on the first that cannot be had. */
export async function fetchAll(binaries) {
  try {
    const paths = []
    for (const binary of binaries) paths.push(await binary())
    return paths
  } catch (error) {
    console.error(error.message.trimEnd())
    process.exit(1)
  }
}

/** With the binary's folder first, so that what a test starts by name is this one too. */
export function environmentOf(binary) {
  return { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env.PATH}` }
}

export const versionOf = async (binary) => /\d+\.\d+\.\d+/.exec((await run(binary, ['--version'])).output)?.[0] ?? '?'

/** Cells of equal width, as Markdown has them. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)))
  const line = (row) => `| ${row.map((cell, column) => String(cell).padEnd(widths[column])).join(' | ')} |`
  return [
    line(rows[0]),
    `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`,
    ...rows.slice(1).map(line),
  ].join('\n')
}

export const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))
export const logFile = (name) => {
  mkdirSync(folder, { recursive: true })
  return join(folder, name)
}

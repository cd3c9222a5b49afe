// Installs and builds whatever is missing or out of date, then becomes the command that it was given.
//
//   node scripts/run.mjs [--no-build] [NAME=value]... [<package with a bin, a built file or a script> [argument]...]
//
// The command runs in this very process, so terminal, pipes, signals and exit code are its own. Nothing is printed when there is nothing to do.
import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const at = (...names) => join(root, ...names)
const lockFile = at('.run.lock')
const holderId = `${process.pid}@${hostname()}`
const heartbeat = 2000 // ms between signs of life of a lock's holder

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))
const mtime = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Whether node_modules holds exactly the versions of the lockfile: npm leaves a list of what it has installed, once it has. */
function isInstalled() {
  if (!existsSync(at('node_modules/.package-lock.json'))) return false
  const installed = readJson(at('node_modules/.package-lock.json')).packages
  return Object.entries(readJson(at('package-lock.json')).packages).every(
    ([path, wanted]) => path === '' || wanted.optional || installed[path]?.version === wanted.version,
  )
}

const isSource = (path) => !['node_modules', 'results'].includes(basename(path))

/** Names of the source files: `name`, or those in the folder of that name. */
function filesOf(name) {
  if (!statSync(at(name), { throwIfNoEntry: false })?.isDirectory()) return [name]
  return readdirSync(at(name), { withFileTypes: true })
    .filter((entry) => isSource(entry.name) && (entry.isDirectory() || entry.name.endsWith('.ts')))
    .flatMap((entry) => filesOf(join(name, entry.name)))
}

const sources = [
  'lib',
  'test',
  'bench',
  'examples',
  'scripts/doors.mjs',
  'tsconfig.json',
  'package.json',
  'package-lock.json',
]
const listSources = () => sources.flatMap(filesOf)

/** The list of what it was built from says what has gone since: a folder's time moves for what is no source, too. */
function isBuilt() {
  if (!existsSync(at('dist/.built'))) return false
  const files = listSources()
  if (readFileSync(at('dist/.built'), 'utf8') !== files.join('\n')) return false
  return mtime(at('dist/.built')) > Math.max(...files.map((name) => mtime(at(name))))
}

/** Runs a command quietly; what it said is shown if it failed. */
async function quietly(command, args, options = {}) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  const code = await new Promise((done, failed) => child.on('error', failed).on('close', done))
  if (code !== 0) throw new Error(`${said.trim()}\n\n${[command, ...args].join(' ')}: exit code ${code}`)
}

async function install() {
  const args = [
    'ci',
    '--include=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-progress',
    '--loglevel=error',
  ]
  const npm = process.env.npm_execpath // the npm that started us; without one, the npm of the PATH
  if (npm?.endsWith('js')) await quietly(process.execPath, [npm, ...args])
  else await quietly('npm', args, { shell: process.platform === 'win32' })
}

/**
 * Compiles a copy of the sources, and puts what differs in its place file by file: what runs from dist/ meanwhile finds each file whole, as it was
 * or as it is now, and all of them as they were if there is an error in the types. What earlier builds made of files that are gone goes last.
 */
async function build() {
  const started = Date.now() / 1000
  const files = listSources()
  const copy = at('.build')
  let made
  rmSync(at('dist/.built'), { force: true })
  rmSync(copy, { recursive: true, force: true })
  try {
    for (const name of sources) {
      if (existsSync(at(name))) cpSync(at(name), join(copy, name), { recursive: true, filter: isSource })
    }
    symlinkSync(at('node_modules'), join(copy, 'node_modules'), 'junction')
    await quietly(process.execPath, [at('node_modules/typescript/bin/tsc'), '-p', copy], { cwd: copy })
    await quietly(process.execPath, [at('scripts/doors.mjs'), copy])
    made = new Set(readdirSync(join(copy, 'dist'), { recursive: true }))
    replace(join(copy, 'dist'), at('dist'))
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
  for (const name of readdirSync(at('dist'), { recursive: true })) {
    if (/\.(ts|js|map)$/.test(name) && !made.has(name)) rmSync(at('dist', name))
  }
  writeFileSync(at('dist/.built'), files.join('\n'))
  utimesSync(at('dist/.built'), started, started) // what changes while tsc runs is newer than the build
}

function replace(from, to) {
  mkdirSync(to, { recursive: true })
  // what is imported is there before what imports it
  const entries = readdirSync(from, { withFileTypes: true }).sort((a, b) => b.isDirectory() - a.isDirectory())
  for (const entry of entries) {
    const [made, place] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) replace(made, place)
    else if (!existsSync(place) || !readFileSync(made).equals(readFileSync(place))) renameSync(made, place)
  }
}

/** Whether whoever wrote the lock has gone. A holder shows that it lives by touching the file. */
function isAbandoned(holder) {
  if (Date.now() - mtime(lockFile) > 5 * heartbeat) return true
  const [pid, host] = holder.split('@')
  if (host !== hostname()) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

/** Takes an abandoned lock away. Of several that try, one moves it; who finds that it has moved a newer one puts that back. */
function clearAbandoned() {
  const moved = `${lockFile}.${process.pid}.old`
  try {
    const holder = readFileSync(lockFile, 'utf8')
    if (!isAbandoned(holder)) return
    renameSync(lockFile, moved)
    if (readFileSync(moved, 'utf8') !== holder) linkSync(moved, lockFile)
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error
  } finally {
    rmSync(moved, { force: true })
  }
}

function showLife() {
  try {
    utimesSync(lockFile, new Date(), new Date())
  } catch {} // taken from us while this process was suspended
}

/** Runs `work` while no other process of this clone does; the file appears with its holder's name in it, at once or not at all. */
async function alone(work) {
  const mine = `${lockFile}.${process.pid}`
  writeFileSync(mine, holderId)
  let beat
  try {
    for (let told = false; ; told = true) {
      try {
        utimesSync(mine, new Date(), new Date()) // the two names are one file: it begins to age now
        linkSync(mine, lockFile)
        break
      } catch (error) {
        if (error.code !== 'EEXIST') throw error
      }
      clearAbandoned()
      if (!told) progress('waiting for another run that installs or builds')
      await delay(200)
    }
    beat = setInterval(showLife, heartbeat)
    return await work()
  } finally {
    clearInterval(beat)
    if (beat) rmSync(lockFile, { force: true })
    rmSync(mine, { force: true })
  }
}

let line = ''
function progress(step) {
  process.stderr.write(line === '' ? `tcp-over-udp: ${step} …` : ` ${step} …`)
  line += step
}

/** @param {boolean} built whether dist/ is needed too */
async function prepare(built) {
  if (isInstalled() && (!built || isBuilt())) return
  const started = performance.now()
  try {
    await alone(async () => {
      if (!isInstalled()) {
        progress('installing')
        await install()
      }
      if (built && !isBuilt()) {
        progress('building')
        await build()
      }
    })
    if (line !== '') process.stderr.write(` done in ${((performance.now() - started) / 1000).toFixed(1)} s\n`)
  } catch (error) {
    process.stderr.write(`${line === '' ? '' : ' failed\n'}${error.message}\n`)
    process.exit(1)
  }
}

/** The file to run: one of ours, or the bin of an installed package. */
function commandFile(command) {
  if (/^(dist|scripts)\//.test(command)) return at(command)
  const name = { attw: '@arethetypeswrong/cli', biome: '@biomejs/biome' }[command] ?? command
  const manifest = at('node_modules', name, 'package.json')
  if (!existsSync(manifest)) {
    process.stderr.write(`there is no package '${name}' to run; ${HELP}\n`)
    process.exit(2)
  }
  const { bin } = readJson(manifest)
  return at('node_modules', name, typeof bin === 'string' ? bin : bin[command])
}

const HELP = 'npm run build installs and builds what is missing or out of date, and takes no arguments'
const args = process.argv.slice(2)
if (args[0] === '--help') {
  process.stdout.write(`${HELP}\n`)
  process.exit(0)
}
let built = true
while (args.length > 0) {
  const assignment = /^([A-Z_]+)=(.*)$/.exec(args[0])
  if (args[0] === '--no-build') built = false
  else if (assignment) process.env[assignment[1]] ??= assignment[2]
  else break
  args.shift()
}
await prepare(built)
if (args.length > 0) {
  const file = resolve(commandFile(args[0]))
  process.argv = [process.execPath, file, ...args.slice(1)]
  await import(pathToFileURL(file).href)
}

// A server program of this machine for as long as it is needed: on a free port, in a folder of its own, ended by its pid.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, chownSync, constants, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import process from 'node:process'

const PATIENCE = 90_000 // ms until it has to be ready
const GRACE = 5000 // ms until it has to be gone
const NOBODY = 65534 // of Linux; most servers refuse to run as root

/** Of Debian: folders that are not on everybody's PATH. */
function places(): string[] {
  const versions = '/usr/lib/postgresql'
  const postgresql = existsSync(versions) ? readdirSync(versions).map((version) => join(versions, version, 'bin')) : []
  return ['/usr/lib/rabbitmq/bin', ...postgresql.reverse(), ...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
}

/** Where a program is; undefined: this machine has none of that name. */
export function programNamed(name: string): string | undefined {
  return places()
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** How to start a server. */
export interface Recipe {
  readonly program: string
  /** Debian's package that has it. */
  readonly debian: string
  /** What it says when it serves. */
  readonly ready: RegExp
  /** It is meant to run as whoever runs us, root included. */
  readonly asCaller?: boolean
  arguments(port: number, folder: string): string[]
  environment?(port: number, folder: string): NodeJS.ProcessEnv
  /** What has to be in its folder: names and texts. */
  files?(folder: string): Readonly<Record<string, string>>
  /** Commands that run before it does, as whoever it will run as. */
  before?(folder: string): readonly (readonly string[])[]
  /** And after it. */
  after?(port: number): readonly (readonly string[])[]
  readonly signal?: NodeJS.Signals
}

/** A server that runs. */
export interface Daemon {
  /** TCP port on 127.0.0.1. */
  readonly port: number
  /** Of its data; gone when it has stopped. */
  readonly folder: string
  stop(): Promise<void>
}

export const isInstalled = ({ program }: Recipe): boolean => programNamed(program) !== undefined

/** In a sentence, for who lacks it. */
export const missing = ({ program, debian }: Recipe): string => `${program} is missing here: apt install ${debian}`

/** @throws Error when it is missing, or does not come up */
export async function startDaemon(recipe: Recipe): Promise<Daemon> {
  const program = programNamed(recipe.program)
  if (program === undefined) throw new Error(missing(recipe))
  const folder = mkdtempSync(join(tmpdir(), `tcp-over-udp-${recipe.program}-`))
  const port = await freePort()
  const nobody = process.getuid?.() === 0 && !recipe.asCaller ? { uid: NOBODY, gid: NOBODY } : null
  if (nobody !== null) chownSync(folder, nobody.uid, nobody.gid)
  const env = { ...process.env, HOME: folder, LC_ALL: 'C', ...recipe.environment?.(port, folder) }
  const options = { cwd: folder, env, ...nobody }
  for (const [name, text] of Object.entries(recipe.files?.(folder) ?? {})) {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    if (nobody !== null) chownSync(join(folder, name), nobody.uid, nobody.gid)
  }
  const run = (commands: readonly (readonly string[])[] = []): void => {
    for (const [name = '', ...args] of commands) {
      execFileSync(programNamed(name) ?? name, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
    }
  }
  run(recipe.before?.(folder))
  const child = spawn(program, recipe.arguments(port, folder), { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const clear = (): void => {
    child.kill('SIGKILL')
    run(recipe.after?.(port))
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', clear)
  const stop = async (): Promise<void> => {
    await end(child, recipe.signal ?? 'SIGTERM')
    process.removeListener('exit', clear)
    clear()
  }
  try {
    await says(child, recipe.ready)
  } catch (error) {
    await stop().catch(() => {})
    throw error
  }
  return { port, folder, stop }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function says(child: ChildProcess, ready: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    const give = (reason: string): void => reject(new Error(`${child.spawnfile} ${reason}:\n${said.slice(-2000)}`))
    const timer = setTimeout(give, PATIENCE, `was not ready after ${PATIENCE} ms`)
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        said = `${said}${text}`.slice(-10_000)
        if (!ready.test(said)) return
        clearTimeout(timer)
        resolve()
      })
    }
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      give(`ended with ${code ?? signal}`)
    })
  })
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE)
  await gone
  clearTimeout(timer)
}

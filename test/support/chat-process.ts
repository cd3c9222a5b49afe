// The built chat as a process of its own, driven through pipes: what it prints is awaited, never slept for.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './source-tree.js'

const PROGRAM = join(root, 'dist/examples/chat.js')
const PATIENCE = 25_000 // ms; less than a test may take, so that one learns what is missing

export class ChatProcess {
  readonly name: string
  readonly folder: string
  output = ''
  errors = ''
  readonly exited: Promise<number | null>
  readonly #child: ChildProcessWithoutNullStreams
  #looking: (() => void)[] = []

  constructor(name: string, ...args: string[]) {
    if (!existsSync(PROGRAM)) throw new Error('the chat is not built: npm run build')
    this.name = name
    this.folder = mkdtempSync(join(tmpdir(), `chat-${name}-`))
    this.#child = spawn(process.execPath, [PROGRAM, '--name', name, ...args], { cwd: this.folder })
    this.#child.stdin.on('error', () => {}) // it may be gone before it has read everything
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
      for (const look of this.#looking) look()
    })
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text
    })
    this.exited = new Promise((resolve) => this.#child.on('close', resolve))
  }

  say(...lines: string[]): void {
    for (const line of lines) this.#child.stdin.write(`${line}\n`)
  }

  endInput(): void {
    this.#child.stdin.end()
  }

  signal(signal: 'SIGKILL' | 'SIGINT' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  /** Settles once a line that begins so has been printed, after the part that was printed at `from`. @returns the line */
  sees(beginning: string, from = 0): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = `\n${this.output}`.indexOf(`\n${beginning}`, from)
        const end = found === -1 ? -1 : this.output.indexOf('\n', found)
        if (end === -1) return
        settle()
        resolve(this.output.slice(found, end))
      }
      const settle = (): void => {
        clearTimeout(limit)
        this.#looking = this.#looking.filter((one) => one !== look)
      }
      const limit = setTimeout(() => {
        settle()
        reject(new Error(`${this.name} never printed '${beginning}':\n${this.output}${this.errors}`))
      }, PATIENCE)
      this.#looking.push(look)
      look()
    })
  }

  /** Ends it if it has not ended, and removes its folder. */
  async dispose(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A UDP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

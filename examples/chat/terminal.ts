// Where the chat is read and typed: a terminal with a line to edit and bars, or plain lines through pipes.
import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline'
import { size } from './text.js'

const BAR_LENGTH = 20
const REDRAW = 100 // ms
const COLOURS = [31, 32, 33, 34, 35, 36]

interface Bar {
  done: number
  total: number
  since: number
}

export class Terminal {
  readonly #input: NodeJS.ReadStream
  readonly #output: NodeJS.WriteStream
  readonly #isTerminal: boolean
  readonly #colours: boolean
  readonly #bars = new Map<string, Bar>()
  #lines: Interface | null = null
  #drawn = 0
  /** Nobody reads us any more. */
  #lost = false
  #onLost: () => void = () => process.exit(1)

  constructor(input: NodeJS.ReadStream, output: NodeJS.WriteStream) {
    this.#input = input
    this.#output = output
    this.#isTerminal = input.isTTY === true && output.isTTY === true
    this.#colours = output.isTTY === true && !process.env.NO_COLOR
    output.on('error', () => this.#lose())
    input.on('error', () => this.#lose())
  }

  /** Begins to read. `onInterrupt`: Ctrl-C. */
  start(onLine: (line: string) => void, onEnd: () => void, onInterrupt: () => void): void {
    const lines = createInterface({
      ...{ input: this.#input, crlfDelay: Number.POSITIVE_INFINITY, terminal: this.#isTerminal, prompt: '> ' },
      ...(this.#isTerminal && { output: this.#output, historySize: 200 }),
    })
    this.#lines = lines
    this.#onLost = onInterrupt
    lines.on('line', (line) => {
      onLine(line)
      if (this.#isTerminal && this.#lines !== null) lines.prompt()
    })
    lines.on('SIGINT', onInterrupt)
    // Not in its types: it passes on the errors of its input, such as those of a terminal that was closed.
    ;(lines as NodeJS.EventEmitter).on('error', () => this.#lose())
    lines.on('close', () => {
      if (this.#lines !== null) onEnd()
    })
    if (this.#isTerminal) lines.prompt()
  }

  stop(): void {
    const lines = this.#lines
    this.#lines = null
    if (this.#isTerminal && !this.#lost && lines !== null) this.#erase(lines)
    lines?.close()
    this.#input.destroy()
  }

  #lose(): void {
    if (this.#lost) return
    this.#lost = true
    this.#onLost()
  }

  /** Someone said something. */
  line(name: string, text: string): void {
    const hash = [...name].reduce((sum, letter) => sum + letter.codePointAt(0)!, 0)
    const colour = COLOURS[hash % COLOURS.length]
    this.#print(this.#colours ? `\x1b[${colour}m<${name}>\x1b[0m ${text}` : `<${name}> ${text}`)
  }

  /** The chat itself says something. */
  say(text: string): void {
    for (const line of text.trimEnd().split('\n')) this.#print(this.#colours ? `\x1b[2m${line}\x1b[0m` : line)
  }

  /** A bar before the line that is being typed; `total` 0 takes it away. Without a terminal there are none. */
  progress(label: string, done: number, total: number): void {
    if (!this.#isTerminal || this.#lost) return
    if (total === 0) this.#bars.delete(label)
    else this.#bars.set(label, { done, total, since: this.#bars.get(label)?.since ?? performance.now() })
    const now = performance.now()
    if (total > 0 && now - this.#drawn < REDRAW) return
    this.#drawn = now
    const lines = this.#lines
    if (lines === null) return
    this.#erase(lines)
    lines.setPrompt(`${[...this.#bars].map(([name, bar]) => drawBar(name, bar, now)).join('')}> `)
    lines.prompt(true)
  }

  #print(line: string): void {
    if (this.#lost) return
    const lines = this.#isTerminal ? this.#lines : null
    if (lines !== null) this.#erase(lines)
    this.#output.write(`${line}\n`)
    lines?.prompt(true)
  }

  // What is being typed may have several rows.
  #erase(lines: Interface): void {
    moveCursor(this.#output, 0, -lines.getCursorPos().rows)
    cursorTo(this.#output, 0)
    clearScreenDown(this.#output)
  }
}

function drawBar(label: string, { done, total, since }: Bar, now: number): string {
  const filled = Math.round((BAR_LENGTH * done) / total)
  const rate = size((1000 * done) / Math.max(1, now - since))
  return `${label} [${'#'.repeat(filled)}${'.'.repeat(BAR_LENGTH - filled)}] ${Math.floor((100 * done) / total)} % ${rate}/s  `
}

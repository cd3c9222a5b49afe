// A chat between any number of people: `npm run chat`. What the room is and how it survives its host is in chat/README.md.
import process from 'node:process'
import { type ChatOptions, commands, readOptions, USAGE } from './chat/options.js'
import { Session } from './chat/session.js'
import { statsTable } from './chat/stats.js'
import { Terminal } from './chat/terminal.js'
import { cleanName, cleanText, isTooLong, LONGEST_LINE, place } from './chat/text.js'
import { Transport } from './chat/transport.js'
import { UsageError } from './shared/command-line.js'

const IMPATIENCE = 500 // ms; npm passes on a Ctrl-C that has come here already

let options: ChatOptions | null
try {
  options = readOptions(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\nTry --help.\n`)
  process.exit(2)
}
if (options === null) process.stdout.write(USAGE)
else await chat(options)

async function chat(options: ChatOptions): Promise<void> {
  const terminal = new Terminal(process.stdin, process.stdout)
  const session = new Session(options, terminal, new Transport(options))
  let interruptedAt = Number.POSITIVE_INFINITY
  const interrupt = (): void => {
    const now = performance.now()
    if (now - interruptedAt > IMPATIENCE) process.exit(130)
    interruptedAt = Math.min(interruptedAt, now)
    session.files.abandon()
    void session.quit()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
  const listen = (): void => {
    terminal.start(
      (line) => obey(line, session, terminal),
      () => void session.quit(),
      interrupt,
    )
  }
  try {
    await session.run(listen)
  } catch (error) {
    process.exitCode = 1
    process.stderr.write(`No room at ${place(options.host, options.port)}: ${explain(error, options)}\n`)
  }
  terminal.stop()
}

function obey(line: string, session: Session, terminal: Terminal): void {
  const [, command, rest = ''] = /^\/(\S*)\s*(.*)$/u.exec(line.trimEnd()) ?? []
  const typed = command === undefined || command.startsWith('/') ? line.replace(/^\/\//u, '/') : ''
  const text = cleanText(typed)
  if (text.trim() !== '') {
    session.say(text)
    if (isTooLong(typed)) terminal.say(`* only the first ${LONGEST_LINE} characters of that line were said`)
  } else if (command === 'who')
    terminal.say(`* here: ${session.who().join(', ') || 'nobody, there is no room at the moment'}`)
  else if (command === 'nick' && rest !== '') session.rename(cleanName(rest))
  else if (command === 'send' && rest !== '') void session.files.send(rest.trim())
  else if (command === 'stats') terminal.say(statsTable(session.connections()))
  else if (command === 'help') terminal.say(commands())
  else if (command === 'quit') void session.quit()
  else if (command === 'nick' || command === 'send') terminal.say(`* /${command} what?`)
  else if (command !== undefined) terminal.say(`* there is no /${cleanText(command)}; /help lists what there is`)
}

function explain(error: unknown, { host, port }: ChatOptions): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `something that does not answer has UDP port ${port}; --port chooses another`
  if (code === 'EADDRNOTAVAIL') return `nobody answers there, and ${host} is not an address of this machine`
  if (code === 'ENOTFOUND') return `the name ${host} is not known`
  return message
}

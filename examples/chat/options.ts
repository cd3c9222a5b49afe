// The command line of the chat.
import { userInfo } from 'node:os'
import { parseArgs } from 'node:util'
import { number, UsageError } from '../shared/command-line.js'
import { DEFAULT_PORT } from './protocol.js'
import { cleanName } from './text.js'

export const USAGE = `Usage: npm run chat -- [options]

Joins the room at the given place, or opens it there when nobody has.

  --host ADDRESS   where the room is; 0.0.0.0 or :: opens it to other machines  (127.0.0.1)
  --port PORT      UDP port                                                     (${DEFAULT_PORT})
  --name NAME      what the others call you                                     (your user name)
  --loss RATE      lose this share of the datagrams that leave here, 0 to 0.9   (0)
  --delay MS       and delay each of them, 0 to 5000                            (0)
  --max-file SIZE  longest file to send or take: 500k, 20M, 1G                  (1G)
  --no-files       take no files
  --help           this text

In the room, a line is said to everybody. Commands:
${commands()}
Without a terminal, lines are read from standard input, and its end means /quit.
`

export function commands(): string {
  return `  /who         who is here
  /nick NAME   change your name
  /send FILE   offer a file to everybody; it arrives in their folder received/
  /stats       the TCP connections that end here: state, round trip, retransmissions, rates
  /help        this list
  /quit        leave, once everything said has been passed on and last words have come
  //TEXT       say a line that begins with /
`
}

export interface ChatOptions {
  host: string
  port: number
  name: string
  loss: number
  delay: number
  maxFile: number
  files: boolean
}

/** @returns null if only help is wanted */
export function readOptions(args: string[]): ChatOptions | null {
  let values: ReturnType<typeof parse>
  try {
    values = parse(args)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  if (values.help) return null
  return {
    host: values.host ?? '127.0.0.1',
    port: number('--port', values.port ?? `${DEFAULT_PORT}`, 1, 65_535, true),
    name: cleanName(values.name ?? ownName()),
    loss: number('--loss', values.loss ?? '0', 0, 0.9, false),
    delay: number('--delay', values.delay ?? '0', 0, 5000, false),
    maxFile: fileSize(values['max-file'] ?? '1G'),
    files: !values['no-files'],
  }
}

function parse(args: string[]) {
  const string = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = {
    ...{ host: string, port: string, name: string, loss: string, delay: string },
    ...{ 'max-file': string, 'no-files': flag, help: { ...flag, short: 'h' } },
  } as const
  return parseArgs({ args, options, allowPositionals: false }).values
}

function fileSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)i?b?$/iu.exec(text.trim())
  if (match === null) throw new UsageError(`--max-file is a size such as 500k, 20M or 1G, not '${text}'`)
  const size = Math.floor(Number(match[1]) * 1024 ** ' kmg'.indexOf(match[2]!.toLowerCase() || ' '))
  if (size > 1024 ** 3) throw new UsageError('--max-file is at most 1G')
  return size
}

function ownName(): string {
  try {
    return userInfo().username
  } catch {
    return 'guest' // a user id without an entry
  }
}

// One end of a benchmark over a link: a process of its own in a namespace, forked by ends.ts, commanded by messages.
import type { Duplex } from 'node:stream'
import { CHUNK, isPieceAt, pieceAt } from '../pattern.js'
import type { Answer, Command, Mark, Sample } from './messages.js'
import { type LinkPeer, linkPeerNamed } from './peers.js'

/** ms between samples of what has come. */
const SAMPLE_INTERVAL = 20

let bytes = 0
let intact = true
let sender: { peer: LinkPeer; stream: Duplex } | undefined
const samples: Sample[] = []

const say = (answer: Answer): void => void process.send?.(answer)
/** ms, on a clock that all processes of the machine share. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6

function mark(): Mark {
  const { user, system } = process.cpuUsage()
  const segments = sender === undefined ? null : sender.peer.segments(sender.stream)
  return { at: now(), bytes, cpu: (user + system) / 1000, intact, segments }
}

function fatal(stream: Duplex): void {
  stream.on('error', (error) => say({ kind: 'failed', message: error.message }))
}

function sample(): void {
  samples.push([now(), bytes])
}

/** A connection of its own content; the counters are those of all. */
function receive(stream: Duplex): void {
  let offset = 0
  fatal(stream)
  stream.on('data', (chunk: Buffer) => {
    if (bytes === 0) {
      say({ kind: 'first', mark: mark() })
      sample()
      setInterval(sample, SAMPLE_INTERVAL)
    }
    intact &&= isPieceAt(offset, chunk)
    offset += chunk.length
    bytes += chunk.length
  })
  stream.on('end', () => stream.end())
}

/** Writes up to `goal` bytes, and ends. */
function send(stream: Duplex, goal: number): void {
  let offset = 0
  const write = (): void => {
    while (offset < goal) {
      const piece = pieceAt(offset, Math.min(CHUNK, goal - offset))
      offset += piece.length
      bytes += piece.length
      if (!stream.write(piece) && offset < goal) {
        stream.once('drain', write)
        return
      }
    }
    stream.end()
  }
  write()
}

async function sendForever(command: Extract<Command, { kind: 'send' }>): Promise<void> {
  const peer = linkPeerNamed(command.peer)
  const stream = await peer.connect(command.address, command.port)
  fatal(stream)
  stream.resume()
  sender = { peer, stream }
  say({ kind: 'connected', mark: mark() })
  send(stream, Infinity)
}

/** From connect() until the other end's FIN is here: it sends that when it has read ours. */
async function sendFile(command: Extract<Command, { kind: 'file' }>): Promise<void> {
  const began = now()
  const stream = await linkPeerNamed(command.peer).connect(command.address, command.port)
  fatal(stream)
  stream.on('end', () => {
    say({ kind: 'filed', ms: now() - began })
    // udx-native waits for a while in its close; the next transfer need not
    stream.destroy()
  })
  stream.resume()
  send(stream, command.bytes)
}

async function obey(command: Command): Promise<void> {
  switch (command.kind) {
    case 'listen':
      await linkPeerNamed(command.peer).listen(command.address, command.port, receive)
      return say({ kind: 'listening' })
    case 'send':
      return sendForever(command)
    case 'file':
      return sendFile(command)
    case 'mark':
      return say({ kind: 'marked', mark: mark() })
    case 'samples':
      sample()
      return say({ kind: 'sampled', samples })
  }
}

process.on('message', (command: Command) => {
  obey(command).catch((error: Error) => say({ kind: 'failed', message: error.message }))
})
process.on('disconnect', () => process.exit())

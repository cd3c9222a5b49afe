// One end of a transfer in a process of its own: forked by transfer.ts, commanded by messages.
import type { Duplex } from 'node:stream'
import type { Answer, Command, Snapshot } from './messages.js'
import { CHUNK, isPieceAt, pieceAt } from './pattern.js'
import { peerNamed } from './peers/by-name.js'
import type { Peer } from './peers/peer.js'

let bytes = 0
/** Bytes to send in all; stop() lowers it to what was sent. */
let goal = 0

const say = (answer: Answer): void => void process.send?.(answer)

function snapshot(): Snapshot {
  const { user, system } = process.cpuUsage()
  return { bytes, at: performance.now(), cpu: (user + system) / 1000 }
}

function receive(stream: Duplex): void {
  let intact = true
  stream.on('data', (chunk: Buffer) => {
    intact &&= isPieceAt(bytes, chunk)
    bytes += chunk.length
  })
  stream.on('end', () => say({ kind: 'received', intact, snapshot: snapshot() }))
}

function send(stream: Duplex): void {
  const write = (): void => {
    while (bytes < goal) {
      const piece = pieceAt(bytes, Math.min(CHUNK, goal - bytes))
      bytes += piece.length
      if (!stream.write(piece) && bytes < goal) {
        stream.once('drain', write)
        return
      }
    }
    stream.end()
  }
  write()
}

async function listen(peer: Peer): Promise<void> {
  const port = await peer.listen((stream) => {
    fatal(stream)
    receive(stream)
  })
  say({ kind: 'listening', port })
}

function connect(peer: Peer, command: Extract<Command, { kind: 'connect' }>): void {
  goal = command.bytes ?? Infinity
  const stream = peer.connect(command.port, command.path)
  fatal(stream)
  stream.on('connect', () => send(stream))
  stream.on('close', () => say({ kind: 'closed', snapshot: snapshot() }))
  stream.resume()
}

function fatal(stream: Duplex): void {
  stream.on('error', (error) => say({ kind: 'failed', message: error.message }))
}

process.on('message', (command: Command) => {
  switch (command.kind) {
    case 'listen':
      listen(peerNamed(command.peer)).catch((error: Error) => say({ kind: 'failed', message: error.message }))
      break
    case 'connect':
      connect(peerNamed(command.peer), command)
      break
    case 'mark':
      say({ kind: 'marked', snapshot: snapshot() })
      break
    case 'stop':
      goal = bytes
      break
  }
})
process.on('disconnect', () => process.exit())

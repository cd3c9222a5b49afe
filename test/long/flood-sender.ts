// The sender of a flood: SYNs from many addresses and ports, at a rate, and what comes back is counted and thrown away.
import { createSocket, type Socket } from 'node:dgram'
import { encode, MAX_HEADER_LENGTH, Segment, SYN } from 'tcp-over-udp/core'
import type { FloodReport } from './flood-messages.js'

/** Addresses of 127.0.0.0/8 that say to be as many hosts; each has 65,536 TCP ports. */
const ADDRESSES = 64

const [port, rate, seconds] = process.argv.slice(2).map(Number) as [number, number, number]
let bytesBack = 0
let sent = 0

const lookup = (host: string, _options: unknown, done: (error: null, address: string, family: number) => void): void =>
  done(null, host, 4)

function source(i: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: 'udp4', lookup: lookup as never, recvBufferSize: 2 ** 20 })
    socket.on('message', (bytes) => {
      bytesBack += bytes.length
    })
    socket.on('error', () => {})
    socket.bind(0, `127.1.${i >> 8}.${1 + (i & 255)}`, () => socket.connect(port, '127.0.0.1', () => resolve(socket)))
  })
}

const sources = await Promise.all(Array.from({ length: ADDRESSES }, (_, i) => source(i)))
const syn = new Segment()
Object.assign(syn, { flags: SYN, destinationPort: port, window: 64_240, mss: 1460, windowScale: 7 })
Object.assign(syn, { sackPermitted: true, hasTimestamps: true })
const bytes = new Uint8Array(MAX_HEADER_LENGTH)
const { length } = bytes.subarray(0, encode(syn, bytes))

function sendOne(): void {
  syn.sourcePort = 1 + (sent % 65_535)
  syn.seq = (sent * 2_654_435_761) >>> 0
  syn.tsVal = sent
  // a queued send points at its bytes
  const datagram = new Uint8Array(length)
  encode(syn, datagram)
  ;(sources[sent % ADDRESSES] as Socket).send(datagram)
  sent++
}

const began = performance.now()
const tick = (): void => {
  const elapsed = performance.now() - began
  const due = Math.min(elapsed, seconds * 1000) * (rate / 1000)
  for (let i = 0; sent < due && i < 500; i++) sendOne()
  if (elapsed < seconds * 1000) {
    setImmediate(tick)
    return
  }
  const report: FloodReport = { sent, bytes: sent * length, bytesBack, seconds: elapsed / 1000 }
  process.send?.(report, () => process.exit())
}
tick()

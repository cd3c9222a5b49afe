// What dgram has allocated for a datagram is given back as soon as its text has been copied out of it (decision 030).
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { DgramSocket } from '../../lib/platform/dgram-socket.js'
import type { DatagramHandler } from '../../lib/platform/platform.js'

const canFree = 'transfer' in ArrayBuffer.prototype

/** What a handler was given: how much of it, whether lent, and all that could be read in its turn. */
interface Seen {
  view: Uint8Array
  isLent: boolean
  read: Uint8Array
}

async function seenOf(datagrams: readonly Uint8Array[]): Promise<Seen[]> {
  const seen: Seen[] = []
  const sender = createSocket('udp4')
  const socket = await new Promise<DgramSocket>((resolve) => {
    const handler: DatagramHandler = {
      onDatagram: (view, start, end, _address, _port, isLent) => {
        seen.push({ view, isLent, read: new Uint8Array(view.subarray(start, end)) })
        if (seen.length === datagrams.length) setImmediate(() => resolve(receiver))
      },
      onRow: () => expect.unreachable(),
      onQuiet: () => undefined,
      onDrain: () => undefined,
      onError: (error) => expect.unreachable(error.message),
    }
    const receiver = new DgramSocket({ address: '127.0.0.1', port: 0, recvBufferSize: 1 << 20 }, handler)
    for (const datagram of datagrams) sender.send(datagram, receiver.port, '127.0.0.1')
  })
  socket.close()
  sender.close()
  await once(sender, 'close')
  return seen
}

describe('a datagram of dgram', () => {
  it('is lent if it is short, and where the platform can, empty when the handler is through', async () => {
    const datagrams = Array.from({ length: 40 }, (_, i) => new Uint8Array(1 + i * 200).fill(i))
    const seen = await seenOf(datagrams)
    expect(seen.map(({ read }) => read)).toEqual(datagrams)
    expect(seen.map(({ isLent }) => isLent)).toEqual(datagrams.map(() => canFree))
    expect(seen.map(({ view }) => view.length)).toEqual(datagrams.map(({ length }) => (canFree ? 0 : length)))
  })

  it("is the handler's own if it is long", async () => {
    const datagrams = [8_192, 20_000, 60_000].map((length) => new Uint8Array(length).fill(7))
    const seen = await seenOf(datagrams)
    expect(seen.map(({ isLent }) => isLent)).toEqual([false, false, false])
    expect(seen.map(({ view }) => view)).toEqual(
      datagrams.map((bytes) => expect.objectContaining({ length: bytes.length })),
    )
    expect(seen.every(({ view }) => view.every((byte) => byte === 7))).toBe(true)
  })
})

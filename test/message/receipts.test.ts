// Receipts over TCP itself, in virtual time: a promise settles when the peer's TCP has acknowledged, or says why it never will.
import { once } from 'node:events'
import type { Message } from 'tcp-over-udp/message'
import { MessageStream } from 'tcp-over-udp/message'
import { expect, test } from 'vitest'
import { createServer } from '../../lib/net/server.js'
import { connect, type Socket } from '../../lib/net/socket.js'
import { type Network, simulate } from '../../lib/testing/network.js'

const DELAY = 50 // ms one way

async function join(network: Network): Promise<[MessageStream, MessageStream]> {
  const a = network.host('10.0.0.1')
  const b = network.host('10.0.0.2')
  const server = createServer({ stack: b.stack, allowHalfOpen: true })
  server.listen(80, '10.0.0.2')
  const accepted = once(server, 'connection')
  const near = connect({ stack: a.stack, host: '10.0.0.2', port: 80, allowHalfOpen: true })
  const [far] = (await network.wait(accepted, 10_000)) as [Socket]
  server.close()
  return [new MessageStream(near), new MessageStream(far)]
}

test('a receipt comes a round trip later, before the peer has read anything', () =>
  simulate({ seed: 1, link: { delay: DELAY } }, async (network) => {
    const [a] = await join(network)
    expect(a.receipts).toBe(true)
    await network.run(1000)
    const sentAt = network.now
    await network.wait(a.send('x'), 5000)
    expect(network.now - sentAt).toBeGreaterThanOrEqual(2 * DELAY)
    expect(network.now - sentAt).toBeLessThan(2 * DELAY + 501) // the longest that an ACK may be delayed
  }))

test('on a path that loses a tenth, every message arrives once, in order, and every receipt too', () =>
  simulate({ seed: 2, link: { delay: DELAY, loss: 0.1 } }, async (network) => {
    const [a, b] = await join(network)
    const got: Message[] = []
    b.on('message', (message) => got.push(message))
    const sent = Array.from({ length: 50 }, (_, i) => (i % 2 ? `message ${i}` : Buffer.alloc(20 * i, i)))
    const receipts = sent.map((message) => a.send(message))
    const ended = once(b, 'end')
    await network.wait(Promise.all([...receipts, a.end(), ended]), 120_000)
    expect(got).toEqual(sent)
  }))

test('a receipt rejects with what ended the connection', () =>
  simulate({ seed: 3, link: { delay: DELAY } }, async (network) => {
    const [a, b] = await join(network)
    a.on('error', () => {})
    b.on('error', () => {})
    network.link(network.host('10.0.0.1'), network.host('10.0.0.2')).set({ loss: 1 })
    const receipt = a.send('never arrives').then(
      () => 'acknowledged',
      (error: NodeJS.ErrnoException) => error.code,
    )
    await network.run(100)
    ;(b.stream as Socket).resetAndDestroy()
    expect(await network.wait(receipt, 10_000)).toBe('ECONNRESET')
  }))

test('a consumer that does not read closes the window, and the sender learns to wait', () =>
  simulate({ seed: 4, link: { delay: 1 } }, async (network) => {
    const [a, b] = await join(network)
    const text = 'x'.repeat(100_000)
    let posted = 0
    const fill = (): void => {
      do posted++
      while (a.post(text))
    }
    a.on('drain', fill)
    fill()
    await network.run(20_000)
    const stuckAt = posted
    await network.run(20_000)
    expect(posted).toBe(stuckAt)
    expect(posted * text.length).toBeLessThan(32 * 1024 * 1024)
    a.off('drain', fill)
    void a.end()
    let got = 0
    b.on('message', (message) => {
      got += message === text ? 1 : 0
    })
    await network.wait(once(b, 'end'), 60_000)
    expect(got).toBe(posted)
  }))

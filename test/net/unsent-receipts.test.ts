// What a socket that is destroyed had no room for never leaves: its receipts say so, and those of what left come as ever.
import { connect, createServer, type Socket } from 'tcp-over-udp'
import { MessageStream } from 'tcp-over-udp/message'
import { describe, expect, it } from 'vitest'
import { Network } from '../../lib/testing/network.js'

interface Scene {
  readonly network: Network
  readonly socket: Socket
  readonly arrived: () => number
}

async function connected(): Promise<Scene> {
  const network = new Network({ link: { delay: 40 } })
  const [there, here] = [network.host('10.0.0.1'), network.host('10.0.0.2')]
  let arrived = 0
  createServer({ stack: there.stack }, (peer) => {
    peer.on('data', (bytes) => {
      arrived += bytes.length
    })
  }).listen(80, '10.0.0.1')
  const socket = connect({ stack: here.stack, host: '10.0.0.1', port: 80 })
  await network.run(200)
  return { network, socket, arrived: () => arrived }
}

const outcome = (receipt: Promise<void>): Promise<string> =>
  receipt.then(
    () => 'acknowledged',
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  )

describe('a socket that is destroyed with more written than it had room for', () => {
  it('rejects the receipt of what did not leave, as the callback of that write', async () => {
    const { network, socket, arrived } = await connected()
    const callbacks: (string | undefined)[] = []
    socket.write(Buffer.alloc(1000), () => callbacks.push('written'))
    const first = outcome(socket.acknowledged())
    socket.write(Buffer.alloc(1e6), (error) => callbacks.push((error as NodeJS.ErrnoException | null)?.code))
    const second = outcome(socket.acknowledged())
    socket.destroy()
    const later = outcome(socket.acknowledged())
    expect(await second).toBe('ERR_STREAM_DESTROYED')
    expect(await later).toBe('ERR_STREAM_DESTROYED')
    await network.run(20_000)
    expect(await first).toBe('acknowledged')
    expect(callbacks).toEqual(['written', 'ERR_STREAM_DESTROYED'])
    expect(arrived()).toBeGreaterThan(1000)
    expect(arrived()).toBeLessThan(1e6)
  })

  it('rejects as late, if it is asked when all is over', async () => {
    const { network, socket } = await connected()
    socket.write(Buffer.alloc(1e6), () => {})
    socket.destroy()
    await network.run(20_000)
    expect(await outcome(socket.acknowledged())).not.toBe('acknowledged')
  })

  it('rejects send() and end() of its messages', async () => {
    const { network, socket, arrived } = await connected()
    const messages = new MessageStream(socket)
    const small = outcome(messages.send('small'))
    await network.run(200)
    const large = outcome(messages.send(Buffer.alloc(5e6)))
    const end = outcome(messages.end())
    messages.destroy()
    await network.run(20_000)
    expect(await small).toBe('acknowledged')
    expect(await large).toBe('ERR_STREAM_DESTROYED')
    expect(await end).toBe('ERR_STREAM_DESTROYED')
    expect(arrived()).toBeLessThan(5e6)
  })

  it('waits for what is written before it is connected', async () => {
    const network = new Network({ link: { delay: 40 } })
    const [there, here] = [network.host('10.0.0.1'), network.host('10.0.0.2')]
    createServer({ stack: there.stack }, (peer) => peer.resume()).listen(80, '10.0.0.1')
    const socket = connect({ stack: here.stack, host: '10.0.0.1', port: 80 })
    socket.write(Buffer.alloc(1e6))
    const receipt = outcome(socket.acknowledged())
    await network.run(20_000)
    expect(await receipt).toBe('acknowledged')
  })

  it('and acknowledges all, if there was room for all', async () => {
    const { network, socket, arrived } = await connected()
    socket.write(Buffer.alloc(100_000))
    const receipt = outcome(socket.acknowledged())
    socket.destroy()
    const later = outcome(socket.acknowledged())
    await network.run(20_000)
    expect([await receipt, await later, await outcome(socket.acknowledged())]).toEqual(
      Array<string>(3).fill('acknowledged'),
    )
    expect(arrived()).toBe(100_000)
  })
})

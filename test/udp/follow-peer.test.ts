// A peer behind a relay that forgets it, over real UDP and with net's API (decision 024).
import dgram from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'tcp-over-udp'
import { expect, it } from 'vitest'

it('a transfer goes on when the peer leaves by another port', async () => {
  const total = 4_000_000
  let received = 0
  const server = createServer({ followPeer: true })
  const arrived = once(server, 'connection') as Promise<[Socket]>
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo

  const inside = dgram.createSocket('udp4')
  await once(inside.bind(0, '127.0.0.1'), 'listening')
  let outside = dgram.createSocket('udp4')
  let caller = 0
  const answer = (bytes: Buffer): void => void inside.send(bytes, caller, '127.0.0.1')
  outside.on('message', answer)
  inside.on('message', (bytes, from) => {
    caller = from.port
    outside.send(bytes, port, '127.0.0.1')
  })

  const client = connect({
    host: '127.0.0.1',
    port,
    udpPort: inside.address().port,
    followPeer: true,
    natKeepAlive: 200,
  })
  await once(client, 'connect')
  const [served] = await arrived
  const ports = new Set([served.remoteUdpPort])
  served.on('data', (bytes: Buffer) => {
    received += bytes.length
    if (received > (total / 4) * ports.size && ports.size < 4) {
      outside.close()
      outside = dgram.createSocket('udp4')
      outside.on('message', answer)
      ports.add(-ports.size)
    }
  })
  const before = served.remoteUdpPort
  client.end(Buffer.alloc(total, 7))
  await once(served, 'end')
  expect(received).toBe(total)
  expect(served.remoteUdpPort).not.toBe(before)
  server.close()
  await once(server, 'close')
  inside.close()
  outside.close()
})

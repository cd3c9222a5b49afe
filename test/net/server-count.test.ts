// A connection whose socket cannot be made counts for nothing: close() ends as net's does.

import { connect, createServer } from 'tcp-over-udp'
import { expect, it } from 'vitest'
import { Network } from '../../lib/testing/network.js'

it('a server whose highWaterMark is none closes, though each connection throws', () => {
  const network = new Network({ capture: false })
  const server = createServer({ stack: network.host('10.0.0.1').stack })
  server.highWaterMark = -1
  server.listen(80, '10.0.0.1')
  const client = connect({ stack: network.host('10.0.0.2').stack, host: '10.0.0.1', port: 80 })
  client.on('error', () => {})
  return new Promise<void>((resolve, reject) => {
    setTimeout(() => {
      try {
        expect(() => network.advance(100)).toThrow()
        network.advance(100)
        client.destroy()
        server.getConnections((_error, count) => {
          try {
            expect(count).toBe(0)
            resolve()
          } catch (error) {
            reject(error)
          }
        })
      } catch (error) {
        reject(error)
      }
    }, 20)
  })
})

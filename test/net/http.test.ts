// HTTP over our sockets, with the helpers of `tcp-over-udp/http`: each program does what it does over the kernel's TCP.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { describe } from 'vitest'
import { answerTo, HOST, heard, sameAsTcp } from '../support/http-oracle.js'
import { turns } from '../support/net-oracle.js'

const headOf = (answer: string): string => answer.split('\r\n')[0] as string

describe('connections', () => {
  sameAsTcp('are kept alive and used again, one for each host and port', async (wire, log) => {
    const server = http.createServer((request, response) => {
      log('server', request.url, request.socket.remoteAddress, request.headers.host?.split(':')[0])
      response.end(request.url)
    })
    const { port, close } = await wire.listen(server)
    const agent = wire.agent({ keepAlive: true, maxSockets: 1 })
    const sockets = new Set<unknown>()
    for (let i = 0; i < 5; i++) {
      const request = http.get({ agent, port, host: HOST, path: `/${i}` })
      request.on('socket', (socket) => sockets.add(socket))
      log(await answerTo(request), request.reusedSocket)
      await turns()
    }
    log(sockets.size, Object.keys(agent.freeSockets).length)
    agent.destroy()
    await close()
  })

  sameAsTcp('carry requests one behind the other, and answers in their order', async (wire, log) => {
    const server = http.createServer(async (request, response) => {
      if (request.url === '/0') await delay(20)
      response.end(`answer ${request.url}.`)
    })
    const { port, close } = await wire.listen(server)
    const socket = wire.connect({ port, host: HOST })
    for (let i = 0; i < 20; i++) socket.write(`GET /${i} HTTP/1.1\r\nHost: x\r\n\r\n`)
    socket.write('GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    log((await heard(socket)).match(/answer \/\w+/g)?.join())
    await close()
  })

  sameAsTcp('are refused where nobody listens', async (wire, log) => {
    const { port, close } = await wire.listen(http.createServer())
    await close()
    await turns()
    await answerTo(http.get({ agent: wire.agent(), port, host: HOST })).catch((error) => log(error))
  })

  sameAsTcp('become something else by an upgrade', async (wire, log) => {
    const server = http.createServer()
    server.on('upgrade', (request, socket, head) => {
      log('server', request.headers.upgrade, head)
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
      socket.pipe(socket)
    })
    const { port, close } = await wire.listen(server)
    const headers = { connection: 'Upgrade', upgrade: 'echo' }
    const request = http.request({ agent: wire.agent({ keepAlive: true }), port, host: HOST, headers })
    request.end()
    const [answer, socket] = (await once(request, 'upgrade')) as [IncomingMessage, Socket]
    log(answer.statusCode)
    socket.end('over to you')
    log(await heard(socket))
    await close()
  })

  sameAsTcp('become a tunnel by CONNECT', async (wire, log) => {
    const target = http.createServer((_request, response) => response.end('through the tunnel'))
    const proxy = http.createServer()
    const behind = await wire.listen(target)
    proxy.on('connect', (request, client, head) => {
      const [host, to] = (request.url as string).split(':')
      const onwards = wire.connect({ port: Number(to), host: host as string })
      onwards.on('connect', () => {
        client.write('HTTP/1.1 200 Connected\r\n\r\n')
        onwards.write(head)
        client.pipe(onwards).pipe(client)
      })
    })
    const { port, close } = await wire.listen(proxy)
    const path = `${HOST}:${behind.port}`
    const request = http.request({ agent: wire.agent(), port, host: HOST, method: 'CONNECT', path })
    request.end()
    const [answer, socket] = (await once(request, 'connect')) as [IncomingMessage, Socket]
    log(answer.statusCode)
    log(await answerTo(http.get({ createConnection: () => socket, headers: { connection: 'close' } })))
    await close()
    await behind.close()
  })
})

describe('requests and answers', () => {
  sameAsTcp('wait for a 100 Continue, and go without one', async (wire, log) => {
    const server = http.createServer(async (request, response) => response.end(await heard(request)))
    server.on('checkContinue', (request, response) => {
      log('server: expects', request.headers.expect)
      if (request.url === '/no') {
        response.writeHead(417, { connection: 'close' })
        response.end()
        return
      }
      response.writeContinue()
      server.emit('request', request, response)
    })
    const { port, close } = await wire.listen(server)
    for (const path of ['/yes', '/no']) {
      const headers = { expect: '100-continue', 'content-length': 4 }
      const request = http.request({ agent: wire.agent(), port, host: HOST, path, method: 'POST', headers })
      request.on('continue', () => {
        log('continue')
        request.end('body')
      })
      request.flushHeaders()
      const [answer] = (await once(request, 'response')) as [IncomingMessage]
      log(answer.statusCode, await heard(answer))
      request.destroy()
    }
    await close()
  })

  sameAsTcp('can be aborted while the request is sent', async (wire, log) => {
    const server = http.createServer((request) => {
      request.on('aborted', () => log('server: aborted'))
      request.on('error', (error) => log('server', error))
      request.once('data', () => request.resume())
    })
    const over = once(server, 'request') as Promise<[IncomingMessage]>
    const { port, close } = await wire.listen(server)
    const request = http.request({ agent: wire.agent(), port, host: HOST, method: 'POST' })
    request.on('error', (error) => log(error))
    request.write(Buffer.alloc(100_000))
    const [served] = await over
    await once(served, 'data')
    const closes = new Promise((resolve) => served.on('close', resolve))
    request.destroy()
    await closes
    log('server', served.complete)
    await close()
  })

  sameAsTcp('can be aborted by a signal while the answer is read', async (wire, log) => {
    const served: ServerResponse[] = []
    const server = http.createServer((_request, response) => {
      served.push(response)
      response.on('close', () => log('server: closed', response.writableFinished))
      response.write(Buffer.alloc(200_000))
    })
    const { port, close } = await wire.listen(server)
    const controller = new AbortController()
    const request = http.get({ agent: wire.agent(), port, host: HOST, signal: controller.signal })
    request.on('error', () => {})
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    answer.on('error', (error) => log(error))
    await once(answer, 'data')
    controller.abort()
    await once(served[0] as ServerResponse, 'close')
    await close()
  })

  sameAsTcp('can be cut off by the server', async (wire, log) => {
    const server = http.createServer((request, response) => {
      response.writeHead(200, { 'content-length': 10 })
      response.write('half')
      setTimeout(() => request.socket.end(), 20)
    })
    const { port, close } = await wire.listen(server)
    const [answer] = (await once(http.get({ agent: wire.agent(), port, host: HOST }), 'response')) as [IncomingMessage]
    answer.on('aborted', () => log('aborted'))
    await heard(answer).catch((error) => log(error))
    log(answer.complete)
    await close()
  })

  sameAsTcp('can be nonsense', async (wire, log) => {
    const server = http.createServer()
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      log('server', error.code)
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    const { port, close } = await wire.listen(server)
    const socket = wire.connect({ port, host: HOST })
    socket.end('nonsense\r\n\r\n')
    log(headOf(await heard(socket)))
    await close()
  })

  sameAsTcp('have trailers and chunks', async (wire, log) => {
    const server = http.createServer(async (request, response) => {
      response.writeHead(200, { trailer: 'sum' })
      for await (const chunk of request) response.write(chunk)
      response.addTrailers({ sum: request.trailers.sum ?? 'none' })
      response.end()
    })
    const { port, close } = await wire.listen(server)
    const headers = { trailer: 'sum' }
    const request = http.request({ agent: wire.agent(), port, host: HOST, method: 'POST', headers })
    request.write('some ')
    request.write('chunks')
    request.addTrailers({ sum: 'eleven' })
    request.end()
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    log(await heard(answer), answer.trailers)
    await close()
  })
})

describe('bodies', () => {
  const body = randomBytes(6 * 2 ** 20)
  const sumOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

  sameAsTcp('of megabytes go up to a slow reader and come down again', async (wire, log) => {
    const server = http.createServer(async (request, response) => {
      await delay(50)
      await pipeline(request, response)
    })
    const { port, close } = await wire.listen(server)
    const request = http.request({ agent: wire.agent(), port, host: HOST, method: 'POST' })
    const answers = once(request, 'response') as Promise<[IncomingMessage]>
    request.end(body)
    const [answer] = await answers
    await delay(50)
    const chunks: Buffer[] = []
    for await (const chunk of answer) chunks.push(chunk as Buffer)
    log(sumOf(Buffer.concat(chunks)) === sumOf(body))
    await close()
  })

  sameAsTcp('wait for a reader that has paused, in bounded memory', async (wire, log) => {
    const most = 64 * 2 ** 20
    let written = 0
    const server = http.createServer((_request, response) => {
      const more = (): void => {
        while (written < most) {
          written += 2 ** 16
          if (!response.write(Buffer.alloc(2 ** 16))) return
        }
        response.end()
      }
      response.on('drain', more)
      more()
    })
    const { port, close } = await wire.listen(server)
    const [answer] = (await once(http.get({ agent: wire.agent(), port, host: HOST }), 'response')) as [IncomingMessage]
    // until it stands still
    for (let before = -1; before !== written; await delay(30)) before = written
    log(written > 2 ** 16, written < most / 2)
    let length = 0
    for await (const chunk of answer) length += (chunk as Buffer).length
    log(length === most)
    await close()
  })
})

describe('time limits and closing', () => {
  const limits = { connectionsCheckingInterval: 10 }

  sameAsTcp('of half a head, and of half a request', async (wire, log) => {
    const server = http.createServer({ ...limits, headersTimeout: 250, requestTimeout: 250 }, (request) =>
      request.resume(),
    )
    const { port, close } = await wire.listen(server)
    for (const sent of ['GET / HTTP/1.1\r\nHost:', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf']) {
      const socket = wire.connect({ port, host: HOST })
      socket.write(sent)
      log(headOf(await heard(socket)))
    }
    await close()
  })

  sameAsTcp('of a connection that is kept alive', async (wire, log) => {
    const server = http.createServer({ ...limits, keepAliveTimeout: 30 }, (_request, response) =>
      response.end('answered'),
    )
    const { port, close } = await wire.listen(server)
    const socket = wire.connect({ port, host: HOST })
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    log((await heard(socket)).endsWith('answered'))
    await close()
  })

  sameAsTcp('of the server’s sockets, and of a request', async (wire, log) => {
    const server = http.createServer()
    server.timeout = 40
    server.on('timeout', (socket) => {
      log('server: timeout')
      socket.destroy()
    })
    const { port, close } = await wire.listen(server)
    await answerTo(http.get({ agent: wire.agent(), port, host: HOST })).catch((error) => log(error))
    server.timeout = 0
    const request = http.get({ agent: wire.agent(), port, host: HOST, timeout: 10 })
    request.on('timeout', () => {
      log('timeout')
      request.destroy()
    })
    await answerTo(request).catch((error) => log(error))
    await turns(5)
    await close()
  })

  sameAsTcp('close() ends idle connections and lets others finish', async (wire, log) => {
    const server = http.createServer(async (request, response) => {
      if (request.url === '/slow') await delay(60)
      response.end(request.url)
    })
    const { port, close } = await wire.listen(server)
    const agent = wire.agent({ keepAlive: true })
    log(await answerTo(http.get({ agent, port, host: HOST, path: '/idle' })))
    const idle = Object.values(agent.freeSockets)[0]?.[0] as Socket
    const slow = answerTo(http.get({ agent: wire.agent(), port, host: HOST, path: '/slow' }))
    await once(server, 'request')
    const closes = close()
    await once(idle, 'close')
    log('the idle one has closed')
    log(await slow)
    await closes
    log('closed', server.listening)
    await answerTo(http.get({ agent: wire.agent(), port, host: HOST })).catch((error) => log(error.code))
    agent.destroy()
  })

  sameAsTcp('closeIdleConnections() and closeAllConnections()', async (wire, log) => {
    const server = http.createServer((request, response) => {
      if (request.url === '/idle') response.end('idle')
    })
    const { port, close } = await wire.listen(server)
    const agent = wire.agent({ keepAlive: true })
    log(await answerTo(http.get({ agent, port, host: HOST, path: '/idle' })))
    const idle = Object.values(agent.freeSockets)[0]?.[0] as Socket
    const open = answerTo(http.get({ agent: wire.agent(), port, host: HOST, path: '/open' }))
    await once(server, 'request')
    server.closeIdleConnections()
    await once(idle, 'close')
    log('the idle one has closed')
    server.closeAllConnections()
    await open.catch((error) => log(error))
    await close()
  })

  sameAsTcp('a server that listens again serves again, with its limits', async (wire, log) => {
    const server = http.createServer({ ...limits, headersTimeout: 500, requestTimeout: 500 }, (_request, response) =>
      response.end('again'),
    )
    const first = await wire.listen(server)
    await first.close()
    first.front.listen(0, HOST)
    await once(first.front, 'listening')
    const { port } = first.front.address() as { port: number }
    log(await answerTo(http.get({ agent: wire.agent(), port, host: HOST })))
    const socket = wire.connect({ port, host: HOST })
    socket.write('GET')
    log(headOf(await heard(socket)))
    await first.close()
  })
})

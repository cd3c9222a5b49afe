// TLS and HTTPS over our sockets: ALPN, client certificates, resumption, closing; each does what it does over the kernel's TCP.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import tls, { type TLSSocket } from 'node:tls'
import { connectTls, createHttpsAgent, serve } from 'tcp-over-udp/http'
import { describe, expect, test } from 'vitest'
import { rawOf } from '../../lib/http/tls.js'
import { CERTIFICATE, KEY } from '../support/certificate.js'
import { answerTo, HOST, heard, overOurs, sameAsTcp, TRUST } from '../support/http-oracle.js'
import { type Log, turns } from '../support/net-oracle.js'
import { uncaughtDuring } from '../support/uncaught.js'

const IDENTITY = { key: KEY, cert: CERTIFICATE }
const EVENTS = ['secureConnect', 'end', 'finish', 'error', 'close']

function watch(name: string, secure: TLSSocket, log: Log): void {
  for (const event of EVENTS) secure.on(event, (...args: unknown[]) => log(name, event, ...args))
}

const gone = (secure: TLSSocket): Promise<unknown> => new Promise((resolve) => secure.on('close', resolve))

describe('a handshake', () => {
  sameAsTcp('agrees on a protocol, and tells the server the name', async (wire, log) => {
    const server = tls.createServer({ ...IDENTITY, ALPNProtocols: ['second', 'first'] }, (secure) => {
      log('server', secure.alpnProtocol, secure.servername, secure.encrypted, secure.remoteAddress, secure.remoteFamily)
      secure.end()
    })
    const { port, close } = await wire.listen(server)
    const secure = wire.connectTls({ port, host: HOST, ...TRUST, ALPNProtocols: ['first', 'second'] })
    watch('client', secure, log)
    await once(secure, 'secureConnect')
    log(secure.alpnProtocol, secure.authorized, secure.getProtocol(), secure.remotePort === port, secure.localAddress)
    secure.resume()
    await gone(secure)
    await close()
  })

  sameAsTcp('fails without a common protocol', async (wire, log) => {
    const server = tls.createServer({ ...IDENTITY, ALPNProtocols: ['one'] })
    server.on('tlsClientError', (error: NodeJS.ErrnoException) => log('server', error.code))
    const { port, close } = await wire.listen(server)
    const secure = wire.connectTls({ port, host: HOST, ...TRUST, ALPNProtocols: ['other'] })
    secure.on('error', (error: NodeJS.ErrnoException) => log(error.code))
    await gone(secure)
    await close()
  })

  sameAsTcp('fails when the client trusts nobody, or another name', async (wire, log) => {
    const server = tls.createServer(IDENTITY, (secure) => {
      secure.on('error', () => {}).resume()
    })
    server.on('tlsClientError', (error: NodeJS.ErrnoException) => log('server', error.code))
    const { port, close } = await wire.listen(server)
    for (const trust of [{ servername: 'localhost' }, { servername: 'elsewhere.test', ca: CERTIFICATE }]) {
      const secure = wire.connectTls({ port, host: HOST, ...trust })
      secure.on('error', (error: NodeJS.ErrnoException) => log(error.code, secure.authorized))
      await gone(secure)
    }
    await turns(20)
    await close()
  })

  sameAsTcp('shows the client’s certificate, or does without', async (wire, log) => {
    const server = tls.createServer(
      { ...IDENTITY, requestCert: true, rejectUnauthorized: false, ca: CERTIFICATE },
      (secure) => {
        log('server', secure.authorized, secure.getPeerCertificate().subject?.CN)
        secure.end()
      },
    )
    const { port, close } = await wire.listen(server)
    for (const identity of [IDENTITY, {}]) {
      const secure = wire.connectTls({ port, host: HOST, ...TRUST, ...identity })
      secure.resume()
      await gone(secure)
    }
    await close()
  })

  sameAsTcp('fails without a certificate where one is demanded', async (wire, log) => {
    const server = tls.createServer({ ...IDENTITY, requestCert: true, ca: CERTIFICATE, maxVersion: 'TLSv1.2' }, () =>
      log('server: let in'),
    )
    server.on('tlsClientError', (error: NodeJS.ErrnoException) => log('server', error.code))
    const { port, close } = await wire.listen(server)
    const secure = wire.connectTls({ port, host: HOST, ...TRUST })
    secure.on('error', (error: NodeJS.ErrnoException) => log(typeof error.code))
    await gone(secure)
    await close()
  })

  sameAsTcp('with something that is not TLS', async (wire, log) => {
    const server = tls.createServer(IDENTITY)
    server.on('tlsClientError', (error: NodeJS.ErrnoException) => log('server', error.code))
    const { port, close } = await wire.listen(server)
    const socket = wire.connect({ port, host: HOST })
    socket.on('error', () => {})
    const closes = new Promise((resolve) => socket.on('close', resolve))
    socket.resume().write('GET / HTTP/1.1\r\n\r\n')
    await closes
    await close()
  })

  sameAsTcp('that nobody answers is not waited for for ever', async (wire, log) => {
    const server = tls.createServer({ ...IDENTITY, handshakeTimeout: 50 })
    server.on('tlsClientError', (error: NodeJS.ErrnoException, secure) => {
      log('server', error.code, secure.destroyed)
      secure.destroy()
    })
    const { port, close } = await wire.listen(server)
    const socket = wire.connect({ port, host: HOST })
    socket.on('error', () => {})
    const closes = new Promise((resolve) => socket.on('close', resolve))
    socket.resume()
    await closes
    await close()
  })

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    sameAsTcp(`resumes a session: ${version}`, async (wire, log) => {
      const server = tls.createServer({ ...IDENTITY, maxVersion: version }, (secure) => {
        log('server', secure.isSessionReused())
        secure.end('hello')
      })
      const { port, close } = await wire.listen(server)
      let session: Buffer | undefined
      for (let i = 0; i < 3; i++) {
        const secure = wire.connectTls({ port, host: HOST, ...TRUST, ...(session === undefined ? {} : { session }) })
        secure.on('session', (next: Buffer) => {
          session = next
        })
        log(await heard(secure), secure.isSessionReused(), secure.getProtocol())
      }
      await close()
    })
  }

  sameAsTcp('is made anew on the same connection: TLSv1.2', async (wire, log) => {
    const server = tls.createServer({ ...IDENTITY, maxVersion: 'TLSv1.2' }, (secure) => secure.pipe(secure))
    const { port, close } = await wire.listen(server)
    const secure = wire.connectTls({ port, host: HOST, ...TRUST })
    await once(secure, 'secureConnect')
    const before = secure.getFinished()
    await new Promise<void>((resolve, reject) => {
      secure.renegotiate({}, (error) => (error ? reject(error) : resolve()))
    })
    log(before?.equals(secure.getFinished() as Buffer))
    secure.end('after it')
    log(await heard(secure))
    await close()
  })
})

describe('a conversation', () => {
  const bytes = randomBytes(4 * 2 ** 20)

  sameAsTcp('of megabytes, both ways at once', async (wire, log) => {
    const server = tls.createServer(IDENTITY, (secure) => secure.pipe(secure))
    const { port, close } = await wire.listen(server)
    const secure = wire.connectTls({ port, host: HOST, ...TRUST })
    secure.end(bytes)
    const chunks: Buffer[] = []
    for await (const chunk of secure) chunks.push(chunk as Buffer)
    log(Buffer.concat(chunks).equals(bytes))
    await close()
  })

  sameAsTcp('ended by the client', async (wire, log) => {
    const over: Promise<unknown>[] = []
    const server = tls.createServer(IDENTITY, (secure) => {
      watch('server', secure, log)
      over.push(gone(secure))
      secure.resume()
    })
    const { port, close } = await wire.listen(server)
    const secure = wire.connectTls({ port, host: HOST, ...TRUST })
    watch('client', secure, log)
    await once(secure, 'secureConnect')
    secure.resume().end('good bye')
    await gone(secure)
    await Promise.all(over)
    await close()
  })

  sameAsTcp('ended by the server', async (wire, log) => {
    const over: Promise<unknown>[] = []
    const server = tls.createServer(IDENTITY, (secure) => {
      watch('server', secure, log)
      over.push(gone(secure))
      secure.resume().end('good bye')
    })
    const { port, close } = await wire.listen(server)
    const secure = wire.connectTls({ port, host: HOST, ...TRUST })
    watch('client', secure, log)
    log(await heard(secure))
    await Promise.all(over)
    await close()
  })

  sameAsTcp('goes on one way after a close_notify, where both are half-open', async (wire, log) => {
    const server = tls.createServer({ ...IDENTITY, allowHalfOpen: true }, (secure) => {
      let question = ''
      secure.on('data', (data) => {
        question += String(data)
      })
      secure.on('end', () => {
        log('server', question, secure.writable)
        setImmediate(() => secure.end(`answer to ${question}`))
      })
    })
    const { port, close } = await wire.listen(server)
    const secure = wire.connectTls({ port, host: HOST, ...TRUST, allowHalfOpen: true })
    secure.end('a question')
    log(await heard(secure))
    await close()
  })

  sameAsTcp('of which one side disappears without a close_notify', async (wire, log) => {
    const over: Promise<unknown>[] = []
    const server = tls.createServer(IDENTITY, (secure) => {
      secure.on('error', (error: NodeJS.ErrnoException) => log('server', error.code))
      over.push(gone(secure))
      secure.resume()
    })
    const { port, close } = await wire.listen(server)
    const raw = wire.connect({ port, host: HOST })
    const secure = tls.connect({ socket: raw, ...TRUST })
    await once(secure, 'secureConnect')
    await turns(5)
    raw.resetAndDestroy()
    await gone(secure)
    await Promise.all(over)
    await close()
  })

  sameAsTcp('has time limits', async (wire, log) => {
    const server = tls.createServer(IDENTITY)
    const { port, close } = await wire.listen(server)
    const secure = wire.connectTls({ port, host: HOST, ...TRUST, timeout: 50 })
    secure.on('timeout', () => {
      log('timeout')
      secure.destroy()
    })
    await gone(secure)
    await close()
  })
})

describe('https', () => {
  sameAsTcp('keeps connections alive, and resumes sessions on new ones', async (wire, log) => {
    const server = https.createServer(IDENTITY, (request, response) => {
      const { remoteAddress, localPort } = request.socket
      log('server', remoteAddress, typeof localPort, (request.socket as TLSSocket).isSessionReused())
      response.end(request.url)
    })
    const { port, close } = await wire.listen(server)
    const kept = wire.secureAgent({ keepAlive: true, maxSockets: 1, ...TRUST })
    for (let i = 0; i < 3; i++) {
      const request = https.get({ agent: kept, port, host: HOST, path: `/kept/${i}` })
      log(await answerTo(request), request.reusedSocket)
      await turns()
    }
    kept.destroy()
    const fresh = wire.secureAgent(TRUST)
    for (let i = 0; i < 3; i++) log(await answerTo(https.get({ agent: fresh, port, host: HOST, path: `/new/${i}` })))
    await close()
  })

  sameAsTcp('knows its clients by their certificates', async (wire, log) => {
    const server = https.createServer({ ...IDENTITY, requestCert: true, ca: CERTIFICATE }, (request, response) => {
      response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN)
    })
    const { port, close } = await wire.listen(server)
    log(await answerTo(https.get({ agent: wire.secureAgent({ ...TRUST, ...IDENTITY }), port, host: HOST })))
    const without = https.get({ agent: wire.secureAgent(TRUST), port, host: HOST })
    await answerTo(without).catch((error) => log(typeof error.code))
    await close()
  })

  sameAsTcp('refuses who does not trust it, and who does not speak TLS', async (wire, log) => {
    const server = https.createServer(IDENTITY)
    const { port, close } = await wire.listen(server)
    const agent = wire.secureAgent({ servername: 'localhost' })
    await answerTo(https.get({ agent, port, host: HOST })).catch((error) => log(error.code))
    await answerTo(http.get({ agent: wire.agent(), port, host: HOST })).catch((error) => log(error.code))
    await close()
  })

  sameAsTcp('has the time limits of http', async (wire, log) => {
    const limits = { headersTimeout: 250, requestTimeout: 250, connectionsCheckingInterval: 10 }
    const server = https.createServer({ ...IDENTITY, ...limits })
    const { port, close } = await wire.listen(server)
    const secure = wire.connectTls({ port, host: HOST, ...TRUST })
    secure.write('GET / HTTP/1.1\r\nhost:')
    log((await heard(secure)).split('\r\n')[0])
    const slow = https.createServer(IDENTITY)
    const other = await wire.listen(slow)
    const request = https.get({ agent: wire.secureAgent(TRUST), port: other.port, host: HOST, timeout: 100 })
    request.on('timeout', () => {
      log('timeout')
      request.destroy()
    })
    await answerTo(request).catch((error) => log(error))
    await other.close()
    await close()
  })
})

test('what Node does not hand through to a stream is handed through', async () => {
  const server = tls.createServer(IDENTITY, (secure) => secure.pipe(secure))
  const { port, front, close } = await overOurs.listen(server)
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  const secure = overOurs.connectTls({ port, host: HOST, ...TRUST })
  await once(secure, 'secureConnect')
  const [served] = await accepted
  expect([served.remotePort, served.localPort]).toEqual([secure.localPort, port])
  expect([served.remoteAddress, served.remoteFamily, secure.localFamily]).toEqual([HOST, 'IPv4', 'IPv4'])
  expect(secure.setNoDelay(true).setKeepAlive(true, 1_000).unref().ref()).toBe(secure)
  secure.destroy()
  await gone(served)
  expect(front.listening).toBe(true)
  await close()
})

test('a reset that answers the goodbye of TLS, after both ends, is no error to the program; one that cuts off what it said is', async () => {
  const RESET = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
  const server = tls.createServer(IDENTITY, (secure) =>
    secure
      .on('error', () => {})
      .resume()
      .end('all of it'),
  )
  const { port, close } = await overOurs.listen(server)
  for (const [text, expected] of [
    ['', ['end', 'close']],
    ['x'.repeat(4_000_000), ['end', 'ECONNRESET', 'close']],
  ] as const) {
    const secure = overOurs.connectTls({ port, host: HOST, ...TRUST, allowHalfOpen: true })
    const events: string[] = []
    secure.on('error', (error) => events.push((error as NodeJS.ErrnoException).code as string))
    secure.on('close', () => events.push('close'))
    secure.resume()
    await once(secure, 'end')
    events.push('end')
    const raw = rawOf(secure) as Socket
    if (!raw.resume().readableEnded) await once(raw, 'end')
    secure.end(text)
    await new Promise<void>((resolve) => process.nextTick(resolve))
    expect([secure.writableEnded, raw.writableEnded]).toEqual([true, false])
    raw.destroy(RESET)
    await gone(secure)
    // Node's TLS tells of one more than once where a write fails by it
    expect([...new Set(events)]).toEqual(expected)
  }
  await close()
})

// as Node's own test-tls-inception.js has it
sameAsTcp('a proxy that destroys the TLS side when what it has piped into it ends loses nothing', async (wire, log) => {
  // what leaves at once, and arrives together with the end
  const LENGTH = 10_000
  const source = wire.net.createServer((socket) => socket.on('data', () => socket.end(Buffer.alloc(LENGTH))))
  source.listen(0, HOST)
  await once(source, 'listening')
  const { port: from } = source.address() as { port: number }
  const server = tls.createServer(IDENTITY, (secure) => {
    const plain = wire.connect({ port: from, host: HOST })
    plain.pipe(secure).pipe(plain)
    plain.on('end', () => secure.destroy())
  })
  const { port, close } = await wire.listen(server)
  const secure = wire.connectTls({ port, host: HOST, ...TRUST })
  secure.on('error', () => {})
  secure.write('all of it')
  let length = 0
  secure.on('data', (bytes) => {
    length += bytes.length
  })
  await gone(secure)
  log(length === LENGTH)
  await close()
  source.close()
})

test.each([
  ['connectTls', (port: number) => connectTls({ port, host: HOST, key: 'none', cert: 'none' })],
  ['https', (port: number) => https.get({ port, host: HOST, key: 'none', cert: 'none', agent: createHttpsAgent() })],
])('a program that gives %s what it cannot use hears so at once, and there is no connection', async (_name, begin) => {
  const upper = tls.createServer(IDENTITY)
  const server = serve(upper).listen(0, HOST)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const uncaught = await uncaughtDuring(async () => {
    // the second is a port that nobody listens on
    for (const at of [port, 9]) expect(() => begin(at)).toThrow('no start line')
    await turns(20)
  })
  expect([uncaught, server.getStats()?.connections]).toEqual([[], 0])
  server.close()
  await once(server, 'close')
})

test('connectTls() does not take onread: Node ignores it over a stream, and what it would be given here is enciphered', () => {
  const onread = { buffer: Buffer.alloc(100), callback: () => true }
  expect(() => connectTls({ port: 1, ...{ onread } })).toThrow(
    expect.objectContaining({ code: 'ERR_TCP_OVER_UDP_UNSUPPORTED' }),
  )
})

// HTTP/2 over our sockets, plain and over TLS: many streams at once, flow control, closing; each does what it does over the kernel's TCP.
import { once } from 'node:events'
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { describe } from 'vitest'
import { CERTIFICATE, KEY } from '../support/certificate.js'
import { answerTo, HOST, heard, sameAsTcp, TRUST, type Wire } from '../support/http-oracle.js'
import { turns } from '../support/net-oracle.js'

const IDENTITY = { key: KEY, cert: CERTIFICATE }

const plainSession = (wire: Wire, port: number): ClientHttp2Session =>
  http2.connect('http://localhost', { createConnection: () => wire.connect({ port, host: HOST }) })

const secureSession = (wire: Wire, port: number): ClientHttp2Session =>
  http2.connect('https://localhost', {
    createConnection: () => wire.connectTls({ port, host: HOST, ...TRUST, ALPNProtocols: ['h2'] }),
  })

const over = (session: ClientHttp2Session): Promise<void> => new Promise((resolve) => session.close(resolve))

async function ask(session: ClientHttp2Session, path: string, body?: Buffer | string): Promise<string> {
  const stream = session.request({ ':path': path, ':method': body === undefined ? 'GET' : 'POST' })
  const answers = once(stream, 'response') as Promise<[Record<string, unknown>]>
  stream.end(body)
  // who reads late may find a stream that has closed
  const [[headers], text] = await Promise.all([answers, heard(stream)])
  return `${headers[':status']} ${text}`
}

for (const secure of [false, true]) {
  const connect = secure ? secureSession : plainSession
  const create = (): http2.Http2Server =>
    (secure ? http2.createSecureServer(IDENTITY) : http2.createServer()) as http2.Http2Server

  describe(secure ? 'over TLS' : 'in the clear', () => {
    sameAsTcp('a hundred streams at once on one connection', async (wire, log) => {
      const server = create()
      let sessions = 0
      server.on('session', () => sessions++)
      server.on('stream', (stream) => {
        stream.respond({ ':status': 200 })
        stream.pipe(stream)
      })
      const { port, close } = await wire.listen(server)
      const session = connect(wire, port)
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, i) => ask(session, `/${i}`, 'x'.repeat(i * 200))),
      )
      log(answers.every((answer, i) => answer.length === 4 + i * 200))
      log('server', sessions, session.encrypted, session.alpnProtocol)
      await over(session)
      await close()
    })

    sameAsTcp('megabytes through its windows, a stream that is not read holding up no other', async (wire, log) => {
      const server = create()
      server.on('stream', (stream, headers) => {
        stream.on('error', () => {})
        stream.respond()
        stream.end(Buffer.alloc(headers[':path'] === '/large' ? 2 * 2 ** 20 : 10))
      })
      const { port, close } = await wire.listen(server)
      const session = connect(wire, port)
      const unread = session.request({ ':path': '/large' })
      await once(unread, 'response')
      log((await ask(session, '/small')).length)
      let length = 0
      for await (const chunk of unread) length += (chunk as Buffer).length
      log(length)
      await over(session)
      await close()
    })

    sameAsTcp('streams that are cancelled, and refused', async (wire, log) => {
      const server = create()
      server.on('stream', (stream, headers) => {
        stream.on('aborted', () => log('server: aborted', stream.rstCode))
        stream.on('error', () => {})
        if (headers[':path'] === '/refused') stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
        else stream.respond({ ':status': 204 }, { endStream: headers[':path'] === '/other' })
      })
      const { port, close } = await wire.listen(server)
      const session = connect(wire, port)
      const refused = session.request({ ':path': '/refused' })
      refused.on('error', (error: NodeJS.ErrnoException) => log(error.code))
      await new Promise((resolve) => refused.on('close', resolve))
      const cancelled = session.request({ ':path': '/cancelled', ':method': 'POST' })
      await once(cancelled, 'response')
      cancelled.close(http2.constants.NGHTTP2_CANCEL)
      await new Promise((resolve) => cancelled.on('close', resolve))
      log(await ask(session, '/other'))
      await over(session)
      await close()
    })

    sameAsTcp('pings, settings and a GOAWAY', async (wire, log) => {
      const server = create()
      const sessions = once(server, 'session') as Promise<[http2.ServerHttp2Session]>
      const { port, close } = await wire.listen(server)
      const session = connect(wire, port)
      session.on('error', (error) => log(error.message))
      session.once('goaway', (code) => log('goaway', code))
      await once(session, 'connect')
      const [served] = await sessions
      await new Promise<void>((resolve) =>
        session.ping(Buffer.from('12345678'), (error, _ms, payload) => {
          log(error, payload)
          resolve()
        }),
      )
      const settings = once(served, 'remoteSettings') as Promise<[http2.Settings]>
      session.settings({ initialWindowSize: 70_000 })
      log((await settings)[0].initialWindowSize)
      const closes = new Promise((resolve) => session.on('close', resolve))
      served.goaway()
      served.close()
      await closes
      await close()
    })

    sameAsTcp('a server that closes as it answers, with trailers', async (wire, log) => {
      const server = create()
      const { port, front } = await wire.listen(server)
      server.on('stream', (stream) => {
        front.close()
        stream.session?.close()
        stream.on('wantTrailers', () => stream.sendTrailers({ after: 'all' }))
        stream.respond({ ':status': 200 }, { waitForTrailers: true })
        stream.write('some text')
        stream.end()
      })
      const session = connect(wire, port)
      const ended = once(session, 'close')
      const stream = session.request({ ':path': '/', ':method': 'POST' })
      stream.on('trailers', ({ after }) => log('trailers', after))
      stream.end()
      log(await heard(stream))
      await ended
    })

    sameAsTcp('the other side’s end, in the middle of a stream', async (wire, log) => {
      const server = create()
      server.on('sessionError', () => {})
      const sessions = once(server, 'session') as Promise<[http2.ServerHttp2Session]>
      server.on('stream', (stream) => {
        stream.on('error', () => {})
        stream.respond()
        stream.write('begun')
      })
      const { port, close } = await wire.listen(server)
      const session = connect(wire, port)
      session.on('error', () => {})
      const stream: ClientHttp2Stream = session.request({ ':path': '/' })
      stream.on('error', () => {})
      stream.on('aborted', () => log('aborted'))
      stream.once('data', (data) => log(data))
      const closes = [session, stream].map((one) => new Promise((resolve) => one.on('close', resolve)))
      const [served] = await sessions
      await once(stream, 'data')
      served.destroy()
      await Promise.all(closes)
      log(session.destroyed, stream.destroyed)
      await close()
    })

    sameAsTcp('requests and responses as http has them', async (wire, log) => {
      const server = create()
      server.on('request', async (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => {
        const body = await heard(request as never)
        response.setHeader('x-length', body.length)
        response.end(`${request.method} ${request.url} ${request.httpVersion} ${body}`)
      })
      const { port, close } = await wire.listen(server)
      const session = connect(wire, port)
      log(await ask(session, '/with', 'a body'), await ask(session, '/without'))
      await over(session)
      await close()
    })
  })
}

sameAsTcp('a server of both versions, chosen by ALPN, that sees where its clients are', async (wire, log) => {
  const server = http2.createSecureServer({ ...IDENTITY, allowHTTP1: true }, (request, response) => {
    const { alpnProtocol, remoteAddress } = request.socket as TLSSocket
    response.end(`${request.httpVersion} ${alpnProtocol} ${remoteAddress}`)
  })
  const { port, close } = await wire.listen(server)
  const session = secureSession(wire, port)
  log(await ask(session, '/'))
  log(await answerTo(https.get({ agent: wire.secureAgent(TRUST), port, host: HOST })))
  await over(session)
  await turns()
  await close()
})

const frame = (type: number, flags: number, stream: number, ...payload: number[]): Buffer =>
  Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload])
const [SETTINGS, OF_SETTINGS] = [frame(4, 0, 0), frame(4, 1, 0)]
const RESPONSE = frame(1, 5, 1, 0x8c)
const LAST = Buffer.concat([frame(3, 0, 1, 0, 0, 0, 0), frame(7, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)])

sameAsTcp('an upload that is turned away with a reset, a GOAWAY and the end in one segment', async (wire, log) => {
  // reads too little for the client to have sent all
  const server = wire.net.createServer({ allowHalfOpen: true, recvBufferSize: 4096 } as object, () => {})
  const peers = once(server, 'connection') as Promise<[Socket]>
  server.listen(0, HOST)
  await once(server, 'listening')
  const session = plainSession(wire, (server.address() as AddressInfo).port)
  const stream = session.request({ ':method': 'POST' })
  const [peer] = await peers
  peer.on('error', () => {})
  peer.write(Buffer.concat([SETTINGS, OF_SETTINGS, RESPONSE]))
  const [headers] = (await once(stream.resume(), 'response')) as unknown as [Record<string, unknown>]
  log(headers[':status'])
  session.close()
  stream.write(Buffer.alloc(60_000))
  await sleep(20)
  const closed = Promise.all([once(session, 'close'), once(stream, 'close')])
  peer.end(LAST)
  await closed
  log(session.destroyed, stream.rstCode)
  peer.destroy()
  server.close()
})

// Mail: nodemailer to Exim, and to smtp-server, which takes our sockets; in the clear and after STARTTLS.
import { existsSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import nodemailer, { type Transporter } from 'nodemailer'
import type SMTPTransport from 'nodemailer/lib/smtp-transport/index.js'
import { SMTPServer } from 'smtp-server'
import { describe, expect, test, vi } from 'vitest'
import { CERTIFICATE, KEY } from '../support/certificate.js'
import { against, host, net, pattern, serve } from './over-udp.js'
import { EXIM } from './servers.js'

/** It is to be given a socket that is connected. */
function transportTo(port: number, options: SMTPTransport.Options = {}): Transporter {
  const getSocket = (_options: unknown, done: (error: Error | null, made?: { connection: Socket }) => void): void => {
    const socket = net.connect({ port, host })
    socket.once('connect', () => {
      socket.removeListener('error', done)
      done(null, { connection: socket })
    })
    socket.once('error', done)
  }
  return nodemailer.createTransport({
    host: 'localhost',
    port,
    ignoreTLS: true,
    ...options,
    getSocket,
  } as SMTPTransport.Options)
}

const TO = { from: 'ann@localhost', to: 'bob@localhost' }

describe('nodemailer', () => {
  against(EXIM, 'with Exim', (way) => {
    const delivered = (): string => {
      const file = join(way.server.folder, 'mail')
      return existsSync(file) ? readFileSync(file, 'utf8') : ''
    }

    test.each([
      ['in the clear', {}],
      ['after STARTTLS', { ignoreTLS: false, requireTLS: true, tls: { rejectUnauthorized: false } }],
    ])('%s: a letter with an attachment of a megabyte is delivered', async (name, options) => {
      const attachments = [{ filename: 'pattern', content: pattern(1_000_000) }]
      const transport = transportTo(way.port, options)
      const { accepted } = await transport.sendMail({ ...TO, subject: `sent ${name}`, text: 'Hello!', attachments })
      expect(accepted).toEqual(['bob@localhost'])
      await vi.waitUntil(() => delivered().includes(`Subject: sent ${name}`))
      expect(delivered()).toContain(pattern(57).toString('base64'))
      transport.close()
    })

    test('a pool sends twenty letters over its connections', async () => {
      const before = way.bridge.connections
      const transport = transportTo(way.port, { pool: true, maxConnections: 2 } as SMTPTransport.Options)
      const letters = Array.from({ length: 20 }, (_, i) =>
        transport.sendMail({ ...TO, subject: `letter ${i}`, text: '' }),
      )
      await Promise.all(letters)
      await vi.waitUntil(() => delivered().split('Subject: letter').length === 21, 10_000)
      expect(way.bridge.connections - before).toBe(2)
      transport.close()
    })
  })

  test.each([
    ['in the clear', {}],
    ['after STARTTLS', { ignoreTLS: false, requireTLS: true, tls: { ca: CERTIFICATE, servername: 'localhost' } }],
  ])('with smtp-server, %s: it hears every word', async (name, options) => {
    const heard: string[] = []
    const smtp = new SMTPServer({
      key: KEY,
      cert: CERTIFICATE,
      authOptional: true,
      onData: (stream, session, done) => {
        void text(stream).then((letter) => {
          heard.push(String(session.secure), letter)
          done()
        })
      },
    })
    const place = await serve((socket) => smtp.server.emit('connection', socket), { allowHalfOpen: false })
    const transport = transportTo(place.port, options)
    await transport.sendMail({ ...TO, subject: name, text: 'x'.repeat(70) })
    expect(heard[0]).toBe(String('tls' in options))
    expect(heard[1]).toContain('x'.repeat(70))
    transport.close()
    await place.stop()
  })

  test('nobody listens: ECONNREFUSED', async () => {
    await expect(transportTo(1).sendMail({ ...TO, text: '' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

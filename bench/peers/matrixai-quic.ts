// @matrixai/quic as a peer: Cloudflare's quiche over node:dgram with its defaults, TLS 1.3 with a certificate that openssl makes for the
// occasion, and one connection with one stream for each of ours.
import { execFileSync } from 'node:child_process'
import { webcrypto } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import type { ReadableStream, WritableStream } from 'node:stream/web'
import { imported } from '../packages.js'
import type { Peer } from './peer.js'

interface QuicStream {
  readonly readable: ReadableStream
  readonly writable: WritableStream
}

interface Detailed<T> extends Event {
  readonly detail: T
}

interface QuicServer extends EventTarget {
  readonly port: number
  start(where: { host: string; port: number }): Promise<void>
}

interface Quic {
  readonly QUICServer: new (options: object) => QuicServer
  readonly QUICClient: {
    createQUICClient(options: object): Promise<{
      readonly connection: { newStream(): QuicStream }
      destroy(options: { force: boolean }): Promise<void>
    }>
  }
  readonly events: Readonly<
    Record<'EventQUICServerConnection' | 'EventQUICConnectionStream', { readonly name: string }>
  >
}

interface Logging {
  readonly default: new (name: string, level: number, handlers: readonly object[]) => object
}

/** Above all levels of its logger. */
const SILENT = 60
const HMAC = { name: 'HMAC', hash: 'SHA-256' }

let module: Promise<Quic> | undefined

function quic(): Promise<Quic> {
  if (module === undefined) {
    // it rejects promises of its own when the other side goes
    process.on('unhandledRejection', () => undefined)
    module = imported('@matrixai/quic')
  }
  return module
}

async function silence(): Promise<object> {
  const { default: Logger } = await imported<Logging>('@matrixai/logger')
  return new Logger('quic', SILENT, [])
}

function certificate(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tcp-over-udp-bench-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  try {
    execFileSync('openssl', ['req', '-x509', ...curve, '-subj', '/CN=bench', '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    })
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const keyOf = (bytes: ArrayBuffer): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('raw', bytes, HMAC, true, ['sign', 'verify'])

/** What it asks a server for: tokens signed and verified. */
const SERVER_CRYPTO = {
  key: webcrypto.getRandomValues(new Uint8Array(32)).buffer,
  ops: {
    sign: async (key: ArrayBuffer, bytes: ArrayBuffer) => webcrypto.subtle.sign('HMAC', await keyOf(key), bytes),
    verify: async (key: ArrayBuffer, bytes: ArrayBuffer, signature: ArrayBuffer) =>
      webcrypto.subtle.verify('HMAC', await keyOf(key), signature, bytes),
  },
}
const CLIENT_CRYPTO = {
  ops: {
    randomBytes: async (into: ArrayBuffer) => void webcrypto.getRandomValues(new Uint8Array(into)),
  },
}

const duplexOf = ({ readable, writable }: QuicStream): Duplex =>
  Duplex.fromWeb({ readable, writable }, { allowHalfOpen: true })

export const matrixaiQuic: Peer = {
  async listen(address, port, onConnection) {
    const { QUICServer, events } = await quic()
    const config = { ...certificate(), verifyPeer: false }
    const server = new QUICServer({ crypto: SERVER_CRYPTO, config, logger: await silence() })
    server.addEventListener(events.EventQUICServerConnection.name, (event) => {
      const { detail: connection } = event as Detailed<EventTarget>
      connection.addEventListener(events.EventQUICConnectionStream.name, (one) => {
        onConnection(duplexOf((one as Detailed<QuicStream>).detail))
      })
    })
    await server.start({ host: address, port })
    return server.port
  },
  async connect(address, port) {
    const { QUICClient } = await quic()
    const client = await QUICClient.createQUICClient({
      host: address,
      port,
      localHost: '0.0.0.0',
      crypto: CLIENT_CRYPTO,
      config: { verifyPeer: false },
      logger: await silence(),
    })
    const stream = duplexOf(client.connection.newStream())
    stream.on('close', () => client.destroy({ force: true }).catch(() => undefined))
    return stream
  },
}

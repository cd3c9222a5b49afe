// TLS over our sockets: node:tls takes any stream, and what it does not hand through to one is handed through here.
import { isIP } from 'node:net'
import tls from 'node:tls'
import { codeIn, invalidArgType, unsupported } from '../net/errors.js'
import { connect, Socket } from '../net/socket.js'
import type { NetConnectOpts } from '../net/socket-options.js'

/** What connect() of the main door takes, and tls.connect() beside it. */
export interface TlsConnectOptions
  extends Omit<NetConnectOpts, 'onread' | 'port' | 'host' | 'lookup'>,
    Omit<tls.ConnectionOptions, keyof NetConnectOpts | 'socket' | 'path'>,
    Pick<NetConnectOpts, 'port' | 'host' | 'lookup'> {}

const PASSED_ON = ['ref', 'unref', 'setNoDelay', 'setKeepAlive', 'resetAndDestroy'] as const
const SHOWN = ['remoteAddress', 'remotePort', 'remoteFamily', 'localAddress', 'localPort', 'localFamily'] as const

/** Connects, and lays over that the TLS socket that `make` makes. @throws what connect() and `make` throw: then there is no connection either. */
export function layOver(
  options: NetConnectOpts & { timeout?: number | undefined },
  make: (raw: Socket) => tls.TLSSocket,
): tls.TLSSocket {
  const raw = connect(options)
  try {
    const secure = make(raw)
    layUnder(raw)
    handThrough(secure, raw)
    if (options.timeout) secure.setTimeout(options.timeout)
    return secure
  } catch (error) {
    raw.destroy()
    throw error
  }
}

/** A socket that TLS has just been laid over is TLS's alone. */
export function layUnder(raw: Socket): void {
  // a failure is the TLS socket's to tell, which hears of it too
  raw.on('error', () => {})
  // TLS has taken over whether it is half-open itself; what it has to say after the peer's FIN still has to leave
  raw.allowHalfOpen = true
}

/** Gives a TLS socket over one of ours what Node does not: addresses, ref(), unref(), setNoDelay(), setKeepAlive(), resetAndDestroy(). */
export function handThrough(secure: tls.TLSSocket, raw: Socket): void {
  for (const name of SHOWN) Object.defineProperty(secure, name, { get: () => raw[name], configurable: true })
  for (const name of PASSED_ON) {
    const pass = (...args: []): tls.TLSSocket => {
      raw[name](...args)
      return secure
    }
    Object.defineProperty(secure, name, { value: pass, configurable: true, writable: true })
  }
  forgive(secure, raw)
}

/** That nobody was there any more for TLS's own goodbye, after both ends and all that was to be said, is no error to the program, as over TCP. */
function forgive(secure: tls.TLSSocket, raw: Socket): void {
  const { destroy } = raw
  raw.destroy = (error) => {
    const isOver = raw.readableEnded && secure.writableEnded && secure.writableLength + raw.writableLength === 0
    return destroy.call(raw, isOver && codeIn(error) === 'ECONNRESET' ? undefined : error)
  }
}

/** The socket of ours that a TLS socket of a server's is over. Node tells it only in an inner part; null: not there. */
export function rawOf(secure: tls.TLSSocket): Socket | null {
  const { _handle } = secure as { _handle?: { _parentWrap?: { stream?: unknown } } | null }
  const raw = _handle?._parentWrap?.stream
  return raw instanceof Socket ? raw : null
}

/** What tls.connect() does, over UDP: `servername` is `host` if that is a name. @throws ERR_INVALID_ARG_TYPE, ERR_TCP_OVER_UDP_UNSUPPORTED (onread), and what connect() and tls.connect() throw */
export function connectTls(options: TlsConnectOptions, secureConnectListener?: () => void): tls.TLSSocket {
  if (typeof options !== 'object' || options === null) throw invalidArgType('options', 'of type object', options)
  // it would be of what is enciphered
  if ((options as { onread?: unknown }).onread !== undefined) throw unsupported('onread')
  const { host, servername = host !== undefined && isIP(host) === 0 ? host : undefined } = options
  const named = servername === undefined ? {} : { servername }
  return layOver(options as NetConnectOpts, (raw) =>
    tls.connect({ ...options, ...named, socket: raw } as tls.ConnectionOptions, secureConnectListener),
  )
}

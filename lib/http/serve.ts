// Servers of node:http, https, http2 and tls, fed with our connections.
import type { Server as NetServer } from 'node:net'
import tls from 'node:tls'
import { invalidArgType } from '../net/errors.js'
import { Server } from '../net/server.js'
import type { ServerOpts } from '../net/server-options.js'
import { handThrough, layUnder, rawOf } from './tls.js'

/** A server that takes connections by its 'connection' event: of http, https, http2, tls or net. It need not listen. */
export interface Upper extends NetServer {
  closeIdleConnections?(): void
}

class Front extends Server {
  readonly #upper: Upper

  constructor(upper: Upper, options: ServerOpts) {
    super({ ...optionsOf(upper), ...options }, (socket) => {
      upper.emit('connection', socket)
      if (upper instanceof tls.Server) layUnder(socket)
    })
    this.#upper = upper
    // this starts the time limits of an http server, and its list of connections
    this.on('listening', () => upper.emit('listening'))
    upper.on('close', () => {
      if (this.listening) super.close()
    })
    if (upper instanceof tls.Server) {
      upper.prependListener('secureConnection', (secure) => {
        const raw = rawOf(secure)
        if (raw !== null) handThrough(secure, raw)
      })
    }
  }

  /** As the other server's own close(): idle connections of http are closed, http2 says GOAWAY; 'close' follows the last. */
  override close(callback?: (error?: Error) => void): this {
    super.close(callback)
    this.#upper.closeIdleConnections?.()
    this.#upper.close()
    return this
  }
}

/** What the other server would have told its own connections. */
function optionsOf(upper: Upper): ServerOpts {
  const { allowHalfOpen, pauseOnConnect, noDelay, keepAlive, highWaterMark } = upper as ServerOpts
  // Node keeps it in seconds
  const keepAliveInitialDelay = 1000 * ((upper as ServerOpts).keepAliveInitialDelay ?? 0)
  return { allowHalfOpen, pauseOnConnect, noDelay, keepAlive, keepAliveInitialDelay, highWaterMark }
}

/**
 * A server over UDP that hands its connections to `upper`: `serve(http.createServer(handler)).listen(8080)`.
 * Listening, closing, address() and maxConnections are the returned server's; whatever HTTP or TLS decides, and its
 * options for connections (`noDelay`, `keepAlive`, …), are those of `upper`. @throws ERR_INVALID_ARG_TYPE
 */
export function serve(upper: Upper, options: ServerOpts = {}): Server {
  if (typeof upper?.emit !== 'function') {
    throw invalidArgType('upper', 'a server of node:http, https, http2, tls or net', upper)
  }
  return new Front(upper, options)
}

// Agents of node:http and node:https whose connections are ours: everything else about them is Node's.
import http from 'node:http'
import https from 'node:https'
import type { Duplex } from 'node:stream'
import type tls from 'node:tls'
import type { ConnectTransportOptions } from '../net/options.js'
import { connect } from '../net/socket.js'
import type { NetConnectOpts } from '../net/socket-options.js'
import { layOver } from './tls.js'

/** Node's, and what our connect() takes beside net's. */
export interface HttpAgentOptions extends http.AgentOptions, ConnectTransportOptions {}
export interface HttpsAgentOptions extends https.AgentOptions, ConnectTransportOptions {}

type Created = (error: Error | null, socket: Duplex) => void

class HttpAgent extends http.Agent {
  override createConnection(options: object): Duplex {
    return connect(options as NetConnectOpts)
  }
}

class HttpsAgent extends https.Agent {
  /** Sessions are kept and resumed as https.Agent does it. */
  override createConnection(options: object, created?: Created): Duplex | null | undefined {
    return layOver(options as NetConnectOpts, (raw) => {
      const over = { ...options, socket: raw } as https.RequestOptions
      return super.createConnection(over, created as Created) as tls.TLSSocket
    })
  }
}

/** An agent for `http:` whose connections are ours: `http.get(url, { agent })`. */
export function createHttpAgent(options?: HttpAgentOptions): http.Agent {
  return new HttpAgent(options)
}

/** An agent for `https:` whose connections are TLS over ours: `https.get(url, { agent })`. */
export function createHttpsAgent(options?: HttpsAgentOptions): https.Agent {
  return new HttpsAgent(options)
}

// The default export: all that node:net has by name, in one object.
import {
  BlockList,
  getDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  isIP,
  isIPv4,
  isIPv6,
  SocketAddress,
  setDefaultAutoSelectFamily,
  setDefaultAutoSelectFamilyAttemptTimeout,
} from 'node:net'
import { Stack } from '../endpoint/stack.js'
import { createServer, Server, type ServerConstructor } from './server.js'
import { connect, Socket, type SocketConstructor } from './socket.js'

/** What stands for node:net, and Stack. */
export interface Module {
  readonly Socket: SocketConstructor
  readonly Stream: SocketConstructor
  readonly Server: ServerConstructor
  readonly Stack: typeof Stack
  readonly connect: typeof connect
  readonly createConnection: typeof connect
  readonly createServer: typeof createServer
  readonly isIP: typeof isIP
  readonly isIPv4: typeof isIPv4
  readonly isIPv6: typeof isIPv6
  readonly BlockList: typeof BlockList
  readonly SocketAddress: typeof SocketAddress
  readonly getDefaultAutoSelectFamily: typeof getDefaultAutoSelectFamily
  readonly setDefaultAutoSelectFamily: typeof setDefaultAutoSelectFamily
  readonly getDefaultAutoSelectFamilyAttemptTimeout: typeof getDefaultAutoSelectFamilyAttemptTimeout
  readonly setDefaultAutoSelectFamilyAttemptTimeout: typeof setDefaultAutoSelectFamilyAttemptTimeout
}

const net: Module = {
  Socket,
  Stream: Socket,
  Server,
  Stack,
  connect,
  createConnection: connect,
  createServer,
  isIP,
  isIPv4,
  isIPv6,
  BlockList,
  SocketAddress,
  getDefaultAutoSelectFamily,
  setDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  setDefaultAutoSelectFamilyAttemptTimeout,
}

export default net

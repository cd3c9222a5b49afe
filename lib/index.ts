// The door `.`: the API of node:net, and the Stack that sockets and servers live on.
export type {
  AddressInfo,
  IPVersion,
  IpcNetConnectOpts,
  IpcSocketConnectOpts,
  LookupFunction,
  SocketAddressInitOptions,
  SocketReadyState,
} from 'node:net'
export {
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
export type { CongestionControlName } from './core/congestion/algorithms.js'
export type { AckSample, CongestionAlgorithm, CongestionController, LostPacket } from './core/congestion/controller.js'
export type { Trace } from './core/trace.js'
export type { Channel } from './endpoint/channel.js'
export type { StackLimits } from './endpoint/limits.js'
export type { ListenerStats } from './endpoint/listener.js'
export { Stack, type StackStats } from './endpoint/stack.js'
export type { DropsObserver, TotalStats } from './endpoint/totals.js'
export { defaultStack } from './net/default-stack.js'
export type { DropsMessage } from './net/drops-report.js'
export type { CodedError, SystemError } from './net/errors.js'
export type { Hears, HearsAnything, SocketEvents } from './net/events.js'
export { default, type Module } from './net/module.js'
export type { ConnectTransportOptions, ListenTransportOptions, TransportOptions } from './net/options.js'
export type { OnReadOpts } from './net/own-memory.js'
export {
  createServer,
  Server,
  type ServerConstructor,
  type ServerEvents,
} from './net/server.js'
export type { DropArgument, ListenOptions, ServerOpts } from './net/server-options.js'
export {
  connect,
  connect as createConnection,
  Socket,
  Socket as Stream,
  type SocketConstructor,
  type SocketInfo,
} from './net/socket.js'
export type {
  ConnectOpts,
  KeepAliveOpts,
  NetConnectOpts,
  NetConnectOpts as TcpNetConnectOpts,
  SocketConnectOpts,
  SocketConnectOpts as TcpSocketConnectOpts,
  SocketConstructorOpts,
} from './net/socket-options.js'
export type {
  Alarm,
  DatagramHandler,
  DatagramSocket,
  LocalAddress,
  Platform,
  Row,
} from './platform/platform.js'

// The door `./core`: one connection without I/O, the codec, and what both are made of, for those who bring their own loop.

export {
  ACK,
  decode,
  encode,
  FIN,
  HEADER_LENGTH,
  MAX_DATAGRAM,
  MAX_HEADER_LENGTH,
  PSH,
  RST,
  Segment,
  SYN,
  URG,
} from '../wire/segment.js'
export { before, unwrap, wrap } from '../wire/seq.js'
export { type Config, createConfig, DEFAULT_CONFIG } from './config.js'
export {
  type CongestionControlName,
  congestionControls,
  findCongestionControl,
  NEWRENO,
} from './congestion/algorithms.js'
export type { AckSample, CongestionAlgorithm, CongestionController, LostPacket } from './congestion/controller.js'
export { Connection, type TimeWaitSeed } from './connection.js'
export { EventLog, type EventLogOptions } from './event-log.js'
export { ACKED, CLOSED, CONNECTED, ENDED, READABLE, WRITABLE } from './events.js'
export { mergePathMemory, type PathMemory } from './path-memory.js'
export { canReceive, canSend, EDGES, isSynchronized, type State } from './state.js'
export type { Status } from './status.js'
export { type LinkSize, NOWHERE, type Room, type Surroundings } from './surroundings.js'
export type { CloseReason } from './tcb.js'
export type { FlightEvent, RecoveryMetrics, Trace } from './trace.js'

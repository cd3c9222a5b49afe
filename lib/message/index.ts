// The door `tcp-over-udp/message`: length-framed messages over any Duplex.
export { DEFAULT_MAX_MESSAGE_LENGTH, type Message, MessageError, type MessageErrorCode } from './frame.js'
export {
  type MessageIteratorOptions,
  MessageStream,
  type MessageStreamEvents,
  type MessageStreamOptions,
} from './message-stream.js'

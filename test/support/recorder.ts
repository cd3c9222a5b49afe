// Owners of channels and listeners that write down what they are told.
import { ACKED, CLOSED, CONNECTED, ENDED, READABLE, WRITABLE } from '../../lib/core/connection.js'
import type { Channel, ChannelOwner } from '../../lib/endpoint/channel.js'
import type { ListenerOwner } from '../../lib/endpoint/listener.js'

/** Events and what tests call them. */
export const EVENT_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [CONNECTED, 'connected'],
  [READABLE, 'readable'],
  [ENDED, 'ended'],
  [WRITABLE, 'writable'],
  [ACKED, 'acked'],
  [CLOSED, 'closed'],
]

/** Reads all that comes; 'acked' is left out of the events. */
export class Recorder implements ChannelOwner {
  channel!: Channel
  readonly events: string[] = []
  bytes = 0
  text = ''
  /** Called after an event is written down. */
  react: (events: number, channel: Channel) => void = () => {}

  onEvents(events: number): void {
    for (const [bit, name] of EVENT_NAMES) if (events & bit && bit !== ACKED) this.events.push(name)
    for (let bytes = this.channel.receive(); bytes !== null; bytes = this.channel.receive()) {
      this.bytes += bytes.length
      if (this.text.length < 1000) this.text += new TextDecoder().decode(bytes)
    }
    this.react(events, this.channel)
  }
}

/** Gives each connection a Recorder. */
export class Acceptance implements ListenerOwner {
  readonly accepted: Recorder[] = []
  react: (events: number, channel: Channel) => void = () => {}

  onConnection(channel: Channel): void {
    const recorder = new Recorder()
    recorder.channel = channel
    recorder.react = (events, of) => this.react(events, of)
    channel.owner = recorder
    this.accepted.push(recorder)
  }

  get channels(): Channel[] {
    return this.accepted.map(({ channel }) => channel)
  }
}

/** Closes its side when the peer has. */
export function closeInReturn(events: number, channel: Channel): void {
  if (events & ENDED) channel.close()
}

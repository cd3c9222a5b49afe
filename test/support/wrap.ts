// One connection whose sequence numbers and timestamps go round, once or many times, and whose every byte is looked at.
import { type Config, createConfig } from '../../lib/core/config.js'
import { ENDED, WRITABLE } from '../../lib/core/events.js'
import type { Channel } from '../../lib/endpoint/channel.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network, type NetworkOptions } from '../../lib/testing/network.js'

const SERVER = '10.0.0.1'
const CLIENT = '10.0.0.2'
const PERIOD = 65_521
const CHUNK = 2 ** 20
const STREAM = new Uint8Array(PERIOD + CHUNK).map((_, i) => (i % PERIOD) ^ ((i % PERIOD) >> 8))

export interface WrapOptions {
  network?: NetworkOptions
  config?: Partial<Config>
  /** Initial sequence numbers and timestamps of both ends, u32. */
  iss?: number
  timestamp?: number
}

export class Wrapping {
  readonly network: Network
  readonly client: Channel
  served: Channel | null = null
  sent = 0
  received = 0
  ended = false
  private toSend = 0

  constructor({ network = {}, config = {}, iss, timestamp = 0 }: WrapOptions) {
    this.network = new Network({ capture: false, ...network })
    const both = createConfig(config)
    const stacks = [SERVER, CLIENT].map((address) => new Stack(this.network.host(address).platform))
    const [there, here] = stacks as [Stack, Stack]
    for (const { numbers } of stacks) {
      if (iss !== undefined) numbers.choose = () => ({ iss, timestampOffset: timestamp })
    }
    there.listen({ address: SERVER, port: 80 }, () => both, {
      onConnection: (channel) => {
        this.served = channel
        channel.owner = { onEvents: (events) => this.onServed(channel, events) }
      },
    })
    this.client = here.connect({ address: SERVER, port: 80 }, both, {
      onEvents: (events) => void (events & WRITABLE && this.pour()),
    })
    this.network.advanceUntil(() => this.served !== null, 60_000)
  }

  /** From the client to the server. */
  send(bytes: number): void {
    this.toSend += bytes
    this.pour()
  }

  private pour(): void {
    while (this.toSend > 0) {
      const at = this.sent % PERIOD
      const bytes = STREAM.subarray(at, at + Math.min(this.toSend, CHUNK))
      const taken = this.client.send(bytes)
      this.sent += taken
      this.toSend -= taken
      if (taken < bytes.length) return
    }
  }

  private onServed(channel: Channel, events: number): void {
    for (let bytes = channel.receive(); bytes !== null; bytes = channel.receive()) {
      const at = this.received % PERIOD
      if (Buffer.compare(bytes, STREAM.subarray(at, at + bytes.length)) !== 0) {
        throw new Error(`something else within ${bytes.length} bytes after ${this.received}`)
      }
      this.received += bytes.length
    }
    if (events & ENDED) this.ended = true
  }
}

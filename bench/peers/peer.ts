// What is compared: anything that listens on loopback and connects to it with a Duplex.
import type { Duplex } from 'node:stream'

export interface Peer {
  readonly name: string
  /** One line for the table. */
  readonly summary: string
  /** @returns the port, once it listens. */
  listen(onConnection: (stream: Duplex) => void): Promise<number>
  /** `path`: one of links/paths.ts; absent: loopback as it is. */
  connect(port: number, path?: string): Duplex
}

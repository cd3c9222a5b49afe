// What is compared: anything that listens and connects, and gives a Duplex for each connection.
import type { Duplex } from 'node:stream'

export interface Peer {
  /** @returns the port, once it listens; `port` 0: any that is free. */
  listen(address: string, port: number, onConnection: (stream: Duplex) => void): Promise<number>
  /** @returns a stream that is connected. `path`: one of links/paths.ts; absent: the network as it is. */
  connect(address: string, port: number, path?: string): Promise<Duplex>
  /** Datagrams that have come to what listens here; absent: nobody tells. */
  datagrams?(): number
}

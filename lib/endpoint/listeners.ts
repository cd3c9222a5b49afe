// Who listens on the TCP ports of an endpoint.
import type { Listener } from './listener.js'
import type { Arrival } from './local-socket.js'
import type { ListenTarget } from './target.js'

export class Listeners {
  private readonly byPort: Map<number, Listener[]> = new Map()

  has(port: number): boolean {
    return this.byPort.has(port)
  }

  /** Nobody listens there for what `target` is to hear. */
  isFree(port: number, target: ListenTarget): boolean {
    return !this.byPort.get(port)?.some((listener) => listener.overlaps(target))
  }

  add(listener: Listener): void {
    const others = this.byPort.get(listener.port)
    if (others === undefined) this.byPort.set(listener.port, [listener])
    else others.push(listener)
  }

  remove(listener: Listener): void {
    const others = (this.byPort.get(listener.port) ?? []).filter((other) => other !== listener)
    if (others.length === 0) this.byPort.delete(listener.port)
    else this.byPort.set(listener.port, others)
  }

  /** Whose the SYN is that has come. */
  of({ local, segment, address }: Arrival): Listener | undefined {
    return this.byPort.get(segment.destinationPort)?.find((listener) => listener.covers(local, address))
  }
}

// A Platform around another that shows every segment as it comes and goes: a capture from inside the process.
import type { DatagramHandler, DatagramSocket, LocalAddress, Platform } from '../../lib/platform/platform.js'
import { decode, Segment } from '../../lib/wire/segment.js'

export interface Watcher {
  onSent(segment: Segment): void
  onReceived(segment: Segment): void
}

export function recording(platform: Platform, watcher: Watcher): Platform {
  const segment = new Segment()
  const bind = (local: LocalAddress, handler: DatagramHandler): DatagramSocket => {
    const socket = platform.bind(local, {
      onDatagram: (bytes, start, end, address, port, isLent) => {
        if (decode(bytes, segment, start, end)) watcher.onReceived(segment)
        handler.onDatagram(bytes, start, end, address, port, isLent)
      },
      onQuiet: () => handler.onQuiet(),
      onDrain: () => handler.onDrain(),
      onError: (error) => handler.onError(error),
    })
    const send = (parts: readonly Uint8Array[], address: string, port: number): boolean => {
      if (decode(Buffer.concat(parts), segment)) watcher.onSent(segment)
      return socket.send(parts, address, port)
    }
    // without reserve() all goes by send()
    return Object.assign(Object.create(socket) as DatagramSocket, {
      send,
      reserve: undefined,
      flush: () => socket.flush(),
    })
  }
  return Object.assign(Object.create(platform) as Platform, { bind })
}

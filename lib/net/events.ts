// The events of a socket, with the types of what their listeners get.

/** Events of a Socket. */
export interface SocketEvents {
  /** Both directions are over, or destroy() was called; the last event. */
  close: [hadError: boolean]
  connect: []
  connectionAttempt: [address: string, port: number, family: number]
  connectionAttemptFailed: [address: string, port: number, family: number, error: Error]
  connectionAttemptTimeout: [address: string, port: number, family: number]
  data: [data: Buffer]
  drain: []
  end: []
  error: [error: Error]
  finish: []
  /** A name was looked up. */
  lookup: [error: Error | null | undefined, address: string | undefined, family: number | undefined, host: string]
  pause: []
  ready: []
  readable: []
  resume: []
  /** Nothing has happened for as long as setTimeout() said. */
  timeout: []
}

/** A listener of an event that comes with these arguments. */
export type Hears<Args> = (...args: Args extends unknown[] ? Args : never) => void

/** A listener of an event of the program's own, whose arguments nobody here knows. */
// biome-ignore lint/suspicious/noExplicitAny: as EventEmitter has it: with unknown a listener that names its arguments would be refused
export type HearsAnything = (...args: any[]) => void

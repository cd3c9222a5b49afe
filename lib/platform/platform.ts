// What the stack asks of a machine: a clock, randomness, one alarm, datagrams. Interfaces only.

export interface Platform {
  /** Milliseconds, monotonic, fractional. */
  now(): number
  /** Fills `into` with random bytes: of the machine's secure source, or seeded in a simulation. */
  random(into: Uint8Array): void
  /** Memory that is given away; what it holds is overwritten. */
  readonly allocate: (length: number) => Uint8Array
  /** Runs `run` once, later in this turn. */
  defer(run: () => void): void
  /** Runs `run` once what runs now is done, and after it the ticks, and the promises with all that come of these; before anything else has its turn. */
  afterTicks(run: () => void): void
  /** Calls `run` as the process ends, when nothing that waits is called any more; `on` false: no longer. Absent: nobody knows of an end. */
  atExit?(run: () => void, on: boolean): void
  /** A new alarm that calls `ring` at the time it is set to. */
  alarm(ring: () => void): Alarm
  /** @returns a socket that is bound already. @throws the machine's error (EADDRINUSE, EADDRNOTAVAIL, EACCES). */
  bind(local: LocalAddress, handler: DatagramHandler): DatagramSocket
  /** The machine's own unicast addresses, to hold one by one beside a wildcard. */
  addresses(): readonly string[]
  /** How many descriptors the process may have open; undefined: not known. */
  readonly descriptorLimit?: number | undefined
  /** The largest packet of the interface that has this address of ours, bytes; undefined: not known. */
  mtuOf(address: string): number | undefined
  /** The local address from which datagrams to `address` leave; undefined: no route. */
  sourceAddress(address: string): string | undefined
}

export interface LocalAddress {
  /** An IP literal; '::' takes IPv4 too unless `ipv6Only`. */
  address: string
  /** 0: a free one. */
  port: number
  /** Connects the UDP socket: only this peer is heard, and ICMP errors are reported. */
  peer?: { address: string; port: number }
  ipv6Only?: boolean
  /** Others of this process with the same port may be bound beside it; where the machine can tell, nobody else's. */
  reuseAddr?: boolean
  reusePort?: boolean
  /** SO_RCVBUF to ask for, bytes. */
  recvBufferSize?: number | undefined
  /** Many datagrams a call, where the machine can do that. @default true */
  offload?: boolean | undefined
}

export interface Alarm {
  /** Rings once at `at` (ms on the platform's clock), instead of any time set before. */
  set(at: number): void
  clear(): void
  /** A set alarm holds the process. */
  ref(): void
  unref(): void
}

/** Datagrams one behind the other in memory that is lent: `part` bytes each but the last, which may be shorter. */
export interface Row {
  readonly bytes: Uint8Array
  /** Where the first of them begins that nobody has taken. */
  at: number
  readonly end: number
  readonly part: number
}

export interface DatagramHandler {
  /**
   * A datagram: what lies in `bytes` from `start` to `end`. IPv4 peers of a dual-stack socket come as '::ffff:a.b.c.d'. `isLent`: the
   * memory is used for something else as soon as this returns; else it is the receiver's to keep.
   */
  onDatagram(bytes: Uint8Array, start: number, end: number, address: string, port: number, isLent: boolean): void
  /** Datagrams of one peer: takes one or more, and moves `row.at` behind them before it acts on them. Absent: each comes by onDatagram(). */
  onRow?(row: Row, address: string, port: number): void
  /** What had come has been handed over, and may be answered: follows onDatagram() in the same turn, once for as many as there were. */
  onQuiet(): void
  /** Views given to send() are no longer held. */
  onDrain(): void
  /** A send that failed or an ICMP error (code ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE, ...). */
  onError(error: Error): void
}

export interface DatagramSocket {
  /** As bound: port 0 and a wildcard are replaced by what they became, the wildcard stays. */
  readonly address: string
  readonly port: number
  /** The peer of a connected socket as datagrams from it are reported; undefined: as it was asked for. */
  readonly peerAddress?: string | undefined
  /** Bytes, the machine's own overhead among them, that may wait to be read; beyond that what comes is lost. */
  readonly buffer: number
  /** Datagrams that came and found no room there, as of this turn: asking may cost something; undefined: the machine does not say. */
  readonly dropped: number | undefined
  /** A packet that is longer than the path takes is cut into fragments, as far as the machine knows the path; else it is dropped. */
  readonly fragments: boolean
  /**
   * Sends `parts` as one datagram.
   * @returns false while it still holds views: then use fresh ones, and stop until onDrain(). It may gather sends until flush().
   */
  send(parts: readonly Uint8Array[], address: string, port: number): boolean
  /** Where datagrams may be written that are to leave together; absent: send() is the only way. */
  readonly cargo?: Uint8Array
  /**
   * Takes a datagram of `length` bytes that is written to `cargo` at once, and leaves at flush() or before.
   * @returns where in `cargo`; -1: there is no room for it, and send() has to take it.
   */
  reserve?(length: number, address: string, port: number): number
  /** @returns as send(). */
  flush(): boolean
  /**
   * A socket of its own for what comes from one peer to this address, with a buffer of its own; absent: the machine has none.
   * A datagram of somebody else may be the first that it hears. @throws the machine's error.
   */
  branch?(peer: { address: string; port: number }, handler: DatagramHandler, recvBufferSize: number): DatagramSocket
  ref(): void
  unref(): void
  close(): void
}

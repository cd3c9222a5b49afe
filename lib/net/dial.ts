// From a host to a connection: the name looked up, its addresses tried in turn, as connect() of node:net does.
import dns from 'node:dns'
import type { EventEmitter } from 'node:events'
import { type BlockList, isIP } from 'node:net'
import type { Config } from '../core/config.js'
import { CLOSED, CONNECTED } from '../core/events.js'
import { isUnicast } from '../endpoint/address.js'
import type { Channel, ChannelOwner } from '../endpoint/channel.js'
import type { ConnectTarget } from '../endpoint/target.js'
import type { Alarm, Platform } from '../platform/platform.js'
import type { Destination } from './arguments.js'
import {
  bindError,
  codeIn,
  codeOf,
  connectError,
  connectErrorAtOnce,
  invalidAddressFamily,
  invalidIpAddress,
  ipBlocked,
} from './errors.js'
import { configOf, makeConfig, type Switches, type Transport } from './options.js'
import type { Scope } from './scope.js'

/** What makes channels: a stack, or a listener, whose channels leave from its own UDP port. */
export interface Dialer {
  connect(target: ConnectTarget, config: Config, owner: ChannelOwner): Channel
}

/** Who is told how it went: one of the two, once, never from inside start(). */
export interface Caller {
  /** `events`: what happened beside CONNECTED. */
  onConnected(channel: Channel, events: number): void
  onFailed(error: Error): void
  /** A step was made. */
  onProgress(): void
}

/** All that a dial is made of. */
export interface DialRequest {
  readonly destination: Destination
  readonly transport: Transport
  readonly dialer: Dialer
  readonly platform: Platform
  /** As they stand when an attempt begins. */
  readonly switches: () => Switches
  readonly blockList: BlockList | undefined
  /** Emits 'lookup', 'connectionAttempt' and their like. */
  readonly socket: EventEmitter & { autoSelectFamilyAttemptedAddresses?: string[] | undefined }
  readonly caller: Caller
  /** What all of these hear of in. */
  readonly scope: Scope
}

interface Candidate {
  readonly address: string
  readonly family: number
}

/** A connection to one candidate, under way. */
class Attempt implements ChannelOwner {
  readonly candidate: Candidate
  private readonly dial: Dial
  channel: Channel | null = null

  constructor(dial: Dial, candidate: Candidate) {
    this.dial = dial
    this.candidate = candidate
  }

  onEvents(events: number): void {
    this.dial.onEvents(this, events)
  }
}

type LookupAnswer = readonly [error: Error | null, answer: unknown, family?: unknown]

/** One call of connect(), until it is connected, has failed or is cancelled. */
export class Dial {
  private readonly request: DialRequest
  private held: boolean
  private over = false
  private candidates: readonly Candidate[] = []
  /** Of the candidate to be tried next. */
  private next = 0
  /** Oldest first: of several addresses, those whose time is over run on beside the next. */
  private running: Attempt[] = []
  private readonly errors: Error[] = []
  private alarm: Alarm | null = null
  private readonly startedAt: number

  /** `held`: the attempts hold the process. */
  constructor(request: DialRequest, held: boolean) {
    this.request = request
    this.held = held
    this.startedAt = request.platform.now()
  }

  /** @throws what the lookup function throws. */
  start(): void {
    const { host } = this.request.destination
    const family = typeof host === 'string' ? isIP(host) : 0
    if (family !== 0) process.nextTick(() => this.attemptAll([{ address: host, family }]))
    else this.lookup()
  }

  /** No attempt survives this, and nobody is told. */
  cancel(): void {
    this.over = true
    this.alarm?.clear()
    this.abandonAll()
  }

  /** Of the attempts under way, the oldest first. */
  get channels(): readonly Channel[] {
    return this.running.map(({ channel }) => channel as Channel)
  }

  /** Whether the attempts hold the process. */
  hold(on: boolean): void {
    this.held = on
    for (const channel of this.channels) {
      if (on) channel.ref()
      else channel.unref()
    }
  }

  // ---- names

  private lookup(): void {
    const { host, family, hints, lookup, autoSelectFamily } = this.request.destination
    const all = autoSelectFamily ? { all: true as const } : {}
    const options = { family, hints, ...all }
    let started = false
    const answered = (...answer: LookupAnswer): void => {
      // nothing is emitted out of connect() itself
      if (started) this.onLookup(answer)
      else process.nextTick(() => this.onLookup(answer))
    }
    const find = (lookup ?? dns.lookup) as (host: string, options: object, done: typeof answered) => void
    find(host, options, answered)
    started = true
  }

  private onLookup([error, answer, family]: LookupAnswer): void {
    if (this.over) return
    const { socket, destination, caller } = this.request
    const { host } = destination
    if (error) {
      socket.emit('lookup', error, undefined, undefined, host)
      this.failLater(error)
      return
    }
    const answers = destination.autoSelectFamily
      ? Array.from(answer as Iterable<Candidate>)
      : [{ address: answer as string, family: family as number }]
    for (const found of answers) {
      socket.emit('lookup', error, found.address, found.family, host)
      if (this.over) return
    }
    const usable = answers.filter((found) => isIP(found.address) !== 0 && (found.family === 4 || found.family === 6))
    const [first] = answers
    if (usable.length === 0) {
      const bad = first !== undefined && isIP(first.address) !== 0
      const unusable = bad
        ? invalidAddressFamily(first.family, host, destination.port)
        : invalidIpAddress(first?.address)
      this.failLater(unusable)
      return
    }
    caller.onProgress()
    this.attemptAll(interleave(usable))
  }

  private failLater(error: Error): void {
    process.nextTick(() => this.fail(error))
  }

  // ---- attempts

  private attemptAll(candidates: readonly Candidate[]): void {
    if (this.over) return
    this.candidates = candidates
    if (this.chooses) this.request.socket.autoSelectFamilyAttemptedAddresses = []
    this.attemptNext()
  }

  private attemptNext(): void {
    while (!this.over && this.next < this.candidates.length) {
      const failure = this.attempt(this.candidates[this.next++] as Candidate)
      if (failure === null) return
      this.errors.push(failure)
    }
    if (this.over) return
    if (this.running.length === 0) this.failAll()
    // the last has failed: those before it have one more such time
    else this.setAlarm()
  }

  private failAll(): void {
    const [first] = this.errors as [Error]
    if (!this.chooses) this.fail(first)
    else this.fail(Object.assign(new AggregateError(this.errors), { code: codeIn(first) }))
  }

  /** @returns why it could not even begin; null: it is under way. */
  private attempt(candidate: Candidate): Error | null {
    const { socket, destination, dialer, blockList } = this.request
    const { address, family } = candidate
    const { port } = destination
    if (blockList?.check(address, family === 6 ? 'ipv6' : 'ipv4')) {
      const error = ipBlocked(address)
      if (this.chooses) socket.emit('connectionAttemptFailed', address, port, family, error)
      else socket.emit('connectionAttempt', address, port, family)
      return error
    }
    const attempt = new Attempt(this, candidate)
    try {
      attempt.channel = dialer.connect(this.targetOf(candidate), this.configOf(family), attempt)
    } catch (error) {
      return this.refusedEarly(candidate, error)
    }
    this.running.push(attempt)
    if (!this.held) attempt.channel.unref()
    if (this.next < this.candidates.length) this.setAlarm()
    this.announce(candidate)
    return null
  }

  private announce({ address, family }: Candidate): void {
    const { socket, destination } = this.request
    if (this.chooses) socket.autoSelectFamilyAttemptedAddresses?.push(`${address}:${destination.port}`)
    socket.emit('connectionAttempt', address, destination.port, family)
  }

  /** There are several addresses. */
  private get chooses(): boolean {
    return this.candidates.length > 1
  }

  private setAlarm(): void {
    const { platform, destination } = this.request
    this.alarm ??= platform.alarm(() => this.onAlarm())
    this.alarm.set(platform.now() + destination.attemptTimeout)
  }

  private targetOf({ address, family }: Candidate): ConnectTarget {
    const { destination, transport } = this.request
    const { port, localAddress, localPort } = destination
    if (port === 0 && !transport.udpPort) throw connectError('ECONNREFUSED', address, port)
    const isPort = localPort === undefined || (Number.isInteger(localPort) && localPort > 0 && localPort < 65536)
    if (!isPort || (localAddress !== undefined && isIP(localAddress) !== family)) {
      throw bindError('EINVAL', localAddress ?? wildcard(family), localPort)
    }
    if (!isUnicast(address)) throw connectError('ENETUNREACH', address, port) // MUST-46, as kernels say it
    const target: { -readonly [K in keyof ConnectTarget]: ConnectTarget[K] } = { address, port }
    if (localAddress !== undefined) target.localAddress = localAddress
    if (localPort !== undefined) target.localPort = localPort
    if (transport.udpPort) target.udpPort = transport.udpPort
    if (transport.localUdpPort) target.localUdpPort = transport.localUdpPort
    if (transport.recvBufferSize !== undefined) target.recvBufferSize = transport.recvBufferSize
    if (transport.offload !== undefined) target.offload = transport.offload
    if (transport.hostCache !== undefined) target.hostCache = transport.hostCache
    return target
  }

  /** What is left of `connectTimeout` after the lookup and the attempts before this one goes to this one. */
  private configOf(family: number): Config {
    const { transport, switches, platform } = this.request
    if (!transport.connectTimeout) return configOf(transport, family, switches())
    const connectTimeout = Math.max(1, transport.connectTimeout - (platform.now() - this.startedAt))
    return makeConfig({ ...transport, connectTimeout }, family, switches())
  }

  /** The machine, or one of our own checks, said no before a SYN could leave. */
  private refusedEarly(candidate: Candidate, error: unknown): Error {
    const { address, family } = candidate
    const { port, localAddress, localPort } = this.request.destination
    const { code, syscall } = error as { code?: unknown; syscall?: unknown }
    if (!(error instanceof Error) || typeof code !== 'string' || code.startsWith('ERR_')) throw error
    const local = localAddress ?? wildcard(family)
    const asked = localAddress !== undefined || localPort !== undefined
    if (syscall === 'bind' && asked) {
      return bindError(code, local, localPort)
    }
    const failure = connectErrorAtOnce(code, address, port, `${local}:${localPort ?? 0}`)
    this.announce(candidate)
    if (this.chooses) this.request.socket.emit('connectionAttemptFailed', address, port, family, failure)
    return failure
  }

  onEvents(attempt: Attempt, events: number): void {
    this.request.scope.runInAsyncScope(this.onAttempt, this, attempt, events)
  }

  private onAttempt(attempt: Attempt, events: number): void {
    const { channel } = attempt
    if (this.over || channel === null) return
    if (events & CONNECTED) {
      this.over = true
      this.alarm?.clear()
      this.forget(attempt)
      this.abandonAll()
      this.request.caller.onConnected(channel, events & ~CONNECTED)
    } else if (events & CLOSED) {
      const newest = attempt === this.running[this.running.length - 1] && !this.timedOut
      this.forget(attempt)
      channel.owner = null
      if (newest) this.attemptFailed(attempt.candidate, codeOf(channel.reason ?? 'refused', channel.error))
      else if (this.running.length === 0 && this.timedOut) this.failAll()
    }
  }

  /** All candidates have had their time. */
  private get timedOut(): boolean {
    return this.errors.length === this.candidates.length
  }

  private attemptFailed({ address, family }: Candidate, code: string): void {
    this.alarm?.clear()
    const { port } = this.request.destination
    const error = this.errorOf(address, code)
    this.errors.push(error)
    this.request.socket.emit('connectionAttemptFailed', address, port, family, error)
    if (!this.over) this.attemptNext()
  }

  /** The newest attempt has had its time, or, after the last, all those before it. */
  private onAlarm(): void {
    if (this.over) return
    if (this.timedOut) {
      this.abandonAll()
      this.failAll()
      return
    }
    const attempt = this.running[this.running.length - 1] as Attempt
    const { address, family } = attempt.candidate
    const { destination, platform, socket } = this.request
    this.errors.push(this.errorOf(address, 'ETIMEDOUT'))
    socket.emit('connectionAttemptTimeout', address, destination.port, family)
    if (this.over) return
    if (destination.localPort === undefined) {
      this.attemptNext()
      return
    }
    // two cannot leave from one port, which is free once this turn is settled
    this.abandonAll()
    platform.defer(() => {
      if (!this.over) this.attemptNext()
    })
  }

  private errorOf(address: string, code: string): Error {
    const { port, localAddress, localPort } = this.request.destination
    return connectError(code, address, port, localAddress ?? wildcard(isIP(address)), localPort)
  }

  private forget(attempt: Attempt): void {
    this.running = this.running.filter((other) => other !== attempt)
  }

  private abandonAll(): void {
    for (const channel of this.channels) {
      channel.abort()
      channel.release(0)
    }
    this.running = []
  }

  private fail(error: Error): void {
    if (this.over) return
    this.over = true
    this.alarm?.clear()
    this.request.caller.onFailed(error)
  }
}

/** Each address once, families alternating, beginning with that of the first (RFC 8305 §4). */
function interleave(found: readonly Candidate[]): Candidate[] {
  const unique = [...new Map(found.map((candidate) => [candidate.address, candidate])).values()]
  const family = (unique[0] as Candidate).family
  const same = unique.filter((candidate) => candidate.family === family)
  const other = unique.filter((candidate) => candidate.family !== family)
  const turns: Candidate[] = []
  for (let i = 0; i < Math.max(same.length, other.length); i++) {
    turns.push(...same.slice(i, i + 1), ...other.slice(i, i + 1))
  }
  return turns
}

const wildcard = (family: number): string => (family === 6 ? '::' : '0.0.0.0')

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
import { bindError, codeIn, codeOf, connectError, invalidAddressFamily, invalidIpAddress, ipBlocked } from './errors.js'
import { configOf, type Switches, type Transport } from './options.js'

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
  readonly switches: Switches
  readonly blockList: BlockList | null
  /** Emits 'lookup', 'connectionAttempt' and their like. */
  readonly socket: EventEmitter & { autoSelectFamilyAttemptedAddresses?: string[] | undefined }
  readonly caller: Caller
}

interface Candidate {
  readonly address: string
  readonly family: number
}

type LookupAnswer = readonly [error: Error | null, answer: unknown, family?: unknown]

/** One call of connect(), until it is connected, has failed or is cancelled. */
export class Dial {
  /** Of the attempt under way. */
  channel: Channel | null = null

  private readonly request: DialRequest
  private held: boolean
  private over = false
  private candidates: readonly Candidate[] = []
  /** Of the candidate to be tried next. */
  private next = 0
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
    this.abandon()
  }

  /** Whether the attempts hold the process. */
  hold(on: boolean): void {
    this.held = on
    if (on) this.channel?.ref()
    else this.channel?.unref()
  }

  // ---- names

  private lookup(): void {
    const { host, family, hints, lookup, autoSelectFamily } = this.request.destination
    const all = autoSelectFamily ? { all: true as const } : {}
    const options = { ...(family === undefined ? {} : { family }), hints, ...all }
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
      ? (answer as readonly Candidate[])
      : [{ address: answer as string, family: family as number }]
    for (const found of answers) {
      socket.emit('lookup', null, found.address, found.family, host)
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
    if (candidates.length > 1) this.request.socket.autoSelectFamilyAttemptedAddresses = []
    this.attemptNext()
  }

  private attemptNext(): void {
    const candidate = this.candidates[this.next]
    if (candidate === undefined) {
      const [first] = this.errors as [Error]
      if (this.candidates.length === 1) this.fail(first)
      else this.fail(Object.assign(new AggregateError(this.errors), { code: codeIn(first) }))
      return
    }
    this.next++
    this.attempt(candidate)
  }

  private attempt(candidate: Candidate): void {
    const { socket, destination, dialer, blockList, platform } = this.request
    const { address, family } = candidate
    if (blockList?.check(address, family === 6 ? 'ipv6' : 'ipv4')) {
      this.failedEarly(ipBlocked(address))
      return
    }
    const attempt: ChannelOwner = { onEvents: (events) => this.onEvents(attempt, candidate, events) }
    try {
      this.channel = dialer.connect(this.targetOf(candidate), this.configOf(family), attempt)
    } catch (error) {
      this.refusedEarly(candidate, error)
      return
    }
    if (!this.held) this.channel.unref()
    if (this.candidates.length > 1) {
      socket.autoSelectFamilyAttemptedAddresses?.push(`${address}:${destination.port}`)
      if (this.next < this.candidates.length) {
        this.alarm ??= platform.alarm(() => this.onAttemptTimeout())
        this.alarm.set(platform.now() + destination.attemptTimeout)
      }
    }
    socket.emit('connectionAttempt', address, destination.port, family)
  }

  private targetOf({ address, family }: Candidate): ConnectTarget {
    const { destination, transport } = this.request
    const { port, localAddress, localPort } = destination
    if (port === 0 && !transport.udpPort) throw connectError('ECONNREFUSED', address, port)
    if (!isUnicast(address)) throw connectError('ENETUNREACH', address, port) // MUST-46, as kernels say it
    if (localPort !== undefined && !(Number.isInteger(localPort) && localPort > 0 && localPort < 65536)) {
      throw bindError('EINVAL', localAddress ?? wildcard(family), localPort)
    }
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
    if (!transport.connectTimeout) return configOf(transport, family, switches)
    const connectTimeout = Math.max(1, transport.connectTimeout - (platform.now() - this.startedAt))
    return configOf({ ...transport, connectTimeout }, family, switches)
  }

  /** The machine, or one of our own checks, said no before a SYN could leave. */
  private refusedEarly({ address, family }: Candidate, error: unknown): void {
    const { port, localAddress, localPort } = this.request.destination
    const { code, syscall } = error as { code?: unknown; syscall?: unknown }
    if (!(error instanceof Error) || typeof code !== 'string' || code.startsWith('ERR_')) throw error
    const asked = localAddress !== undefined || localPort !== undefined
    if (syscall === 'bind' && asked) this.failedEarly(bindError(code, localAddress ?? wildcard(family), localPort))
    else this.failedEarly(connectError(code, address, port))
  }

  private failedEarly(error: Error): void {
    this.errors.push(error)
    this.attemptNext()
  }

  private onEvents(attempt: ChannelOwner, candidate: Candidate, events: number): void {
    const { channel } = this
    if (this.over || channel === null || channel.owner !== attempt) return
    if (events & CONNECTED) {
      this.over = true
      this.channel = null
      this.alarm?.clear()
      this.request.caller.onConnected(channel, events & ~CONNECTED)
    } else if (events & CLOSED) {
      this.alarm?.clear()
      this.channel = null
      channel.owner = null
      this.attemptFailed(candidate, codeOf(channel.reason ?? 'refused', channel.error))
    }
  }

  private attemptFailed({ address, family }: Candidate, code: string): void {
    const { port } = this.request.destination
    const error = this.errorOf(address, code)
    this.errors.push(error)
    this.request.socket.emit('connectionAttemptFailed', address, port, family, error)
    if (!this.over) this.attemptNext()
  }

  private onAttemptTimeout(): void {
    if (this.over) return
    const { address, family } = this.candidates[this.next - 1] as Candidate
    this.abandon()
    this.errors.push(this.errorOf(address, 'ETIMEDOUT'))
    this.request.socket.emit('connectionAttemptTimeout', address, this.request.destination.port, family)
    if (!this.over) this.attemptNext()
  }

  private errorOf(address: string, code: string): Error {
    const { port, localAddress, localPort } = this.request.destination
    return connectError(code, address, port, localAddress, localPort)
  }

  private abandon(): void {
    const { channel } = this
    this.channel = null
    if (channel === null) return
    channel.abort()
    channel.release(0)
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

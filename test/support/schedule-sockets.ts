// A schedule carried out through the sockets of net/: the same promises, as a program sees them.
import { createServer } from '../../lib/net/server.js'
import { connect, type Socket } from '../../lib/net/socket.js'
import { Network } from '../../lib/testing/network.js'
import { breaksOff, type Program, type Schedule, stream } from './schedule.js'

const LIMIT = 24 * 3_600_000

/** How a side ended. */
export interface SocketOutcome {
  readonly error: string | null
  readonly ended: boolean
  readonly sent: number
  readonly received: number
}

class Actor {
  socket: Socket | null = null
  peer!: Actor
  received = 0
  sent = 0
  ended = false
  closed = false
  error: (Error & { code?: string }) | null = null
  broke = false
  private readonly network: Network
  private readonly direction: 0 | 1
  private readonly program: Program
  private readonly waits: boolean
  private wantsEnd = false
  private stepsDone = false

  /** `waits`: it ends when the other has. */
  constructor(network: Network, direction: 0 | 1, program: Program, waits: boolean) {
    this.network = network
    this.direction = direction
    this.program = program
    this.waits = waits
  }

  get over(): boolean {
    return this.socket === null || this.closed
  }

  get outcome(): SocketOutcome {
    const { sent, received, ended } = this
    return { error: this.error?.code ?? null, ended, sent, received }
  }

  begin(socket: Socket): void {
    this.socket = socket
    socket.on('data', (data) => {
      if (this.closed) throw new Error("'data' after 'close'")
      const from = this.received
      this.received += data.length
      if (stream(this.direction === 0 ? 1 : 0, from, this.received).compare(data) !== 0) {
        throw new Error(`wrong bytes from ${from} on`)
      }
    })
    socket.on('end', () => {
      this.ended = true
      if (this.stepsDone) this.end()
    })
    socket.on('error', (error) => {
      if (this.error !== null || this.closed) throw new Error("'error' twice, or after 'close'", { cause: error })
      this.error = error
    })
    socket.on('close', (hadError) => {
      if (this.closed) throw new Error("'close' twice")
      if (hadError !== (this.error !== null)) throw new Error('hadError is not true')
      this.closed = true
    })
    this.step(0)
  }

  private step(index: number): void {
    const step = this.program.steps[index]
    const socket = this.socket as Socket
    this.network.clock.at(this.network.now + (step?.wait ?? 0), () => {
      if (this.closed || this.broke) return
      if (step === undefined) {
        this.stepsDone = true
        socket.resume()
        if (!this.waits || this.ended) this.end()
        return
      }
      this.act(socket, step.act)
      this.step(index + 1)
    })
  }

  private act(socket: Socket, act: Program['steps'][number]['act']): void {
    switch (act.kind) {
      case 'write':
        if (this.wantsEnd || !socket.writable) return
        socket.write(stream(this.direction, this.sent, this.sent + act.bytes))
        this.sent += act.bytes
        return
      case 'pause':
        socket.pause()
        return
      case 'resume':
        socket.resume()
        return
      case 'noDelay':
        socket.setNoDelay(act.on)
        return
      case 'end':
        this.end()
        return
      case 'abort':
        this.broke = true
        socket.resetAndDestroy()
        return
      case 'destroy':
        this.broke = true
        socket.destroy()
    }
  }

  private end(): void {
    if (this.wantsEnd) return
    this.wantsEnd = true
    this.socket?.end()
  }
}

/** Carries out `schedule` with sockets, to the end of the last TIME-WAIT. @throws Error when anything is not as it should be */
export async function runWithSockets(
  schedule: Schedule,
  capture = false,
): Promise<[client: SocketOutcome, server: SocketOutcome]> {
  const { seed, out, back, gather, kernelBuffer } = schedule
  const network = new Network({ seed, gather, sendBuffer: kernelBuffer, capture })
  const [a, b] = [network.host('10.0.0.1'), network.host('10.0.0.2')]
  network.path(a, b, out, back)
  const broken = breaksOff(schedule.client) || breaksOff(schedule.server)
  const probing = { keepAlive: broken, keepAliveInitialDelay: 30_000, keepAliveInterval: 10_000 }
  const client = new Actor(network, 0, schedule.client, false)
  const server = new Actor(network, 1, schedule.server, schedule.server.waitsForEnd && !broken)
  client.peer = server
  server.peer = client
  const common = { allowHalfOpen: true, ...probing }
  const listening = createServer({ stack: b.stack, ...common, ...schedule.server.settings }, (socket) => {
    server.begin(socket)
    if (schedule.closesListener) listening.close()
  })
  let listenerClosed = false
  listening.on('close', () => {
    listenerClosed = true
  })
  listening.listen(80, '10.0.0.2')
  const target = { stack: a.stack, host: '10.0.0.2', port: 80 }
  client.begin(connect({ ...target, ...common, ...schedule.client.settings }))

  const gaveUp = (actor: Actor): boolean => actor.closed && actor.error?.code === 'ETIMEDOUT'
  await network.runUntil(() => {
    if (client.over && server.over) return true
    return network.clock.nextAt === Infinity && (gaveUp(client) || gaveUp(server))
  }, LIMIT)
  for (const actor of [client, server]) {
    if (actor.over) continue
    actor.broke = true
    actor.socket?.destroy()
  }
  if (listening.listening) listening.close()
  await network.runUntil(() => listenerClosed && a.openSockets.length + b.openSockets.length === 0, 4 * 3_600_000)
  judge(schedule, client, server)
  for (const host of [a, b]) {
    const { endpoints, waiting } = host.stack.getStats()
    const alarms = host.platform.alarms.size
    if (endpoints + waiting + alarms > 0 || host.holdsProcess) throw new Error('something is left over')
  }
  return [client.outcome, server.outcome]
}

/** Every byte and then 'end', or an 'error' that says why. */
function judge({ out, back }: Schedule, client: Actor, server: Actor): void {
  const lossy = [out, back].some(({ loss = 0, burst = null, rate = Infinity }) => loss > 0 || burst || rate < Infinity)
  for (const actor of [client, server]) {
    if (actor.socket === null || actor.broke) continue
    const { peer, error } = actor
    if (!actor.closed) throw new Error("no 'close'")
    if (actor.ended && actor.received !== peer.sent && !peer.broke) throw new Error("'end' before all bytes")
    if (error === null) {
      if (!actor.ended) throw new Error("'close' without 'error' and without 'end'")
      if (!peer.broke && peer.received !== actor.sent) throw new Error('no error, and not all has arrived')
      continue
    }
    const gaveUp = error.code === 'ETIMEDOUT' || peer.error !== null
    // or the last ACKs were lost for longer than 2 MSL: all has arrived, and nobody is left to say so
    const complete = peer.ended && peer.received === actor.sent && actor.ended
    const isExplained = peer.broke || (lossy && (gaveUp || complete))
    if (!isExplained) throw new Error(`${error.code}, and nothing was wrong`, { cause: error })
  }
}

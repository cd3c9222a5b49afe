// The simulated machine: its sockets bind, receive and fail as Linux's and Node's do.
import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { Network } from '../../lib/testing/network.js'
import { Inbox } from '../support/inbox.js'

const text = (words: string): Uint8Array[] => [new TextEncoder().encode(words)]

function machines() {
  const network = new Network()
  const a = network.host('10.0.0.1', 'fd00::1')
  const b = network.host('10.0.0.2', '10.0.0.3', 'fd00::2')
  return { network, a, b }
}

type Machines = ReturnType<typeof machines>

/** Binds on `b` and gives what it hears. */
function listen({ network, b }: Machines, address: string, port: number, options: object = {}): Inbox {
  const inbox = new Inbox()
  b.platform.bind({ address, port, ...options }, inbox.on(network))
  return inbox
}

function sender({ network, a }: Machines, address = '0.0.0.0') {
  const inbox = new Inbox()
  return { inbox, socket: a.platform.bind({ address, port: 0 }, inbox.on(network)) }
}

describe('binding', () => {
  const taken = expect.objectContaining({ code: 'EADDRINUSE', syscall: 'bind', errno: -constants.errno.EADDRINUSE })

  it('gives the error of the machine, in the shape of Node', () => {
    const all = machines()
    listen(all, '10.0.0.2', 9)
    expect(() => listen(all, '10.0.0.2', 9)).toThrow('bind EADDRINUSE 10.0.0.2:9')
    expect(() => listen(all, '10.0.0.2', 9)).toThrow(taken)
    expect(() => listen(all, '10.0.0.77', 9)).toThrow(
      expect.objectContaining({ code: 'EADDRNOTAVAIL', address: '10.0.0.77', port: 9 }),
    )
    expect(() => listen(all, '10.0.0.77', 0)).toThrow('bind EADDRNOTAVAIL 10.0.0.77')
  })

  it.each([
    ['0.0.0.0', '10.0.0.2', true],
    ['10.0.0.2', '0.0.0.0', true],
    ['10.0.0.2', '10.0.0.3', false],
    ['::', '0.0.0.0', true],
    ['::', '10.0.0.2', true],
    ['::', 'fd00::2', true],
    ['fd00::2', '0.0.0.0', false],
    ['fd00::2', 'FD00:0:0::0002', true],
  ])('%s, then %s: taken %s', (one, other, collides) => {
    const all = machines()
    listen(all, one, 9)
    if (collides) expect(() => listen(all, other, 9)).toThrow(taken)
    else listen(all, other, 9)
    listen(all, other, 10)
  })

  it("lets '::' and '0.0.0.0' stand side by side when one is ipv6Only", () => {
    const all = machines()
    const six = listen(all, '::', 9, { ipv6Only: true })
    const four = listen(all, '0.0.0.0', 9)
    sender(all).socket.send(text('4'), '10.0.0.2', 9)
    sender(all, '::').socket.send(text('6'), 'fd00::2', 9)
    all.network.advance(10)
    expect([four.texts, six.texts]).toEqual([['4'], ['6']])
  })

  it('shares an address only where both ask for it', () => {
    const all = machines()
    listen(all, '0.0.0.0', 9, { reuseAddr: true })
    listen(all, '10.0.0.2', 9, { reuseAddr: true })
    expect(() => listen(all, '10.0.0.2', 9)).toThrow(taken)
    listen(all, '10.0.0.3', 10)
    expect(() => listen(all, '10.0.0.3', 10, { reuseAddr: true })).toThrow(taken)
  })

  it('holds between processes of one machine, and a port is free again when its socket is closed', () => {
    const { network, b } = machines()
    const socket = b.platform.bind({ address: '0.0.0.0', port: 9 }, new Inbox().on(network))
    const other = b.process()
    expect(() => other.bind({ address: '10.0.0.2', port: 9 }, new Inbox().on(network))).toThrow(taken)
    socket.close()
    expect(other.bind({ address: '10.0.0.2', port: 9 }, new Inbox().on(network))).toMatchObject({
      address: '10.0.0.2',
      port: 9,
    })
  })

  it('finds a free port for 0, and the wildcard stays one', () => {
    const { network, b } = machines()
    const ports = new Set<number>()
    for (let i = 0; i < 100; i++) {
      const socket = b.platform.bind({ address: '::', port: 0 }, new Inbox().on(network))
      expect(socket.address).toBe('::')
      expect(socket.port).toBeGreaterThanOrEqual(32_768)
      expect(socket.port).toBeLessThan(61_000)
      ports.add(socket.port)
    }
    expect(ports.size).toBe(100)
    expect(b.openSockets.length).toBe(100)
  })
})

describe('receiving', () => {
  it('gives a datagram to the most specific socket', () => {
    const all = machines()
    const any = listen(all, '0.0.0.0', 9, { reuseAddr: true })
    const two = listen(all, '10.0.0.2', 9, { reuseAddr: true })
    const dual = listen(all, '::', 9, { reuseAddr: true })
    const { socket } = sender(all)
    socket.send(text('to 2'), '10.0.0.2', 9)
    socket.send(text('to 3'), '10.0.0.3', 9)
    sender(all, '::').socket.send(text('to 6'), 'fd00::2', 9)
    all.network.advance(10)
    expect([any.texts, two.texts, dual.texts]).toEqual([['to 3'], ['to 2'], ['to 6']])
  })

  it('of equal ones that share an address to the latest, of those that share a port to each its flows', () => {
    const all = machines()
    const [early, late] = [1, 2].map(() => listen(all, '10.0.0.2', 9, { reuseAddr: true }))
    const group = [1, 2, 3].map(() => listen(all, '10.0.0.2', 10, { reusePort: true }))
    for (let i = 0; i < 60; i++) {
      const { socket } = sender(all)
      for (let j = 0; j < 3; j++) socket.send(text(`${i}`), '10.0.0.2', 10)
      socket.send(text('x'), '10.0.0.2', 9)
    }
    all.network.advance(10)
    expect([early.texts.length, late.texts.length]).toEqual([0, 60])
    for (const { texts } of group) {
      expect(texts.length).toBeGreaterThan(0)
      for (const flow of new Set(texts)) expect(texts.filter((one) => one === flow).length).toBe(3)
    }
  })

  it("shows IPv4 peers to '::' as ::ffff:, and takes such addresses", () => {
    const all = machines()
    const { network, b } = all
    const inbox = new Inbox()
    const socket = b.platform.bind({ address: '::', port: 9 }, inbox.on(network))
    const { socket: four, inbox: answers } = sender(all)
    four.send(text('hello'), '10.0.0.3', 9)
    network.advance(10)
    expect(inbox.all[0].from).toBe('::ffff:10.0.0.1')
    socket.send(text('back'), inbox.all[0].from, inbox.all[0].port)
    network.advance(10)
    // the other address of a wildcard socket's machine: what a stack must hold addresses one by one for
    expect(answers.all.map(({ from }) => from)).toEqual(['10.0.0.2'])
  })

  it('lets a connected socket hear its peer alone', () => {
    const all = machines()
    const { network, a, b } = all
    const inbox = new Inbox()
    const socket = a.platform.bind(
      { address: '0.0.0.0', port: 5, peer: { address: '10.0.0.2', port: 9 } },
      inbox.on(network),
    )
    expect(socket.address).toBe('10.0.0.1')
    const right = b.platform.bind({ address: '10.0.0.2', port: 9 }, new Inbox().on(network))
    const wrong = b.platform.bind({ address: '10.0.0.3', port: 9 }, new Inbox().on(network))
    right.send(text('right'), '10.0.0.1', 5)
    wrong.send(text('wrong'), '10.0.0.1', 5)
    network.advance(10)
    expect(inbox.texts).toEqual(['right'])
    expect(network.capture.map(({ fate }) => fate)).toEqual(['delivered', 'no socket'])
  })

  it('calls what was deferred after all datagrams of the instant', () => {
    const all = machines()
    const { network, b } = all
    const seen: string[] = []
    const { platform } = b
    const handler = new Inbox().on(network)
    platform.bind(
      { address: '10.0.0.2', port: 9 },
      {
        ...handler,
        onDatagram: (bytes) => {
          seen.push(new TextDecoder().decode(bytes))
          platform.defer(() => seen.push('deferred'))
        },
      },
    )
    const { socket } = sender(all)
    for (const word of ['one', 'two', 'three']) socket.send(text(word), '10.0.0.2', 9)
    network.advance(10)
    expect(seen).toEqual(['one', 'two', 'three', 'deferred', 'deferred', 'deferred'])
  })

  it('reaches itself by loopback and by its own addresses', () => {
    const all = machines()
    const { network, b } = all
    const inbox = listen(all, '0.0.0.0', 9)
    const socket = b.platform.bind({ address: '0.0.0.0', port: 0 }, new Inbox().on(network))
    for (const to of ['127.0.0.1', '127.0.0.7', '10.0.0.3', '0.0.0.0']) socket.send(text(to), to, 9)
    network.advance(1)
    expect(inbox.all.map(({ from }) => from)).toEqual(['127.0.0.1', '127.0.0.7', '10.0.0.3', '127.0.0.1'])
  })
})

describe('errors of sending', () => {
  it('tells a connected socket of a closed port, unless ICMP is off, and no other socket ever', () => {
    const { network, a } = machines()
    const [connected, plain] = [new Inbox(), new Inbox()]
    const peer = { address: '10.0.0.2', port: 9 }
    const one = a.platform.bind({ address: '0.0.0.0', port: 0, peer }, connected.on(network))
    const other = a.platform.bind({ address: '0.0.0.0', port: 0 }, plain.on(network))
    for (const socket of [one, other]) socket.send(text('?'), '10.0.0.2', 9)
    network.advance(10)
    expect(connected.errors).toMatchObject([{ code: 'ECONNREFUSED', syscall: 'recvmsg' }])
    expect(plain.errors).toEqual([])
    network.icmp = false
    one.send(text('?'), '10.0.0.2', 9)
    network.advance(10)
    expect(connected.errors.length).toBe(1)
  })

  it('tells of what cannot be sent: too long, no route, the wrong family', () => {
    const network = new Network()
    const inbox = new Inbox()
    const only4 = network.host('10.0.0.1')
    const socket = only4.platform.bind({ address: '0.0.0.0', port: 5 }, inbox.on(network))
    const six = only4.platform.bind({ address: '::', port: 0 }, inbox.on(network))
    socket.send([new Uint8Array(65_507)], '10.0.0.2', 9)
    network.advance(10)
    expect(inbox.errors).toEqual([])
    socket.send([new Uint8Array(65_508)], '10.0.0.2', 9)
    six.send(text('x'), 'fd00::9', 9)
    only4.platform.bind({ address: '10.0.0.1', port: 0 }, inbox.on(network)).send(text('x'), 'fd00::9', 9)
    expect(inbox.errors).toEqual([])
    network.advance(10)
    expect(inbox.errors.map(({ code }) => code)).toEqual(['EMSGSIZE', 'ENETUNREACH', 'EINVAL'])
  })

  it('is loud when a closed socket is used', () => {
    const all = machines()
    const { socket } = sender(all)
    socket.close()
    expect(() => socket.send(text('x'), '10.0.0.2', 9)).toThrow('Not running')
  })

  it('knows where datagrams would leave from', () => {
    const { a } = machines()
    expect(a.platform.sourceAddress('10.0.0.9')).toBe('10.0.0.1')
    expect(a.platform.sourceAddress('fd00::9')).toBe('fd00::1')
    expect(a.platform.sourceAddress('127.0.0.1')).toBe('127.0.0.1')
    expect(a.platform.sourceAddress('::1')).toBe('::1')
    expect(new Network().host('10.0.0.1').platform.sourceAddress('fd00::9')).toBeUndefined()
    expect(a.platform.addresses()).toEqual(['10.0.0.1', 'fd00::1', '127.0.0.1', '::1'])
  })
})

describe('a send queue', () => {
  it('holds views while the kernel has no room, reads them late, and tells when it holds none', () => {
    const network = new Network({ link: { delay: 0 }, sendBuffer: { rate: 8e6, bytes: 2_000 } })
    const [sent, received] = [new Inbox(), new Inbox()]
    const socket = network.host('10.0.0.1').platform.bind({ address: '0.0.0.0', port: 0 }, sent.on(network))
    network.host('10.0.0.2').platform.bind({ address: '0.0.0.0', port: 9 }, received.on(network))
    const views = [0, 1, 2, 3].map(() => new Uint8Array(1_000).fill(1))
    const answers = views.map((view) => socket.send([view], '10.0.0.2', 9))
    expect(answers).toEqual([true, true, false, false])
    for (const view of views) view.fill(2)
    network.advance(1.5)
    expect(sent.drains).toBe(0)
    network.advance(1)
    expect(sent.drains).toBe(1)
    network.advance(10)
    expect(received.all.map(({ bytes, at }) => [bytes[0], at])).toEqual([
      [1, 1],
      [1, 2],
      [2, 3],
      [2, 4],
    ])
  })

  it('gathers until flush() where that is asked for', () => {
    const network = new Network({ gather: true })
    const received = new Inbox()
    const socket = network.host('10.0.0.1').platform.bind({ address: '0.0.0.0', port: 0 }, new Inbox().on(network))
    network.host('10.0.0.2').platform.bind({ address: '0.0.0.0', port: 9 }, received.on(network))
    socket.send(text('a'), '10.0.0.2', 9)
    network.advance(100)
    expect(received.texts).toEqual([])
    socket.flush()
    network.advance(100)
    expect(received.texts).toEqual(['a'])
  })
})

describe('what holds a process', () => {
  it("is a ref'd socket, a ref'd alarm that is set, or a deferred call", () => {
    const { network, a } = machines()
    expect(a.holdsProcess).toBe(false)
    const socket = a.platform.bind({ address: '0.0.0.0', port: 0 }, new Inbox().on(network))
    expect(a.holdsProcess).toBe(true)
    socket.unref()
    expect(a.holdsProcess).toBe(false)
    expect(a.openSockets).toMatchObject([{ address: '0.0.0.0', refd: false }])

    const alarm = a.platform.alarm(() => undefined)
    expect(a.holdsProcess).toBe(false)
    alarm.set(50)
    expect(a.holdsProcess).toBe(true)
    alarm.unref()
    expect(a.holdsProcess).toBe(false)
    alarm.ref()
    network.advance(50)
    expect(a.holdsProcess).toBe(false)

    a.platform.defer(() => undefined)
    expect(a.holdsProcess).toBe(true)
    network.advance(0)
    expect(a.holdsProcess).toBe(false)
  })

  it('an alarm rings once, at the time that was set last', () => {
    const { network, a } = machines()
    const rings: number[] = []
    const alarm = a.platform.alarm(() => rings.push(network.now))
    alarm.set(10)
    alarm.set(30)
    alarm.set(20)
    network.advance(100)
    alarm.set(50)
    network.advance(1)
    alarm.set(200)
    alarm.clear()
    network.advance(500)
    expect(rings).toEqual([20, 100])
  })
})

describe('a machine', () => {
  it('that is off answers nothing, and comes back empty', () => {
    const all = machines()
    const { network, a, b } = all
    const inbox = listen(all, '10.0.0.2', 9)
    const { platform } = b
    const rings: number[] = []
    platform.alarm(() => rings.push(network.now)).set(20)
    const peer = { address: '10.0.0.2', port: 9 }
    const errors = new Inbox()
    const socket = a.platform.bind({ address: '0.0.0.0', port: 0, peer }, errors.on(network))
    b.powerOff()
    socket.send(text('?'), '10.0.0.2', 9)
    network.advance(100)
    expect([inbox.texts, rings, errors.errors, b.openSockets]).toEqual([[], [], [], []])
    expect(network.capture[0].fate).toBe('host down')
    b.powerOn()
    expect(b.platform).not.toBe(platform)
    socket.send(text('?'), '10.0.0.2', 9)
    network.advance(100)
    expect(errors.errors).toMatchObject([{ code: 'ECONNREFUSED' }])
  })

  it('that is suspended reads what fitted its buffers later, and its alarms ring late', () => {
    const all = machines()
    const { network, b } = all
    const inbox = listen(all, '10.0.0.2', 9, { recvBufferSize: 10 })
    const rings: number[] = []
    b.platform.alarm(() => rings.push(network.now)).set(20)
    const gone = b.platform.alarm(() => rings.push(-1))
    gone.set(30)
    b.suspend()
    const { socket } = sender(all)
    for (const words of ['four', 'five', 'more']) socket.send(text(words), '10.0.0.2', 9)
    network.advance(100)
    expect([inbox.texts, rings]).toEqual([[], []])
    b.resume()
    gone.clear()
    network.advance(1)
    expect(inbox.all.map(({ at }) => at)).toEqual([100, 100])
    expect(inbox.texts).toEqual(['four', 'five'])
    expect(rings).toEqual([100])
    expect(network.capture.map(({ fate }) => fate)).toEqual(['delivered', 'delivered', 'buffer full'])
  })

  it('whose cable is pulled still reaches itself', () => {
    const all = machines()
    const { network, b } = all
    const inbox = listen(all, '0.0.0.0', 9)
    b.online = false
    sender(all).socket.send(text('far'), '10.0.0.2', 9)
    const own = b.platform.bind({ address: '0.0.0.0', port: 0 }, new Inbox().on(network))
    own.send(text('near'), '127.0.0.1', 9)
    own.send(text('out'), '10.0.0.1', 9)
    network.advance(10)
    expect(inbox.texts).toEqual(['near'])
    expect(network.capture.map(({ fate }) => fate)).toEqual(['host down', 'delivered', 'host down'])
  })

  it('has its addresses alone', () => {
    const { network, b } = machines()
    expect(network.host('10.0.0.3')).toBe(b)
    expect(network.host('fd00:0::2')).toBe(b)
    expect(() => network.host('10.0.0.8', '10.0.0.2')).toThrow("10.0.0.2 is another machine's address")
  })

  it('has randomness of its own, the same for the same seed', () => {
    const draw = (seed: number, address: string): string => {
      const network = new Network({ seed })
      network.host('10.0.0.1')
      const bytes = new Uint8Array(8)
      network.host(address).platform.random(bytes)
      return bytes.join()
    }
    expect(draw(1, '10.0.0.1')).toBe(draw(1, '10.0.0.1'))
    expect(draw(1, '10.0.0.1')).not.toBe(draw(1, '10.0.0.2'))
    expect(draw(1, '10.0.0.1')).not.toBe(draw(2, '10.0.0.1'))
  })
})

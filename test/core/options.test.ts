// What SYNs agree on: MSS (RFC 9293 §3.7.1, RFC 6691), window scale (RFC 7323 §2), SACK-permitted, timestamps; and what options may not break.
import { describe, expect, test } from 'vitest'
import { active, established, passive } from '../support/script.js'

describe('what is offered', () => {
  test('MUST-14, MAY-3 (§3.7.1): a SYN always has MSS; window scale, SACK-permitted and timestamps by default, TSecr 0', () => {
    active().expect('S 0 win 65535 <mss 1452,sackOK,ts -100,wscale 8>')
  })

  test('a SYN has what the configuration leaves of them', () => {
    active({ config: { windowScaling: false } }).expect('S 0 <mss 1452,sackOK,ts -100>')
    active({ config: { timestamps: false } }).expect('S 0 <mss 1452,sackOK,wscale 8>')
    active({ config: { sack: false } }).expect('S 0 <mss 1452,ts -100,wscale 8>')
    active({ config: { windowScaling: false, timestamps: false, sack: false, mss: 536 } }).expect('S 0 <mss 536>')
  })

  test.each([
    ['mss 1000', 'mss 1452'],
    ['mss 1000,wscale 0', 'mss 1452,wscale 8'],
    ['mss 1000,sackOK', 'mss 1452,sackOK'],
    ['mss 1000,ts 7', 'mss 1452,ts -100 ecr 7'],
    ['wscale 5,sackOK,ts 7', 'mss 1452,sackOK,ts -100 ecr 7,wscale 8'],
    ['', 'mss 1452'],
  ])(
    'RFC 7323 §2.2, §3.2, RFC 2018 §2: a SYN,ACK has only what the SYN had: <%s> is answered by <%s>',
    (peer, answer) => {
      passive({ peer }).expect(`S. 0 ack 1 <${answer}>`)
    },
  )

  test('what is switched off is not agreed to', () => {
    const config = { windowScaling: false, timestamps: false, sack: false }
    const tcp = passive({ peer: 'mss 1000,sackOK,ts 7,wscale 7', config }).expect('S. 0 ack 1 <mss 1452>')
    tcp.at(0).inject('P. 1:11 ack 1').expect('. 1 ack 11 win 65525 <>')
  })

  test('RFC 7323 §2.3: the shift is the smallest with which the whole buffer can be offered', () => {
    for (const [maxReceiveBuffer, shift] of [
      [65_535, 0],
      [65_536, 1],
      [131_070, 1],
      [131_072, 2],
      [12 * 2 ** 20, 8],
      [2 ** 30 - 2 ** 14, 14],
      [2 ** 31, 14],
    ] as const) {
      active({ config: { maxReceiveBuffer } }).expect(`S 0 win 65535 <mss 1452,sackOK,ts -100,wscale ${shift}>`)
    }
  })

  test('RFC 7323 §2.2: the window of a SYN is never scaled, nor more than the buffer', () => {
    active({ config: { maxReceiveBuffer: 5000 } }).expect('S 0 win 5000')
    passive({ peer: 'mss 1000,wscale 7' }).expect('S. 0 ack 1 win 65535')
  })

  test('a repeated SYN offers the same again', () => {
    active({ rtt: 0 })
      .expect('S 0 <mss 1452,sackOK,ts 0,wscale 8>')
      .at(1000)
      .expect('S 0 <mss 1452,sackOK,ts 1000,wscale 8>')
  })

  test('MUST-65 (§3.7.1): no MSS outside of SYNs, nor window scale or SACK-permitted', () => {
    const tcp = established({ peer: 'mss 1000,sackOK,wscale 7' })
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1 <>').close().expect('F. 11 ack 1 <>').abort().expect('R. 12 ack 1 <>')
  })
})

describe('MSS', () => {
  test('MUST-15 (§3.7.1): none from the peer means 536', () => {
    const tcp = established({ peer: '' })
    tcp.send(2000)
    tcp.expect('. 1:537 ack 1', '. 537:1073 ack 1', '. 1073:1609 ack 1', 'P. 1609:2001 ack 1')
  })

  test("MUST-16 (§3.7.1): the effective send MSS is the peer's, or ours where that is smaller", () => {
    const theirs = established({ peer: 'mss 700' })
    theirs.send(1400)
    theirs.expect('. 1:701 ack 1', 'P. 701:1401 ack 1')
    const ours = established({ peer: 'mss 9000', config: { mss: 1200 } })
    ours.send(2400)
    ours.expect('. 1:1201 ack 1', 'P. 1201:2401 ack 1')
  })

  test('MUST-16 (RFC 6691): options count against it: timestamps cost 12 bytes of each segment', () => {
    const tcp = established({ peer: 'mss 1000,ts 0 ecr -100' })
    tcp.send(1976)
    tcp.expect('. 1:989 ack 1', 'P. 989:1977 ack 1')
  })

  test('MUST-16 (RFC 6691): SACK blocks too, for as long as there are any', () => {
    const tcp = established({ peer: 'mss 1000,sackOK' })
    tcp.inject('. 101:201 ack 1').expect('. 1 ack 1 <sack 101:201>')
    tcp.send(988)
    tcp.expect('P. 1:989 ack 1 <sack 101:201>').inject('. 301:401 ack 1').take()
    tcp.send(980)
    tcp.expect('P. 989:1969 ack 1 <sack 301:401 101:201>').inject('. 1:101 ack 1').take()
    tcp.inject('. 201:301 ack 1').take()
    tcp.send(1000)
    tcp.expect('P. 1969:2969 ack 401 <>')
  })

  test('MUST-16: with SACK blocks and timestamps on a tiny MSS there is still room for text', () => {
    const tcp = established({ peer: 'mss 1,sackOK,ts 0 ecr -100' })
    for (const from of [101, 301, 501, 701]) tcp.inject(`. ${from}:${from + 10} ack 1 <ts 0 ecr 0>`).take()
    tcp.send(100)
    const lines = tcp.take()
    expect(lines.length).toBeGreaterThan(1)
    tcp.inject('. 1 ack 11 <ts 0 ecr 0>').take()
  })

  test('65535 is legal', () => {
    const tcp = established({ peer: 'mss 65535', window: 65_535, config: { mss: 65_495 } })
    tcp.send(65_000)
    tcp.expect('P. 1:65001 ack 1')
  })

  test('SHLD-28 (§3.8): as much as the MSS allows goes into one segment', () => {
    const tcp = established({ peer: 'mss 1452' })
    for (let i = 0; i < 4; i++) tcp.call((connection) => connection.setNoDelay(false))
    tcp.send(10 * 1452)
    expect(tcp.take()).toHaveLength(10)
  })
})

describe('window scale', () => {
  test('RFC 7323 §2.2: agreed by both: windows count in units from the first segment after the SYNs', () => {
    const tcp = established({ peer: 'mss 1000,wscale 7', window: 1000 })
    expect(tcp.status.sendWindow).toBe(1000)
    tcp.inject('. 1 ack 1 win 1000')
    expect(tcp.status.sendWindow).toBe(128_000)
    // ours: 64 KiB at first, in units of 256, in which 12 MiB could be told
    tcp.inject('P. 1:11 ack 1').expect('. 1 ack 11 win 256')
  })

  test('RFC 7323 §2.2: not agreed: neither side scales', () => {
    const tcp = established({ peer: 'mss 1000' })
    tcp.inject('. 1 ack 1 win 1000')
    expect(tcp.status.sendWindow).toBe(1000)
    tcp.inject('P. 1:11 ack 1').expect('. 1 ack 11 win 65525')
  })

  test('RFC 7323 §2.3: a shift above 14 is taken as 14', () => {
    const tcp = established({ peer: 'mss 1000,wscale 255' }).inject('. 1 ack 1 win 2')
    expect(tcp.status.sendWindow).toBe(2 * 2 ** 14)
  })

  test('RFC 7323 §2.2: the largest window, 1 GiB', () => {
    const tcp = established({ peer: 'mss 1000,wscale 14' }).inject('. 1 ack 1 win 65535')
    expect(tcp.status.sendWindow).toBe(65_535 * 2 ** 14)
  })

  test('RFC 7323 §2.2: the window of the ACK that completes a passive open is scaled', () => {
    const tcp = passive({ peer: 'mss 1000,wscale 7', window: 500 })
      .expect('S. 0 ack 1')
      .at(0)
      .inject('. 1 ack 1 win 500')
    tcp.take()
    expect(tcp.status.sendWindow).toBe(64_000)
  })
})

/** `bytes` with the options of its header replaced by `options`, which must be a multiple of 4. */
function withOptions(bytes: Uint8Array, options: readonly number[]): Uint8Array {
  const headerLength = ((bytes[12] as number) >> 4) * 4
  const changed = Uint8Array.of(...bytes.subarray(0, 20), ...options, ...bytes.subarray(headerLength))
  changed[12] = ((20 + options.length) / 4) << 4
  return changed
}

describe('options that nobody asked for', () => {
  test('MUST-5 (§3.1): MSS, window scale and SACK-permitted outside of a SYN change nothing', () => {
    const tcp = established()
    tcp.injectBytes('. 1 ack 1', (bytes) => withOptions(bytes, [2, 4, 2, 0, 3, 3, 14, 4, 2, 1, 1, 1]))
    tcp.send(1000)
    tcp.expect('P. 1:1001 ack 1')
    expect(tcp.status.sendWindowScale).toBe(0)
  })

  test('MUST-6 (§3.1): unknown kinds are skipped by their length, MSS behind them is found', () => {
    const tcp = passive({ peer: 'mss 1000' }).expect('S. 0 ack 1')
    expect(tcp.state).toBe('SYN-RECEIVED')
    const other = active().expect('S 0').at(0)
    other.injectBytes('S. 0 ack 1', (bytes) => withOptions(bytes, [253, 6, 1, 2, 3, 4, 99, 2, 2, 4, 2, 0]))
    other.expect('. 1 ack 1')
    other.send(512)
    other.expect('P. 1:513 ack 1')
    expect(other.status.sendMss).toBe(512)
  })

  test.each([
    ['length 0', [2, 0, 0, 0]],
    ['length 1', [8, 1, 0, 0]],
    ['past the end', [8, 10, 0, 0]],
    ['MSS of length 3', [2, 3, 9, 0]],
    ['SACK of length 3', [5, 3, 9, 0]],
    ['SACK of length 2', [5, 2, 5, 2]],
    ['a kind without its length', [1, 1, 1, 8]],
    ['unknown of length 0', [254, 0, 0, 0]],
  ])('MUST-7 (§3.1): an illegal length, %s, does no harm', (_, options) => {
    const tcp = established()
    tcp.injectBytes('P. 1:11 ack 1', (bytes) => withOptions(bytes, options))
    tcp.take()
    tcp.inject('P. 1:11 ack 1').take()
    expect(tcp.state).toBe('ESTABLISHED')
    expect(tcp.receive()).toBe(10)
  })

  test('MUST-64 (§3.1): options need not be aligned', () => {
    const tcp = active().expect('S 0').at(0)
    tcp.injectBytes('S. 0 ack 1', (bytes) => withOptions(bytes, [1, 2, 4, 3, 232, 3, 3, 7, 4, 2, 0, 0]))
    tcp.expect('. 1 ack 1')
    expect(tcp.status).toMatchObject({ sendMss: 1000, sendWindowScale: 7, sack: true })
  })

  test('SACK from a peer that was not asked for it is not looked at', () => {
    const tcp = established({ peer: 'mss 1000' })
    tcp.send(5000)
    tcp.take()
    for (let i = 0; i < 3; i++) tcp.inject('. 1 ack 1 <sack 4001:5001>')
    expect(tcp.status.sacked).toBe(0)
    tcp.take()
  })

  test('timestamps that were not agreed on are not looked at', () => {
    const tcp = established({ peer: 'mss 1000' })
    tcp.inject('P. 1:11 ack 1 <ts 1000 ecr 0>').expect('. 1 ack 11 <>')
    tcp.inject('P. 11:21 ack 1 <ts -1000 ecr 0>').expect('. 1 ack 21 <>')
  })

  test('RFC 3168: an ECN-setup SYN is answered like any other', () => {
    const tcp = active().expect('S 0').at(0)
    tcp.injectBytes('S. 0 ack 1 <mss 1000>', (bytes) => {
      bytes[13] = (bytes[13] as number) | 0xc0
      return bytes
    })
    tcp.expect('. 1 ack 1')
    expect(tcp.state).toBe('ESTABLISHED')
  })
})

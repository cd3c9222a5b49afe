// The edges of the state machine beside RFC 9293 Figure 5, and each of them walked.
import { describe, expect, test } from 'vitest'
import { createConfig } from '../../lib/core/config.js'
import { canReceive, canSend, EDGES, isSynchronized, type State } from '../../lib/core/state.js'
import { NOWHERE } from '../../lib/core/surroundings.js'
import { setState, Tcb } from '../../lib/core/tcb.js'
import { active, established, inState, type Script } from '../support/script.js'

const STATES = Object.keys(EDGES) as State[]

/** Figure 5 as it is printed, one arrow a line; what is in brackets stands in its notes or in §3.10. */
const FIGURE_5 = `
CLOSED        LISTEN        passive OPEN
CLOSED        SYN-SENT      active OPEN
LISTEN        CLOSED        CLOSE
LISTEN        SYN-RECEIVED  rcv SYN
LISTEN        SYN-SENT      SEND
SYN-RECEIVED  LISTEN        rcv RST (note 1)
SYN-RECEIVED  ESTABLISHED   rcv ACK of SYN
SYN-RECEIVED  FIN-WAIT-1    CLOSE
SYN-SENT      SYN-RECEIVED  rcv SYN
SYN-SENT      ESTABLISHED   rcv SYN,ACK
SYN-SENT      CLOSED        CLOSE
ESTABLISHED   FIN-WAIT-1    CLOSE
ESTABLISHED   CLOSE-WAIT    rcv FIN
FIN-WAIT-1    CLOSING       rcv FIN
FIN-WAIT-1    FIN-WAIT-2    rcv ACK of FIN
FIN-WAIT-2    TIME-WAIT     rcv FIN
CLOSE-WAIT    LAST-ACK      CLOSE
CLOSING       TIME-WAIT     rcv ACK of FIN
LAST-ACK      CLOSED        rcv ACK of FIN
TIME-WAIT     CLOSED        2 MSL
`
const arrows = FIGURE_5.trim()
  .split('\n')
  .map((line) => line.split(/\s{2,}/) as [State, State, string])

describe('the table of edges', () => {
  test('§3.3.2: the eleven states', () => {
    expect(STATES).toHaveLength(11)
  })

  test.each(arrows)('Figure 5: %s to %s on %s', (from, to) => {
    expect(EDGES[from]).toContain(to)
  })

  test('Figure 5: no other edge, but to CLOSED (note 3), and a listener whose connection begins as SYN-RECEIVED', () => {
    const others = STATES.flatMap((from) =>
      EDGES[from]
        .filter((to) => to !== 'CLOSED' && !arrows.some(([a, b]) => a === from && b === to))
        .map((to) => `${from} ${to}`),
    )
    expect(others).toEqual(['CLOSED SYN-RECEIVED'])
  })

  test('note 3: from every state to CLOSED', () => {
    expect(STATES.filter((state) => state !== 'CLOSED' && !EDGES[state].includes('CLOSED'))).toEqual([])
  })

  test('an edge that is not in the table is a bug, and loud', () => {
    for (const from of STATES) {
      for (const to of STATES) {
        const tcb = new Tcb(createConfig(), 1, 1, NOWHERE)
        tcb.state = from
        if (EDGES[from].includes(to)) setState(tcb, to)
        else expect(() => setState(tcb, to), `${from} ${to}`).toThrow()
      }
    }
  })

  test('§3.3.2: which states are synchronized, may receive text, may take text from the user', () => {
    expect(STATES.filter(isSynchronized)).toEqual([
      'ESTABLISHED',
      'FIN-WAIT-1',
      'FIN-WAIT-2',
      'CLOSE-WAIT',
      'CLOSING',
      'LAST-ACK',
      'TIME-WAIT',
    ])
    expect(STATES.filter(canReceive)).toEqual(['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2'])
    expect(STATES.filter(canSend)).toEqual(['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT'])
  })
})

const walks: readonly (readonly [State, State, string, (script: Script) => void])[] = [
  ['CLOSED', 'SYN-SENT', 'active OPEN', () => {}],
  ['SYN-SENT', 'SYN-RECEIVED', 'rcv SYN', (tcp) => tcp.inject('S 0 <mss 1000>').expect('S. 0 ack 1')],
  ['SYN-SENT', 'ESTABLISHED', 'rcv SYN,ACK', (tcp) => tcp.inject('S. 0 ack 1 <mss 1000>').expect('. 1 ack 1')],
  ['SYN-SENT', 'CLOSED', 'CLOSE', (tcp) => tcp.close()],
  ['SYN-SENT', 'CLOSED', 'rcv RST', (tcp) => tcp.inject('R. 0 ack 1')],
  ['SYN-RECEIVED', 'ESTABLISHED', 'rcv ACK of SYN', (tcp) => tcp.inject('. 1 ack 1')],
  ['SYN-RECEIVED', 'FIN-WAIT-1', 'CLOSE', (tcp) => tcp.close().inject('. 1 ack 1').expect('F. 1 ack 1')],
  ['SYN-RECEIVED', 'CLOSED', 'rcv RST', (tcp) => tcp.inject('R 1')],
  ['ESTABLISHED', 'FIN-WAIT-1', 'CLOSE', (tcp) => tcp.close().expect('F. 1 ack 1')],
  ['ESTABLISHED', 'CLOSE-WAIT', 'rcv FIN', (tcp) => tcp.inject('F. 1 ack 1').expect('. 1 ack 2')],
  ['FIN-WAIT-1', 'CLOSING', 'rcv FIN', (tcp) => tcp.inject('F. 1 ack 1').expect('. 2 ack 2')],
  ['FIN-WAIT-1', 'FIN-WAIT-2', 'rcv ACK of FIN', (tcp) => tcp.inject('. 1 ack 2')],
  [
    'FIN-WAIT-1',
    'TIME-WAIT',
    'rcv FIN with the ACK of FIN (note 2)',
    (tcp) => tcp.inject('F. 1 ack 2').expect('. 2 ack 2'),
  ],
  ['FIN-WAIT-2', 'TIME-WAIT', 'rcv FIN', (tcp) => tcp.inject('F. 1 ack 2').expect('. 2 ack 2')],
  ['CLOSE-WAIT', 'LAST-ACK', 'CLOSE', (tcp) => tcp.close().expect('F. 1 ack 2')],
  ['CLOSING', 'TIME-WAIT', 'rcv ACK of FIN', (tcp) => tcp.inject('. 2 ack 2')],
  ['LAST-ACK', 'CLOSED', 'rcv ACK of FIN', (tcp) => tcp.inject('. 2 ack 2')],
]

describe('walking', () => {
  test.each(walks)('%s to %s: %s', (from, to, _, walk) => {
    const script = from === 'CLOSED' ? active().expect('S 0') : inState(from)
    walk(script)
    expect(script.state).toBe(to)
    script.silence()
  })

  test.each(['CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'FIN-WAIT-1', 'FIN-WAIT-2', 'ESTABLISHED'] as const)(
    'note 3: %s to CLOSED on a RST',
    (state) => {
      const script = inState(state)
      expect(script.inject(`R ${script.rcvNxt}`).state).toBe('CLOSED')
      expect(script.happened()).toEqual(['CLOSED'])
    },
  )

  test('§3.10.7.4, fifth: FIN-WAIT-1 stays as long as the ACK covers the text and not the FIN', () => {
    const tcp = established()
    tcp.send(10)
    tcp.expect('P. 1:11 ack 1').close().expect('F. 11 ack 1').inject('. 1 ack 11')
    expect(tcp.state).toBe('FIN-WAIT-1')
    expect(tcp.inject('. 1 ack 12').state).toBe('FIN-WAIT-2')
  })

  test('§3.10.7.4, fifth: CLOSING and LAST-ACK stay likewise', () => {
    for (const first of ['close', 'FIN'] as const) {
      const tcp = established()
      tcp.send(10)
      tcp.expect('P. 1:11 ack 1')
      if (first === 'close') tcp.close().expect('F. 11 ack 1').inject('F. 1 ack 1').expect('. 12 ack 2')
      else tcp.inject('F. 1 ack 1').expect('. 11 ack 2').close().expect('F. 11 ack 2')
      const state = first === 'close' ? 'CLOSING' : 'LAST-ACK'
      expect(tcp.state).toBe(state)
      expect(tcp.inject('. 2 ack 11').state).toBe(state)
      expect(tcp.inject('. 2 ack 12').state).toBe(first === 'close' ? 'TIME-WAIT' : 'CLOSED')
    }
  })
})

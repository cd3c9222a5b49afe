// docs/life-of-a-connection.md is true: its pictures are drawn anew from the simulated network, its sentences are tests.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { READABLE } from '../../lib/core/events.js'
import { first } from '../../lib/testing/link.js'
import { ACK, FIN } from '../../lib/wire/segment.js'
import { CLIENT, Couple, flags, type Party, SERVER, withFlag } from '../support/couple.js'
import { type Note, sequenceDiagram } from '../support/sequence-diagram.js'
import { read, root } from '../support/source-tree.js'

/** A couple with something to tell. */
class Scene extends Couple {
  readonly notes: Note[] = []
  since = 0

  constructor() {
    super({ network: { link: { delay: 20 } } })
  }

  say(side: Note['side'], text: string): void {
    this.notes.push({ side, at: this.network.now, text })
  }

  /** `name` calls end() now. */
  end(party: Party): void {
    this.say(party === this.client ? 'left' : 'right', 'end()')
    party.channel.close()
  }

  /** Waits until TIME-WAIT is over on one side. */
  untilPortIsFree(side: Note['side']): void {
    const host = side === 'left' ? this.clientHost : this.serverHost
    this.listener?.close()
    this.network.advanceUntil(() => host.openSockets.length === 0, 200_000)
    this.say(side, 'CLOSED')
  }

  get diagram(): string {
    const left = { address: CLIENT, start: 'CLOSED', history: this.client.history } as const
    const right = { address: SERVER, start: 'LISTEN', history: this.server.history } as const
    return sequenceDiagram(this.network.capture, left, right, this.notes, this.since)
  }
}

function handshake(): string {
  const scene = new Scene()
  scene.establish()
  scene.network.advance(0)
  return scene.diagram
}

function exchange(): string {
  const scene = new Scene()
  scene.establish()
  const { network, client, server } = scene
  network.advance(100 - network.now)
  // answered in the event that tells of it, so that the answer carries the ACK
  server.onEvents = (events) => {
    if (events & READABLE) server.send('pong!')
  }
  client.send('ping')
  network.advance(200)
  scene.end(client)
  network.advance(100)
  scene.end(server)
  network.advance(100)
  scene.untilPortIsFree('left')
  return scene.diagram
}

function bothAtOnce(): string {
  const scene = new Scene()
  scene.establish()
  const { network, client, server } = scene
  network.advance(100 - network.now)
  scene.since = 100
  scene.end(client)
  scene.end(server)
  network.advance(100)
  scene.untilPortIsFree('right')
  scene.say('left', 'CLOSED')
  return scene.diagram
}

function losses(): string {
  const scene = new Scene()
  scene.establish()
  const { network, client, server, clientHost, serverHost } = scene
  network.advance(100 - network.now)
  scene.since = 100
  server.closesOnEnd = true
  network.link(clientHost, serverHost).set({ lose: first(1, withFlag(FIN)) })
  scene.end(client)
  network.advanceUntil(() => client.state === 'TIME-WAIT', 5_000)
  return scene.diagram
}

function lastAck(): string {
  const scene = new Scene()
  scene.establish()
  const { network, client, server, clientHost, serverHost } = scene
  network.advance(100 - network.now)
  scene.since = 100
  server.closesOnEnd = true
  network.link(clientHost, serverHost).set({ lose: first(2, flags(ACK)) })
  scene.end(client)
  network.advance(5_000)
  scene.untilPortIsFree('left')
  return scene.diagram
}

const scenes: readonly [name: string, draw: () => string][] = [
  ['the handshake', handshake],
  ['ping, pong, and a close from each side', exchange],
  ['both sides close at once', bothAtOnce],
  ['the FIN is lost', losses],
  ['the last ACK is lost, twice', lastAck],
]

/** The fenced blocks of a document that show what passes between two sides. */
function picturesIn(path: string): string[] {
  const blocks = [...read(path).matchAll(/^```text\n([\s\S]*?)^```$/gm)].map(([, text]) => (text ?? '').trimEnd())
  return blocks.filter((block) => block.trimStart().startsWith('ms  client'))
}

describe('the pictures in the documents are what passes', () => {
  const drawn = scenes.map(([, draw]) => draw())

  test.each(scenes.map(([name], index) => [name, index] as const))('%s', (_name, index) => {
    expect(picturesIn('docs/life-of-a-connection.md')[index]).toBe(drawn[index])
  })

  test('and no other picture is shown', () => {
    expect(picturesIn('docs/life-of-a-connection.md').length).toBe(scenes.length)
    const readme = existsSync(join(root, 'README.md')) ? picturesIn('README.md') : []
    expect(readme.filter((picture) => !drawn.includes(picture))).toEqual([])
  })
})

describe('docs/life-of-a-connection.md', () => {
  test('each sentence of its lists is the name of a test, and each test of a life is one of its sentences', () => {
    const prose = read('docs/life-of-a-connection.md').replace(/^```[\s\S]*?^```$/gm, '')
    const sentences = [...prose.matchAll(/^- (.+(?:\n {2}.+)*)/gm)].map(([, text]) =>
      (text ?? '').replace(/\n +/g, ' '),
    )
    const files = ['opening', 'talking', 'closing', 'time-wait', 'breaking-off', 'server']
    const titles = files.flatMap((file) => {
      const source = read(`test/sim/life-${file}.test.ts`)
      return [...source.matchAll(/^ {2}test\((['"])(.+?)\1, (?:async )?\(/gm)].map(([, , title]) => title)
    })
    expect(sentences.length).toBeGreaterThan(50)
    expect(titles).toEqual(sentences)
  })
})

// The processes at the ends of a link, as a benchmark sees them.
import { fileURLToPath } from 'node:url'
import { Remote } from '../remote.js'
import type { Link, Side } from './link.js'
import type { Answer, Command, Mark } from './messages.js'

const FILE = fileURLToPath(new URL('./end.js', import.meta.url))

export class End extends Remote<Command, Answer> {
  constructor(link: Link, side: Side) {
    super(side, link.fork(side, FILE))
  }

  async mark(): Promise<Mark> {
    this.say({ kind: 'mark' })
    return (await this.hear('marked')).mark
  }
}

/** One flow over a link: its two ends, and how they stood as it began. */
export interface Flow {
  readonly sender: End
  readonly receiver: End
  readonly sending: Mark
  readonly receiving: Mark
}

const PORT = 7000

/** Starts both processes and listens. `index`: the flow's address. */
export async function openEnds(link: Link, peer: string, index: number = 0): Promise<{ sender: End; receiver: End }> {
  const receiver = new End(link, 'server')
  const sender = new End(link, 'client')
  receiver.say({ kind: 'listen', peer, ...placeOf(link, index) })
  await receiver.hear('listening')
  return { sender, receiver }
}

export function placeOf(link: Link, index: number): { address: string; port: number } {
  return { address: link.addresses[index], port: PORT + index }
}

/** Sends as much as goes through; returns when the first byte is there. */
export async function startFlow(
  link: Link,
  peer: string,
  ends: { sender: End; receiver: End },
  index: number = 0,
): Promise<Flow> {
  const { sender, receiver } = ends
  sender.say({ kind: 'send', peer, ...placeOf(link, index) })
  const { mark: sending } = await sender.hear('connected')
  const { mark: receiving } = await receiver.hear('first')
  return { sender, receiver, sending, receiving }
}

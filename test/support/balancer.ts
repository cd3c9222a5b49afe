// An L4 balancer of UDP for tests: each client address and port keeps one backend, and one port towards it. nginx's, or a stand-in for it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Balancer {
  stop(): Promise<void>
}

const HOST = '127.0.0.1'

/** As little as does it, for machines without nginx. */
export async function startStandIn(port: number, backends: readonly number[]): Promise<Balancer> {
  const front = dgram.createSocket('udp4')
  const flows = new Map<number, dgram.Socket>()
  front.on('message', (datagram, client) => {
    let flow = flows.get(client.port)
    if (flow === undefined) {
      flow = dgram.createSocket('udp4')
      flows.set(client.port, flow)
      flow.on('message', (answer) => front.send(answer, client.port, HOST))
      flow.on('error', () => {})
    }
    flow.send(datagram, backends[client.port % backends.length], HOST)
  })
  front.bind(port, HOST)
  await once(front, 'listening')
  return {
    stop: async () => {
      for (const socket of [front, ...flows.values()]) socket.close()
    },
  }
}

/** Debian's place for what loads the stream module; nothing where it is built in. */
const MODULES = 'include /etc/nginx/modules-enabled/*-mod-stream.conf;'

/** `stream`: the part of its configuration that is about the balancer. */
export class Nginx implements Balancer {
  private readonly folder: string
  private readonly config: string
  private readonly child: ChildProcess

  private constructor(folder: string, config: string) {
    this.folder = folder
    this.config = config
    this.child = spawn('nginx', ['-c', config], { stdio: 'ignore' })
  }

  /** null: there is none here, or it has no stream module. */
  static async start(stream: string, port: number): Promise<Nginx | null> {
    const folder = mkdtempSync(join(tmpdir(), 'balancer-'))
    const config = join(folder, 'nginx.conf')
    const logs = `pid ${join(folder, 'pid')}; error_log ${join(folder, 'error.log')};`
    writeFileSync(config, `${MODULES}\ndaemon off;\n${logs}\nevents {}\n${stream}`)
    if (spawnSync('nginx', ['-t', '-c', config]).status !== 0) {
      rmSync(folder, { recursive: true })
      return null
    }
    const nginx = new Nginx(folder, config)
    await until(() => isTaken(port))
    return nginx
  }

  /** As an operator does it after a change of the configuration. */
  async reload(): Promise<void> {
    spawnSync('nginx', ['-c', this.config, '-s', 'reload'])
    await sleep(100)
  }

  async stop(): Promise<void> {
    const exits = once(this.child, 'exit')
    this.child.kill()
    await exits
    rmSync(this.folder, { recursive: true })
  }
}

async function isTaken(port: number): Promise<boolean> {
  const socket = dgram.createSocket('udp4')
  const outcome = once(socket, 'listening').then(
    () => false,
    () => true,
  )
  socket.bind(port, HOST)
  const taken = await outcome
  if (!taken) socket.close()
  return taken
}

async function until(done: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await done()) return
    await sleep(25)
  }
  throw new Error('the balancer does not start')
}

// The machine through Node: dgram, performance.now, setTimeout, setImmediate, crypto; each with what makes it prompt.
import { randomFillSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { BunSocket, bun, bunSourceAddress } from './bun-socket.js'
import { createSocket, DgramSocket } from './dgram-socket.js'
import { allocate } from './nursery.js'
import { loadOffload } from './offload.js'
import { OffloadSocket } from './offload-socket.js'
import type { Alarm, DatagramHandler, DatagramSocket, LocalAddress, Platform } from './platform.js'
import { afterTicks, now, setImmediate } from './time.js'
import { TimeoutAlarm } from './timeout-alarm.js'

/** Between two looks at the interfaces for what their packets may be, ms: it costs more than a connection. */
const MTU_INTERVAL = 5_000
/** The discard port: nothing is sent there, a route is looked up. */
const DISCARD = 9

/** This machine. */
export function createNodePlatform(): Platform {
  return new NodePlatform()
}

const leaving: Set<() => void> = new Set()

function leave(): void {
  for (const run of leaving) run()
}

class NodePlatform implements Platform {
  // read while there are descriptors to read it with
  readonly descriptorLimit: number | undefined = readDescriptorLimit()
  /** By address, as they were at some time. */
  private mtus: Map<string, number> = new Map()
  private mtusReadAt = Number.NEGATIVE_INFINITY

  readonly allocate: (length: number) => Uint8Array = allocate

  now(): number {
    return now()
  }

  random(into: Uint8Array): void {
    randomFillSync(into)
  }

  defer(run: () => void): void {
    setImmediate(run)
  }

  afterTicks(run: () => void): void {
    afterTicks(run)
  }

  atExit(run: () => void, on: boolean): void {
    if (on && leaving.size === 0) process.on('exit', leave)
    if (on) leaving.add(run)
    else leaving.delete(run)
    if (leaving.size === 0) process.off('exit', leave)
  }

  alarm(ring: () => void): Alarm {
    return new TimeoutAlarm(ring)
  }

  bind(local: LocalAddress, handler: DatagramHandler): DatagramSocket {
    if (bun !== undefined) return new BunSocket(local, handler)
    const offload = local.offload === false ? null : loadOffload()
    return offload === null ? new DgramSocket(local, handler) : new OffloadSocket(offload, local, handler)
  }

  addresses(): readonly string[] {
    const addresses: string[] = []
    for (const [name, each] of Object.entries(interfaces())) {
      for (const { address, family, ...more } of each ?? []) {
        const zoned = family === 'IPv6' && 'scopeid' in more && more.scopeid !== 0
        addresses.push(zoned ? `${address}%${name}` : address)
      }
    }
    return addresses
  }

  mtuOf(address: string): number | undefined {
    const plain = address.replace(/^::ffff:(?=\d+\.)/, '').replace(/^127\..*/, '127.0.0.1')
    const at = now()
    if (at - this.mtusReadAt > MTU_INTERVAL) {
      this.mtusReadAt = at
      this.mtus = readMtus()
    }
    return this.mtus.get(plain)
  }

  sourceAddress(address: string): string | undefined {
    if (bun !== undefined) return bunSourceAddress(address, DISCARD)
    const socket = createSocket({ address, port: 0 })
    try {
      // connecting a UDP socket sends nothing; it fails, in the next tick, if there is no route
      socket.on('error', () => {})
      socket.connect(DISCARD, address)
      socket.remoteAddress()
      return socket.address().address
    } catch {
      return undefined
    } finally {
      socket.close()
    }
  }
}

// asking takes a descriptor: who has none left hears of no addresses, and asks again later
function interfaces(): ReturnType<typeof networkInterfaces> {
  try {
    return networkInterfaces()
  } catch {
    return {}
  }
}

// only Linux says it in a file
function readMtus(): Map<string, number> {
  const mtus = new Map<string, number>()
  for (const [name, addresses] of Object.entries(interfaces())) {
    const mtu = readMtu(name)
    if (mtu === undefined) continue
    for (const { address, family } of addresses ?? []) {
      mtus.set(address, mtu)
      if (family === 'IPv6') mtus.set(`${address}%${name}`, mtu)
    }
  }
  return mtus
}

// in a network namespace /sys may still be another's, where what IPv6 says is our own; so the smaller of the two is safe
function readMtu(name: string): number | undefined {
  const device = readNumber(`/sys/class/net/${name}/mtu`)
  const ipv6 = readNumber(`/proc/sys/net/ipv6/conf/${name}/mtu`)
  return device === undefined ? ipv6 : Math.min(device, ipv6 ?? device)
}

function readNumber(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'latin1')) || undefined
  } catch {
    return undefined
  }
}

// only Linux says so in a file; elsewhere Node has raised the limit to the system's own
function readDescriptorLimit(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))
    return limit === null ? undefined : Number(limit[1])
  } catch {
    return undefined
  }
}

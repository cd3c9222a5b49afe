// Sockets of this process that are bound beside each other: to a wildcard, to addresses that it covers, and to one address for several
// peers. The kernel allows that for the moment of binding, and to this user alone: SO_REUSEPORT asks whose the other socket is, where
// SO_REUSEADDR would let anybody in.
import type { Descriptors } from './descriptors.js'
import { SO_REUSEPORT } from './libc.js'
import type { LocalAddress } from './platform.js'

interface Neighbour {
  readonly fd: number
  readonly address: string
}

export class Neighbours {
  private readonly descriptors: Descriptors
  /** By port: those that others may be bound beside. */
  private readonly all: Map<number, Neighbour[]> = new Map()

  constructor(descriptors: Descriptors) {
    this.descriptors = descriptors
  }

  /** A descriptor that is bound beside those that were added, and beside `home`, if that is given. @throws the machine's error. */
  open(local: LocalAddress, home?: Neighbour): number {
    const { descriptors } = this
    const beside = (this.all.get(local.port) ?? []).filter(
      (other) => other.fd !== home?.fd && areInTheWay(other, local),
    )
    if (home !== undefined) beside.push(home)
    try {
      for (const { fd } of beside) descriptors.set(fd, SO_REUSEPORT, 1)
      // among those with this option Linux takes a port of others for a free one
      const fd = descriptors.open({ ...local, reuseAddr: home !== undefined, reusePort: local.port !== 0 })
      descriptors.set(fd, SO_REUSEPORT, 0)
      return fd
    } finally {
      for (const { fd } of beside) descriptors.set(fd, SO_REUSEPORT, 0)
    }
  }

  add(port: number, neighbour: Neighbour): void {
    const others = this.all.get(port)
    if (others === undefined) this.all.set(port, [neighbour])
    else others.push(neighbour)
  }

  remove(port: number, fd: number): void {
    const left = (this.all.get(port) ?? []).filter((other) => other.fd !== fd)
    if (left.length > 0) this.all.set(port, left)
    else this.all.delete(port)
  }
}

function areInTheWay(one: { address: string }, other: { address: string }): boolean {
  return one.address === other.address || isAny(one.address) || isAny(other.address)
}

function isAny(address: string): boolean {
  return address === '::' || address === '0.0.0.0'
}

// What can be chosen of the benchmarks over links, from the words of the command line.
import { DEFAULT_PEERS, linkPeers } from './peers.js'

export interface LinkSettings {
  /** Names; undefined: all that the workload has. */
  readonly profiles: readonly string[] | undefined
  /** Rounds of the peers, each with another seed of the link. */
  readonly seeds: number
  /** Measurements at the same time, over links of up to 100 Mbit/s; faster ones have the machine for themselves. */
  readonly lanes: number
  /** Of one measurement, s; undefined: what the profile says. */
  readonly seconds: number | undefined
  readonly peers: readonly string[]
  /** Two peers each, for fairness; undefined: those of the workload. */
  readonly pairs: readonly (readonly [string, string])[] | undefined
  /** Bytes of the files. */
  readonly sizes: readonly number[]
  /** Transfers of a file; undefined: 30 on lossy links, one for each seed on others. */
  readonly runs: number | undefined
}

/** Of a workload over links. */
export function linkSteps({ links }: { readonly links: LinkSettings }): number {
  return links.peers.length * links.seeds
}

/** For parseArgs(). */
export const LINK_OPTIONS = {
  profile: { type: 'string' },
  seeds: { type: 'string', default: '5' },
  lanes: { type: 'string', default: '1' },
  secs: { type: 'string' },
  peers: { type: 'string' },
  pairs: { type: 'string' },
  sizes: { type: 'string', default: '64K,1M,8M' },
  runs: { type: 'string' },
} as const

export const LINK_HELP = `Over emulated links (Linux, root, ip, a C compiler; udx-native is installed into bench/ when it is asked for):
  --profile NAME   only this link, or several with commas (all that the workload has)
  --seeds N        rounds, each with another seed of the link (5)
  --lanes N        measurements at the same time, each over a link of its own, where links carry 100 Mbit/s at most (1)
  --secs N         that one measurement lasts (what the profile says: 4 to 15; fairness 30)
  --peers NAME,..  of ${linkPeers.join(', ')}
                   (${DEFAULT_PEERS.join(',')}); ours alone: with its default control
  --pairs A+B,..   who shares the link in fairness
  --sizes N,..     of the files (64K,1M,8M)
  --runs N         transfers of each file (30 on lossy links, elsewhere one for each seed)`

export type LinkValues = { readonly [K in keyof typeof LINK_OPTIONS]?: string | undefined }

function countOf(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0, not ${text}`)
  return value
}

function peerOf(name: string): string {
  if (!linkPeers.includes(name)) throw new Error(`no peer is called ${name}: ${linkPeers.join(', ')}`)
  return name
}

function pairOf(text: string): readonly [string, string] {
  const [one, other, ...more] = text.split('+').map(peerOf)
  if (other === undefined || more.length > 0) throw new Error(`--pairs takes A+B, not ${text}`)
  return [one, other]
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1 << 10, M: 1 << 20 }

function sizeOf(text: string): number {
  const [, number, unit] = /^(\d+)([KM]?)$/.exec(text) ?? []
  if (number === undefined) throw new Error(`--sizes takes numbers with K or M, not ${text}`)
  return Number(number) * UNITS[unit]
}

/** @throws Error */
export function linkSettings(values: LinkValues): LinkSettings {
  const { profile, seeds, lanes, secs, peers, pairs, sizes, runs } = values
  return {
    profiles: profile?.split(','),
    seeds: Math.ceil(countOf('seeds', seeds ?? LINK_OPTIONS.seeds.default)),
    lanes: Math.ceil(countOf('lanes', lanes ?? LINK_OPTIONS.lanes.default)),
    seconds: secs === undefined ? undefined : countOf('secs', secs),
    // other workloads have peers of their own: these are looked at when one over links asks
    get peers() {
      return (peers?.split(',') ?? DEFAULT_PEERS).map(peerOf)
    },
    pairs: pairs?.split(',').map(pairOf),
    sizes: (sizes ?? LINK_OPTIONS.sizes.default).split(',').map(sizeOf),
    runs: runs === undefined ? undefined : Math.ceil(countOf('runs', runs)),
  }
}

/** Those of `known` that were asked for. @throws Error when there is none. */
export function chosenProfiles({ profiles }: LinkSettings, known: object): readonly string[] {
  const names = Object.keys(known)
  if (profiles === undefined) return names
  const chosen = names.filter((name) => profiles.includes(name))
  if (chosen.length < profiles.length) throw new Error(`--profile takes ${names.join(', ')}, not ${profiles.join(',')}`)
  return chosen
}

/** Beyond this a measurement needs the machine for itself, Mbit/s. */
const SHARED_RATE = 100

export function lanesOver({ lanes }: LinkSettings, { rate }: { readonly rate: number }): number {
  return rate > SHARED_RATE ? 1 : lanes
}

// Workloads over loopback: peers that do the same in turn, each in processes of its own, and a row for each.
import { join } from 'node:path'
import { inspect } from 'node:util'
import { fileOf, placesOf, type Weighed } from '../flame-graphs.js'
import { installPackages } from '../packages.js'
import type { Profiling } from '../pair.js'
import { isOurs, KERNEL, needsPackages, OURS, peerNamed } from '../peers/by-name.js'
import { choiceOf } from '../peers/tcp-over-udp.js'
import { failuresOf, figures, rounds, type Series } from '../rounds.js'
import { digits, inAll, median, spread, table } from '../table.js'
import { isSkeleton } from '../works/datagrams.js'
import type { Settings, Workload } from './workload.js'

type Peers = readonly string[]

/** One figure of each row. */
export interface Column<T> {
  readonly head: string
  /** NaN: unknown. */
  figure(value: T): number
  /** From least to most beside the median. @default false */
  readonly spread?: boolean
}

/** What one of what is counted takes of each end, and the names of the profiles that say of what this is made. */
export interface Costs<T> {
  readonly unit: string
  readonly of: readonly { readonly title: string; cost(value: T): readonly [client: number, server: number] }[]
}

export interface Comparison<T> {
  readonly name: string
  readonly summary: string
  /** Those of the quick table, and of the full one. */
  readonly quick: Peers
  readonly full: Peers
  /** Those that are profiled. @default the kernel and ours */
  readonly profiled?: Peers
  /** What of a measurement is profiled; absent: no table is made of it. */
  readonly costs?: Costs<T>
  readonly columns: readonly Column<T>[]
  /** What is done and what the columns say, in lines. */
  describe(settings: Settings): readonly string[]
  measure(peer: string, settings: Settings): Promise<T>
}

/** Every measurement tells how busy others kept the machine. */
export interface Measured {
  readonly otherCores: number
}

let installed: boolean | undefined

/** Whether what is not ours is there, or could be fetched; tried once. */
function havePackages(): boolean {
  if (installed !== undefined) return installed
  try {
    installPackages()
    installed = true
  } catch (error) {
    process.stderr.write(`bench: without what comes from npm: ${(error as Error).message}\n`)
    installed = false
  }
  return installed
}

function checked(name: string): string {
  if (!isSkeleton(name)) peerNamed(name)
  return name
}

type Choice = Pick<Comparison<never>, 'quick' | 'full' | 'profiled'>

/** @throws Error for a name that is none, or that was asked for and cannot be had. */
function chosen({ peers, full, profileFolder }: Settings, of: Choice): Peers {
  if (peers !== undefined) {
    if (peers.map(checked).some(needsPackages)) installPackages()
    return peers
  }
  if (profileFolder !== undefined) return of.profiled ?? [KERNEL, OURS]
  const names = full ? of.full : of.quick
  return names.some(needsPackages) && !havePackages() ? names.filter((name) => !needsPackages(name)) : names
}

/** What the names of ours choose, for those who read the table. */
function legend(names: Peers): string[] {
  const lines = names
    .filter((name) => isOurs(name) && name !== OURS)
    .map((name) => `\`${name}\`: \`${inspect(choiceOf(name.slice(OURS.length + 1)))}\``)
  return lines.length === 0 ? [] : ['', `${lines.join('; ')}.`]
}

const titleOf = (title: string, peer: string): string => `${title}-${peer}`

/** Of what measures a peer. */
export function profilingOf({ profileFolder }: Settings, title: string, peer: string): Profiling | undefined {
  if (profileFolder === undefined) return undefined
  const [client, server] = (['client', 'server'] as const).map((end) =>
    join(profileFolder, fileOf(titleOf(title, peer), end)),
  )
  return { client, server }
}

function weighedBy<T>({ of }: Costs<T>, results: ReadonlyMap<string, Series<T>>): Weighed[] {
  const measured = [...results].filter(([, { values }]) => values.length > 0)
  return measured.flatMap(([peer, series]) =>
    of.map(({ title, cost }) => ({
      name: of.length === 1 ? peer : titleOf(title, peer),
      title: titleOf(title, peer),
      client: median(figures(series, (value) => cost(value)[0])),
      server: median(figures(series, (value) => cost(value)[1])),
    })),
  )
}

export function comparison<T extends Measured>(of: Comparison<T>): Workload {
  const columns: readonly Column<T>[] = [...of.columns, { head: 'other load', figure: ({ otherCores }) => otherCores }]
  const rowOf = (name: string, series: Series<T>): string[] => {
    const cells = columns.map((column) => {
      const values = figures(series, column.figure)
      if (values.length === 0) return '-'
      return column.spread ? spread(values) : digits(median(values))
    })
    return [name, ...cells, failuresOf(series)]
  }
  return {
    name: of.name,
    summary: of.summary,
    steps: (settings) => chosen(settings, of).length * settings.repetitions,
    async run(settings) {
      const names = chosen(settings, of)
      const results = await rounds({
        ...settings,
        label: of.name,
        names,
        seeds: settings.repetitions,
        lanes: 1,
        measure: (peer) => of.measure(peer, settings),
      })
      const shown = [
        ...of.describe(settings),
        `Median of ${inAll(settings.repetitions, 'repetition')} (least to most), the peers taking turns. Other load: cores that others kept busy meanwhile.`,
        '',
        table(
          ['peer', ...columns.map(({ head }) => head), 'failed'],
          names.map((name) => rowOf(name, results.get(name) as Series<T>)),
        ),
        ...legend(names),
      ].join('\n')
      if (settings.profileFolder === undefined || of.costs === undefined) return shown
      return `${shown}\n\n${placesOf(of.costs.unit, weighedBy(of.costs, results))}`
    },
  }
}

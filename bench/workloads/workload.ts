// What a benchmark is: a name, and a run that answers with the text for RESULTS.md.
import type { LinkSettings } from '../links/settings.js'
import type { Progress } from '../progress.js'

export interface Settings {
  /** All peers, and as many connections as the targets say. */
  readonly full: boolean
  /** Of each measurement over loopback; medians are reported. */
  readonly repetitions: number
  /** Of one measurement over loopback, s; and before it. */
  readonly seconds: number
  readonly warmUp: number
  /** Of one transfer where it is limited by size. */
  readonly megabytes: number
  /** Idle ones. */
  readonly connections: number
  /** By name, over loopback; undefined: those that the workload has. */
  readonly peers: readonly string[] | undefined
  /** Where workers leave profiles of their CPU; undefined: they leave none. */
  readonly profileFolder: string | undefined
  /** Files with measurements, for tables of targets; undefined: what this run has measured. */
  readonly from: readonly string[] | undefined
  /** Of those over emulated links. */
  readonly links: LinkSettings
  /** All that this run has recorded. */
  readonly results: readonly object[]
  readonly progress: Progress
  /** Keeps a single result for --json. */
  record(entry: object): void
}

export interface Picture {
  readonly file: string
  readonly summary: string
  readonly svg: string
}

export interface Workload {
  readonly name: string
  readonly summary: string
  /** A section of its own for each; absent: one for all. @throws Error for a name that is none. */
  parts?(settings: Settings): readonly string[]
  /** How many measurements it makes. @throws Error for a peer that is none. */
  steps(settings: Settings, part: string): number
  /** @returns Markdown, without a heading. */
  run(settings: Settings, part: string): Promise<string>
  /** Of what has run, for docs/pictures. */
  picture?(settings: Settings): Promise<Picture>
}

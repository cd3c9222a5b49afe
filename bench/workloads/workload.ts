// What a benchmark is: a name, and a run that answers with the text for RESULTS.md.
import type { LinkSettings } from '../links/settings.js'

export interface Settings {
  /** Repetitions; medians are reported. */
  readonly repetitions: number
  /** Of one measurement where it is limited by time, s. */
  readonly seconds: number
  /** Of one transfer where it is limited by size. */
  readonly megabytes: number
  /** Of those over emulated links. */
  readonly links: LinkSettings
  /** Shows how far it is; replaces what it showed before. */
  progress(line: string): void
  /** Keeps a single result for --json. */
  record(entry: object): void
}

export interface Workload {
  readonly name: string
  readonly summary: string
  /** A section of its own for each; absent: one for all. @throws Error for a name that is none. */
  parts?(settings: Settings): readonly string[]
  /** @returns Markdown, without a heading. */
  run(settings: Settings, part: string): Promise<string>
}

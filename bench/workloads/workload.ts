// What a benchmark is: a name, and a run that answers with the text for RESULTS.md.

export interface Settings {
  /** Repetitions; medians are reported. */
  readonly repetitions: number
  /** Of one measurement where it is limited by time, s. */
  readonly seconds: number
  /** Of one transfer where it is limited by size. */
  readonly megabytes: number
  /** Shows how far it is; replaces what it showed before. */
  progress(line: string): void
}

export interface Workload {
  readonly name: string
  readonly summary: string
  /** @returns Markdown, without a heading. */
  run(settings: Settings): Promise<string>
}

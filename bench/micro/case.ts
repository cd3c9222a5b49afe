// One thing to be timed.

export interface Case {
  readonly name: string
  run(): void
}

// What measurements are to show, each beside what they did show: made from the entries that runs record, of this run or of --json's files.
import { readFileSync } from 'node:fs'
import { digits, median, table } from './table.js'
import type { Settings } from './workloads/workload.js'

/** One measurement as it was recorded. */
interface Entry {
  readonly label: string
  readonly name: string
  readonly seed: number
  readonly failure?: string
}

interface Row {
  readonly what: string
  readonly target: string
  readonly measured: string
  readonly holds: boolean
}

/** What --from names, or else what this run has recorded. */
export function recorded({ from, results }: Settings): readonly object[] {
  if (from === undefined) return results
  return from.flatMap((file) => JSON.parse(readFileSync(file, 'utf8')) as object[])
}

export class Expectations {
  private readonly rows: Row[] = []
  private readonly entries: readonly Entry[]

  constructor(entries: readonly object[]) {
    this.entries = entries as readonly Entry[]
  }

  /** Of one peer's figures in one table. JSON has null where a figure was infinite. */
  protected values<T>(label: string, name: string, figure: (value: T) => number | readonly number[]): number[] {
    return this.measured(label, name)
      .flatMap((entry) => figure(entry as unknown as T))
      .map((one) => one ?? Number.POSITIVE_INFINITY)
  }

  protected value<T>(label: string, name: string, figure: (value: T) => number | readonly number[]): number {
    return median(this.values(label, name, figure))
  }

  /** One peer's figure by another's, of each round: what the machine did meanwhile touched both. */
  protected ratios<T>(label: string, name: string, other: string, figure: (value: T) => number): number[] {
    const others = this.measured(label, other)
    return this.measured(label, name).flatMap((entry) => {
      const beside = others.find(({ seed }) => seed === entry.seed)
      return beside === undefined ? [] : [figure(entry as unknown as T) / figure(beside as unknown as T)]
    })
  }

  /** What was not measured has no row. */
  protected add(
    what: string,
    target: string,
    measured: number,
    holds: boolean,
    show: (value: number) => string = digits,
  ): void {
    if (!Number.isNaN(measured)) this.rows.push({ what, target, measured: show(measured), holds })
  }

  protected get held(): string {
    return `${this.rows.filter(({ holds }) => holds).length} of ${this.rows.length} hold.`
  }

  protected get table(): string {
    return table(
      ['what', 'target', 'measured', 'holds'],
      this.rows.map(({ what, target, measured, holds }) => [what, target, measured, holds ? 'yes' : 'no']),
    )
  }

  private measured(label: string, name: string): Entry[] {
    return this.entries.filter((entry) => entry.label === label && entry.name === name && entry.failure === undefined)
  }
}

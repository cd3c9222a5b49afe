// Tables in Markdown that can be read as they are, and numbers for them.

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i].length)))
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** For each share, the least value that has so much of all below or at it; NaN of none. */
export function percentiles(values: readonly number[], shares: readonly number[]): number[] {
  const sorted = Float64Array.from(values).sort()
  return shares.map((share) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN)
}

export function percentile(values: readonly number[], share: number): number {
  return percentiles(values, [share])[0]
}

/** Three digits that count. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '-'
  const places = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))
  return value.toFixed(Math.min(places, 3))
}

/** For what is compared to the second decimal. */
export function fine(value: number): string {
  return Number.isFinite(value) ? value.toFixed(3) : '-'
}

/** Median, and from least to most where there are several. */
export function spread(values: readonly number[]): string {
  if (values.length === 1) return digits(values[0])
  return `${digits(median(values))} (${digits(Math.min(...values))} to ${digits(Math.max(...values))})`
}

/** `1 seed`, `5 seeds`. */
export function inAll(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** Jain's index of shares (RFC 5166 §2.3.1): 1 is even, 1/n is all for one of n. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((all, share) => all + share, 0)
  return sum ** 2 / (shares.length * shares.reduce((all, share) => all + share ** 2, 0))
}

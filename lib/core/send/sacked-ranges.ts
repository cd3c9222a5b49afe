// The ranges above SND.UNA that the peer says it holds: what a SACK block names again is found at once, and not walked through.

const COMPACT_AFTER = 512

/** Offsets; ranges neither touch nor overlap. */
export class SackedRanges {
  /** In order, from `head`: left and right edges. */
  private lefts: number[] = []
  private rights: number[] = []
  private head = 0

  /** Where the range ends that holds `offset`; `offset` itself: none does. */
  endOf(offset: number): number {
    const i = this.findAt(offset)
    return i < this.rights.length && (this.lefts[i] as number) <= offset ? (this.rights[i] as number) : offset
  }

  /** Where the first range begins at or above `offset`, which lies in none; `limit` if there is none below that. */
  nextFrom(offset: number, limit: number): number {
    const i = this.findAt(offset)
    return i < this.lefts.length ? Math.min(this.lefts[i] as number, limit) : limit
  }

  /** No range holds any of what lies between `from` and `to`. */
  add(from: number, to: number): void {
    const { lefts, rights } = this
    const i = this.findAt(from)
    const touchesBelow = i > this.head && rights[i - 1] === from
    const touchesAbove = lefts[i] === to
    if (touchesBelow && touchesAbove) {
      rights[i - 1] = rights[i] as number
      lefts.splice(i, 1)
      rights.splice(i, 1)
    } else if (touchesBelow) {
      rights[i - 1] = to
    } else if (touchesAbove) {
      lefts[i] = from
    } else {
      lefts.splice(i, 0, from)
      rights.splice(i, 0, to)
    }
  }

  /** All below `offset` is acknowledged. */
  dropBelow(offset: number): void {
    const { lefts, rights } = this
    while (this.head < rights.length && (rights[this.head] as number) <= offset) this.head++
    if (this.head === rights.length) this.clear()
    else if ((lefts[this.head] as number) < offset) lefts[this.head] = offset
    if (this.head >= COMPACT_AFTER && 2 * this.head >= rights.length) {
      lefts.splice(0, this.head)
      rights.splice(0, this.head)
      this.head = 0
    }
  }

  clear(): void {
    if (this.rights.length === 0) return
    this.lefts = []
    this.rights = []
    this.head = 0
  }

  /** Index of the first range that ends above `offset`. */
  private findAt(offset: number): number {
    let low = this.head
    let high = this.rights.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.rights[middle] as number) <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

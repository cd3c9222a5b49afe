// The ranges above SND.UNA that the peer says it holds: what a SACK block names again is found at once, and not walked through.

const FIRST_ROOM = 16

/** Offsets; ranges neither touch nor overlap. */
export class SackedRanges {
  /** In order, from `head` to `end`: left and right edges. */
  private lefts: Float64Array = new Float64Array(FIRST_ROOM)
  private rights: Float64Array = new Float64Array(FIRST_ROOM)
  private head = 0
  private end = 0

  /** Where the range ends that holds `offset`; `offset` itself: none does. */
  endOf(offset: number): number {
    const i = this.findAt(offset)
    return i < this.end && (this.lefts[i] as number) <= offset ? (this.rights[i] as number) : offset
  }

  /** Where the first range begins at or above `offset`, which lies in none; `limit` if there is none below that. */
  nextFrom(offset: number, limit: number): number {
    const i = this.findAt(offset)
    return i < this.end ? Math.min(this.lefts[i] as number, limit) : limit
  }

  /** No range holds any of what lies between `from` and `to`. */
  add(from: number, to: number): void {
    const i = this.findAt(from)
    const { lefts, rights, head, end } = this
    const touchesBelow = i > head && rights[i - 1] === from
    const touchesAbove = i < end && lefts[i] === to
    if (touchesBelow && touchesAbove) {
      rights[i - 1] = rights[i] as number
      lefts.copyWithin(i, i + 1, end)
      rights.copyWithin(i, i + 1, end)
      this.end--
    } else if (touchesBelow) {
      rights[i - 1] = to
    } else if (touchesAbove) {
      lefts[i] = from
    } else {
      this.insert(i, from, to)
    }
  }

  /** All below `offset` is acknowledged. */
  dropBelow(offset: number): void {
    const { lefts, rights, end } = this
    while (this.head < end && (rights[this.head] as number) <= offset) this.head++
    if (this.head === end) this.clear()
    else if ((lefts[this.head] as number) < offset) lefts[this.head] = offset
  }

  clear(): void {
    this.head = this.end = 0
  }

  private insert(index: number, from: number, to: number): void {
    let i = index
    if (this.end === this.lefts.length) i -= this.makeRoom()
    const { lefts, rights, end } = this
    if (i < end) {
      lefts.copyWithin(i + 1, i, end)
      rights.copyWithin(i + 1, i, end)
    }
    lefts[i] = from
    rights[i] = to
    this.end++
  }

  /** @returns by how many places all have moved down. */
  private makeRoom(): number {
    const { head, end } = this
    const room = 2 * head >= end ? this.lefts.length : 2 * this.lefts.length
    this.lefts = moved(this.lefts, head, end, room)
    this.rights = moved(this.rights, head, end, room)
    this.head = 0
    this.end = end - head
    return head
  }

  /** Index of the first range that ends above `offset`. */
  private findAt(offset: number): number {
    const { rights } = this
    let low = this.head
    let high = this.end
    while (low < high) {
      const middle = (low + high) >> 1
      if ((rights[middle] as number) <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

function moved(edges: Float64Array, head: number, end: number, room: number): Float64Array {
  const copy = new Float64Array(room)
  copy.set(edges.subarray(head, end))
  return copy
}

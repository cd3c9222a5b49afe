// Who is in, the one that came first first. No Set, for what V8 makes of one that many pass through: see demux.ts.

/** Where a member stands. */
export interface Place<T> {
  readonly member: T
  before: Place<T> | null
  after: Place<T> | null
}

export class Roster<T> {
  size = 0
  private first: Place<T> | null = null
  private last: Place<T> | null = null

  /** The one that came first of those who are in; null: there is none. */
  get oldest(): T | null {
    return this.first === null ? null : this.first.member
  }

  /** The member that is visited may leave; no other may meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    for (let place = this.first; place !== null; ) {
      const { member, after } = place
      yield member
      place = after
    }
  }

  /** @returns what leave() takes, once: who keeps it keeps null from then on. */
  enter(member: T): Place<T> {
    const place: Place<T> = { member, before: this.last, after: null }
    if (this.last === null) this.first = place
    else this.last.after = place
    this.last = place
    this.size++
    return place
  }

  /** `place`: null: it was not in. @returns null, for whoever kept the place. */
  leave(place: Place<T> | null): null {
    if (place === null) return null
    const { before, after } = place
    if (before === null) this.first = after
    else before.after = after
    if (after === null) this.last = before
    else after.before = before
    place.before = place.after = null
    this.size--
    return null
  }
}

// Memory for what is sent, shared by all connections of the process: who is done with a slab leaves it to the next.

export const SLAB = 65_536
/** An exchange of short messages must not cost a whole slab each. */
export const SMALL_SLAB = 4_096
/** Spare slabs of each size that are kept while none is in use; otherwise as many as were in use at the same time lately, and are not now. */
const SPARES = 16
const SMALL_SPARES = 256
/** That number falls by this share with each slab that is taken. */
const DECAY = 1 / 16

/** Slabs of one size. */
class Shelf {
  private readonly size: number
  private readonly most: number
  private readonly spares: Uint8Array[] = []
  private inUse = 0
  private peak = 0

  constructor(size: number, most: number) {
    this.size = size
    this.most = most
  }

  take(): Uint8Array {
    this.peak = Math.max(++this.inUse, this.peak - DECAY)
    return this.spares.pop() ?? new Uint8Array(this.size)
  }

  give(slab: Uint8Array): void {
    this.spares.push(slab)
    this.forget()
  }

  /** One that is in use does not come back. */
  forget(): void {
    this.inUse--
    const most = Math.max(this.most, this.inUse === 0 ? 0 : this.peak)
    // what a burst has needed goes with it, and what was used last stays: it is in the processor's cache
    while (this.spares.length + this.inUse > most && this.spares.length > 0) this.spares.shift()
  }
}

const large = new Shelf(SLAB, SPARES)
const small = new Shelf(SMALL_SLAB, SMALL_SPARES)

/** A slab for `wanted` bytes, or for the first of them. Its content is what it last held. */
export function takeSlab(wanted: number): Uint8Array {
  return (wanted <= SMALL_SLAB ? small : large).take()
}

/** Done with. `isHeld`: somebody still points at it. */
export function giveSlab(slab: Uint8Array, isHeld: boolean): void {
  const shelf = slab.length === SLAB ? large : small
  if (isHeld) shelf.forget()
  else shelf.give(slab)
}

// Memory for what is sent, shared by all connections of the process: who is done with a slab leaves it to the next.

export const SLAB = 65_536
/** An exchange of short messages must not cost a whole slab each. */
export const SMALL_SLAB = 4_096
/** Bytes that wait for somebody, at most. */
const SPARE_BYTES = 4 * 2 ** 20
const SPARE_SMALL_BYTES = 2 ** 20

const spares: Uint8Array[] = []
const smallSpares: Uint8Array[] = []

/** A slab for `wanted` bytes, or for the first of them. Its content is what it last held. */
export function takeSlab(wanted: number): Uint8Array {
  if (wanted <= SMALL_SLAB) return smallSpares.pop() ?? new Uint8Array(SMALL_SLAB)
  return spares.pop() ?? new Uint8Array(SLAB)
}

/** Nobody points at `slab` any more. */
export function giveSlab(slab: Uint8Array): void {
  if (slab.length === SLAB) {
    if (spares.length * SLAB < SPARE_BYTES) spares.push(slab)
  } else if (smallSpares.length * SMALL_SLAB < SPARE_SMALL_BYTES) smallSpares.push(slab)
}

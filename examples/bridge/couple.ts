// Two connections made one: what the first says the second hears, its end and its reset included, and the other way round.
import type { Duplex } from 'node:stream'

/** A socket of ours or of node:net. */
export interface Half extends Duplex {
  resetAndDestroy(): unknown
}

/** Both have to have `allowHalfOpen`: an end of one direction is passed on, and the other direction goes on. */
export function couple(one: Half, other: Half): void {
  passOn(one, other)
  passOn(other, one)
}

function passOn(from: Half, to: Half): void {
  from.pipe(to)
  from.on('error', () => to.resetAndDestroy())
  from.on('close', () => {
    if (!from.readableEnded || !to.writableEnded) to.destroy()
  })
}

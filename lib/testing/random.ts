// Seeded random numbers: sfc32 (Doty-Humphrey, of PractRand), seeded through splitmix32.

/** A stream of random numbers that is the same on every machine for the same seed. */
export class Random {
  /** What it was made from: print it when a run fails. */
  readonly seed: number
  private a: number
  private b: number
  private c: number
  private counter = 1

  /** `seed`: any integer; its low 32 bits count. */
  constructor(seed: number) {
    this.seed = seed
    let state = seed | 0
    const mix = (): number => {
      state = (state + 0x9e3779b9) | 0
      let word = state ^ (state >>> 16)
      word = Math.imul(word, 0x21f0aaad)
      word ^= word >>> 15
      word = Math.imul(word, 0x735a2d97)
      return word ^ (word >>> 15)
    }
    this.a = mix()
    this.b = mix()
    this.c = mix()
    for (let i = 0; i < 12; i++) this.u32()
  }

  /** 0 to 2^32 - 1. */
  u32(): number {
    const word = (this.a + this.b + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = ((this.c << 21) | (this.c >>> 11)) + word
    return word >>> 0
  }

  /** 0 or more, below 1. */
  next(): number {
    return this.u32() / 0x1_0000_0000
  }

  /** An integer, 0 or more, below `bound`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  /** True with probability `share`; takes a number of the stream only when the answer is open. */
  chance(share: number): boolean {
    return share > 0 && (share >= 1 || this.next() < share)
  }

  /** Fills `into` and returns it. */
  fill(into: Uint8Array): Uint8Array {
    let word = 0
    for (let i = 0; i < into.length; i++) {
      word = (i & 3) === 0 ? this.u32() : word >>> 8
      into[i] = word
    }
    return into
  }

  /** A stream of its own, so that what one part draws does not shift what another sees. */
  fork(): Random {
    return seeded(this.u32())
  }
}

/** Named within itself the class would have another name outside (decision 041). */
const seeded = (seed: number): Random => new Random(seed)

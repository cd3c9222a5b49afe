// Pseudo-random numbers, for what is better not done by all at the same time; nothing that matters may be guessed from them.

/** `seed`: not 0. @returns a function that gives 0 <= x < 1 (xorshift32). */
export function randomFrom(seed: number): () => number {
  let x = seed
  return () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) / 2 ** 32
  }
}

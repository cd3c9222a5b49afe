// Cases of the fuzzer over whole connections that found something: run again by every `npm test`.

export const FOUND_FUZZ_SEEDS: readonly (readonly [seed: number, found: string])[] = [
  [1_002_115, 'an end that repeats text to a peer that is gone is over once maxRetries are spent, not before'],
]

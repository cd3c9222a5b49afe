// What random transfers are made of: options with the congestion control by its name, so that a failure can be read, and a text.
import { type Config, createConfig } from '../../lib/core/config.js'
import { findCongestionControl } from '../../lib/core/congestion/algorithms.js'
import type { CongestionAlgorithm } from '../../lib/core/congestion/controller.js'

export type Chosen = Partial<Omit<Config, 'congestion'>> & { readonly congestion: string }

export function configOf({ congestion, ...chosen }: Chosen): Config {
  return createConfig({ ...chosen, congestion: findCongestionControl(congestion) as CongestionAlgorithm })
}

/** Bytes that tell where they stand, and whose they are. */
export function textOf(whose: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31) ^ (i >> 8) ^ (whose * 97))
}

// The congestion controls that come with the package, by name.
import { BBR } from './bbr.js'
import type { CongestionAlgorithm } from './controller.js'
import { CUBIC } from './cubic.js'
import { NEWRENO } from './newreno.js'

export { BBR, CUBIC, NEWRENO }

/** What each is called. */
export type CongestionControlName = 'reno' | 'cubic' | 'bbr'

const ALGORITHMS: readonly CongestionAlgorithm[] = [NEWRENO, CUBIC, BBR]

/** The names that `congestionControl` takes. */
export const congestionControls: readonly CongestionControlName[] = ALGORITHMS.map(
  ({ name }) => name as CongestionControlName,
)

export function findCongestionControl(name: string): CongestionAlgorithm | undefined {
  return ALGORITHMS.find((algorithm) => algorithm.name === name)
}

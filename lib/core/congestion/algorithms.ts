// The congestion controls that come with the package, by name.
import type { CongestionAlgorithm } from './controller.js'
import { NEWRENO } from './newreno.js'

export { NEWRENO }

const ALGORITHMS: readonly CongestionAlgorithm[] = [NEWRENO]

/** The names that `congestionControl` takes. */
export const congestionControls: readonly string[] = ALGORITHMS.map((algorithm) => algorithm.name)

export function findCongestionControl(name: string): CongestionAlgorithm | undefined {
  return ALGORITHMS.find((algorithm) => algorithm.name === name)
}

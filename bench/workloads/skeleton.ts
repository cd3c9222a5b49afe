// What plain node:dgram allows at a size of datagrams, whatever is built upon it.
import { skeletonOf } from '../works/datagrams.js'
import { CARRIED, type Carried, carry, costsOf } from './bulk.js'
import { comparison, profilingOf } from './comparison.js'

/** The MSS of a connection that sends such datagrams. */
const SIZES = [1_440, 8_192, 16_384, 65_000].map(skeletonOf)

export const skeleton = comparison<Carried>({
  name: 'skeleton',
  summary: 'what node:dgram allows at a size of datagrams, without a protocol',
  quick: SIZES,
  full: SIZES,
  profiled: SIZES,
  costs: costsOf('skeleton'),
  columns: CARRIED,
  describe: ({ seconds, warmUp }) => [
    'A header of 32 bytes and a payload as a list, a window of 1 MiB, an answer to every 32nd datagram (to fewer where they are large), and nothing',
    `else: neither timers nor state nor a check of what came. ${seconds} s after ${warmUp} s of warm-up; the number is the MSS that makes such datagrams.`,
  ],
  measure: async (peer, settings) => (await carry(peer, 1, settings, profilingOf(settings, 'skeleton', peer))).carried,
})

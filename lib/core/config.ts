// What can be chosen of a connection: resolved once, frozen, read by the core.
import { CUBIC } from './congestion/algorithms.js'
import type { CongestionAlgorithm } from './congestion/controller.js'

/** Everything the core can be told about a connection. Times in ms, sizes in bytes. */
export interface Config {
  /** Largest payload plus options of a segment, offered as our MSS as far as the link allows, 536 to 65495. @default 1452 */
  readonly mss: number
  /** Small writes leave at once (Nagle off, RFC 9293 §3.7.4). @default false */
  readonly noDelay: boolean
  /** Probe an idle connection (RFC 9293 §3.8.4). @default false */
  readonly keepAlive: boolean
  /** Idle time before the first probe. @default 7200000 (MUST-28) */
  readonly keepAliveInitialDelay: number
  /** Between unanswered probes. @default 75000 */
  readonly keepAliveInterval: number
  /** Unanswered probes before 'timed-out', 1 to 255. @default 9 */
  readonly keepAliveCount: number
  /** Longest time in which nothing leaves, so that NATs keep their mapping; 0: off. @default 0 */
  readonly natKeepAlive: number
  /** Answer a peer that asks from which path it is heard (decision 024). @default false */
  readonly followPeer: boolean
  /** Whole time for connecting; 0: only maxSynRetries limits it. @default 0 */
  readonly connectTimeout: number
  /** RTO before the first RTT sample. @default 1000 (RFC 6298 §2.1) */
  readonly initialRto: number
  /** Lower bound of the RTO. @default 200 */
  readonly minRto: number
  /** Upper bound of the RTO. @default 60000 (RFC 6298 §2.5) */
  readonly maxRto: number
  /** Retransmissions of one segment, or unanswered window probes, before 'timed-out'. @default 15 (RFC 9293 §3.8.3, R2) */
  readonly maxRetries: number
  /** Retransmissions of a SYN. @default 7, which is 3 minutes (MUST-23) */
  readonly maxSynRetries: number
  /** Retransmissions of a SYN,ACK. @default 5 */
  readonly maxSynAckRetries: number
  /** Longest time that sent data may stay without progress; 0: off (RFC 5482's meaning). @default 0 */
  readonly userTimeout: number
  /** Maximum segment lifetime: TIME-WAIT lasts twice as long. @default 30000 */
  readonly msl: number
  /** FIN-WAIT-2 without a reader ends after this. @default 60000 */
  readonly finWait2Timeout: number
  /**
   * Bytes accepted from the user and not yet acknowledged, at most; of these two congestion windows may wait unsent, 128 to 512 KiB.
   * @default 16 MiB
   */
  readonly sendBuffer: number
  /** Upper limit of the receive window. @default 12 MiB */
  readonly maxReceiveBuffer: number
  /** The receive window at first, as far as that allows: it grows with what is read in a round trip. @default 64 KiB, or 20 x mss */
  readonly initialReceiveBuffer: number
  /** Offer and accept window scaling (RFC 7323 §2). @default true */
  readonly windowScaling: boolean
  /** Offer and accept timestamps (RFC 7323 §3). @default true */
  readonly timestamps: boolean
  /** Offer and accept SACK (RFC 2018). @default true */
  readonly sack: boolean
  /** Congestion control. @default CUBIC (RFC 9438) */
  readonly congestion: CongestionAlgorithm
}

export const DEFAULT_CONFIG: Config = Object.freeze({
  mss: 1452,
  noDelay: false,
  keepAlive: false,
  keepAliveInitialDelay: 7_200_000,
  keepAliveInterval: 75_000,
  keepAliveCount: 9,
  natKeepAlive: 0,
  followPeer: false,
  connectTimeout: 0,
  initialRto: 1000,
  minRto: 200,
  maxRto: 60_000,
  maxRetries: 15,
  maxSynRetries: 7,
  maxSynAckRetries: 5,
  userTimeout: 0,
  msl: 30_000,
  finWait2Timeout: 60_000,
  sendBuffer: 16 * 2 ** 20,
  maxReceiveBuffer: 12 * 2 ** 20,
  initialReceiveBuffer: 65_536,
  windowScaling: true,
  timestamps: true,
  sack: true,
  congestion: CUBIC,
})

/** The defaults with `chosen` over them; undefined chooses nothing. Nothing is checked: what is out of range makes a connection that does not work. */
export function createConfig(chosen: { readonly [K in keyof Config]?: Config[K] | undefined } = {}): Config {
  const config: { -readonly [K in keyof Config]: unknown } = { ...DEFAULT_CONFIG }
  for (const key of Object.keys(chosen) as (keyof Config)[]) {
    if (chosen[key] !== undefined) config[key] = chosen[key]
  }
  return Object.freeze(config) as Config
}

/** ms without progress that what was sent is given once its user is gone: no less than its repetitions take. */
export function patience({ maxRetries, maxRto }: Config): number {
  return maxRetries * maxRto
}

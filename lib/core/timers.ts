// The deadlines of one connection by name, absolute ms; Infinity: not set.

const COUNT = 12
const NOT_SET = Number.POSITIVE_INFINITY
const NONE_SET: readonly number[] = new Array<number>(COUNT).fill(NOT_SET)

/** One list of numbers: as many fields would take twice the memory. */
export class Timers {
  private readonly at: number[] = NONE_SET.slice()

  /** The earliest deadline. */
  get next(): number {
    const { at } = this
    let next = NOT_SET
    for (let i = 0; i < COUNT; i++) if ((at[i] as number) < next) next = at[i] as number
    return next
  }

  clear(): void {
    const { at } = this
    for (let i = 0; i < COUNT; i++) at[i] = NOT_SET
  }

  /** RTO (RFC 6298), also for SYN and FIN. */
  get retransmit(): number {
    return this.at[0] as number
  }
  set retransmit(at: number) {
    this.at[0] = at
  }

  /** Tail loss probe (RFC 8985 §7.2). */
  get tailProbe(): number {
    return this.at[1] as number
  }
  set tailProbe(at: number) {
    this.at[1] = at
  }

  /** When the pacer lets the next segment go. */
  get pacing(): number {
    return this.at[2] as number
  }
  set pacing(at: number) {
    this.at[2] = at
  }

  /** RACK's reordering window (RFC 8985 §6.2). */
  get reorder(): number {
    return this.at[3] as number
  }
  set reorder(at: number) {
    this.at[3] = at
  }

  /** Delayed ACK (RFC 9293 §3.8.6.3). */
  get delayedAck(): number {
    return this.at[4] as number
  }
  set delayedAck(at: number) {
    this.at[4] = at
  }

  /** Zero-window probe (RFC 9293 §3.8.6.1). */
  get persist(): number {
    return this.at[5] as number
  }
  set persist(at: number) {
    this.at[5] = at
  }

  get keepalive(): number {
    return this.at[6] as number
  }
  set keepalive(at: number) {
    this.at[6] = at
  }

  /** Whole time for connecting. */
  get connect(): number {
    return this.at[7] as number
  }
  set connect(at: number) {
    this.at[7] = at
  }

  /** USER TIMEOUT (RFC 9293 §3.10.8). */
  get userTimeout(): number {
    return this.at[8] as number
  }
  set userTimeout(at: number) {
    this.at[8] = at
  }

  /** FIN-WAIT-2 without a reader. */
  get finWait2(): number {
    return this.at[9] as number
  }
  set finWait2(at: number) {
    this.at[9] = at
  }

  /** Something has to leave for a NAT to see. */
  get natKeepAlive(): number {
    return this.at[10] as number
  }
  set natKeepAlive(at: number) {
    this.at[10] = at
  }

  /** The user is gone, and the peer has acknowledged nothing for so long. */
  get abandon(): number {
    return this.at[11] as number
  }
  set abandon(at: number) {
    this.at[11] = at
  }
}

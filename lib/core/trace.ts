// An observer of one connection: what passes and which states it goes through. None by default, and free then.
import type { Segment } from '../wire/segment.js'
import type { State } from './state.js'

/** Told as things happen; must not call back into the connection. `segment` is valid during the call only. */
export interface Trace {
  onSegmentSent(segment: Segment, now: number): void
  onSegmentReceived(segment: Segment, now: number): void
  onState(from: State, to: State): void
}

// What a controller hears of an ACK: a sample in which only what a test is about is said.
import type { AckSample } from '../../lib/core/congestion/controller.js'

export function ackSample(said: Partial<AckSample> = {}): AckSample {
  return {
    ackedBytes: 0,
    lostBytes: 0,
    inFlight: 0,
    deliveryRate: Number.NaN,
    rateAppLimited: false,
    delivered: 0,
    priorDelivered: 0,
    deliveredInSample: 0,
    lostInSample: 0,
    txInFlight: 0,
    rtt: 100,
    srtt: 100,
    minRtt: 100,
    appLimited: false,
    roundStart: false,
    inRecovery: false,
    advanced: true,
    ...said,
  }
}

// Delivery rates: the rules of draft-ietf-ccwg-bbr §4.1 on flights made by hand.
import { describe, expect, test } from 'vitest'
import { DeliveryRate } from '../../lib/core/send/delivery-rate.js'
import { Flight } from '../../lib/core/send/flight.js'

const MSS = 1000

class Sender {
  readonly rate = new DeliveryRate()
  private inFlight = 0
  private next = 0

  send(now: number): Flight {
    const flight = new Flight()
    flight.from = this.next
    this.next += MSS
    flight.to = this.next
    return this.leave(flight, now)
  }

  leave(flight: Flight, now: number): Flight {
    flight.sentAt = now
    this.inFlight += MSS
    this.rate.onSent(flight, this.inFlight, now)
    return flight
  }

  lose(flight: Flight): void {
    this.inFlight -= MSS
    this.rate.onLost(flight)
  }

  /** One ACK for all of them. */
  acknowledge(now: number, flights: readonly Flight[], minRtt = 10): number {
    this.rate.begin()
    for (const flight of flights) {
      this.inFlight -= MSS
      this.rate.onDelivered(flight, now)
    }
    this.rate.finish(minRtt)
    return this.rate.rate
  }

  appLimited(): void {
    this.rate.markAppLimited(this.inFlight)
  }
}

describe('a rate sample', () => {
  test('is what was delivered since its packet left, over the longer of the times of sending and of acknowledging', () => {
    const sender = new Sender()
    // ten at once: the ACKs come at the rate of the path, one each ms
    const flights = Array.from({ length: 10 }, () => sender.send(0))
    let rate = 0
    flights.forEach((flight, i) => {
      rate = sender.acknowledge(100 + i, [flight])
    })
    expect(rate).toBeCloseTo((10 * MSS) / 109)
    const second = flights.map(() => sender.send(109))
    second.forEach((flight, i) => {
      rate = sender.acknowledge(209 + i, [flight])
    })
    // the clock runs from the last ACK before they left
    expect(rate).toBeCloseTo((10 * MSS) / 109)
  })

  test('send rate: ACKs that come in a clump do not make it faster than it was sent', () => {
    const sender = new Sender()
    const flights = Array.from({ length: 20 }, (_, i) => sender.send(5 * i))
    expect(sender.acknowledge(120, flights.slice(0, 10))).toBeCloseTo((10 * MSS) / 120)
    // the other ten within a moment, which were sent over 50 ms
    expect(sender.acknowledge(121, flights.slice(10))).toBeCloseTo((20 * MSS) / 121)
  })

  test('an interval shorter than the smallest round trip is none', () => {
    const sender = new Sender()
    const flight = sender.send(0)
    expect(sender.acknowledge(5, [flight], 10)).toBeNaN()
    expect(sender.rate.delivered).toBe(MSS)
  })

  test('an ACK that delivers nothing has none', () => {
    expect(new Sender().acknowledge(5, [])).toBeNaN()
  })

  test('of several flights the newest counts', () => {
    const sender = new Sender()
    const first = sender.send(0)
    sender.acknowledge(20, [first])
    const [a, b] = [sender.send(20), sender.send(25)]
    sender.acknowledge(60, [b, a])
    expect(sender.rate.txInFlight).toBe(2 * MSS)
    expect(sender.rate.priorDelivered).toBe(MSS)
  })

  test('after a silence with nothing in flight the clock begins anew', () => {
    const sender = new Sender()
    sender.acknowledge(20, [sender.send(0)])
    const late = sender.send(10_000)
    expect(sender.acknowledge(10_050, [late])).toBeCloseTo(MSS / 50)
  })
})

describe('application-limited', () => {
  test('what leaves while the bubble is in the pipe is marked, and what leaves after it is not', () => {
    const sender = new Sender()
    const before = [sender.send(0), sender.send(0)]
    sender.appLimited()
    const within = sender.send(50)
    sender.acknowledge(100, before)
    expect(sender.rate.appLimited).toBe(false)
    const still = sender.send(101)
    sender.acknowledge(150, [within])
    expect(sender.rate.appLimited).toBe(true)
    const after = sender.send(151)
    sender.acknowledge(201, [still])
    expect(sender.rate.appLimited).toBe(true)
    sender.acknowledge(251, [after])
    expect(sender.rate.appLimited).toBe(false)
  })

  test('also with nothing in flight and nothing delivered', () => {
    const sender = new Sender()
    sender.appLimited()
    const flight = sender.send(0)
    sender.acknowledge(50, [flight])
    expect(sender.rate.appLimited).toBe(true)
  })
})

describe('losses', () => {
  test('a repetition is measured from when it left', () => {
    const sender = new Sender()
    const [lost, ...rest] = Array.from({ length: 4 }, () => sender.send(0)) as [Flight, Flight, Flight, Flight]
    sender.acknowledge(100, rest)
    sender.lose(lost)
    sender.leave(lost, 100)
    expect(sender.acknowledge(200, [lost])).toBeCloseTo(MSS / 100)
    expect(sender.rate.deliveredInSample).toBe(MSS)
  })

  test('a sample has the losses since its packet left, those too that its own ACK shows', () => {
    const sender = new Sender()
    const flights = Array.from({ length: 5 }, () => sender.send(0))
    sender.acknowledge(100, flights.slice(3))
    for (const flight of flights.slice(0, 3)) sender.lose(flight)
    expect(sender.rate.lostInSample).toBe(3 * MSS)
    const later = sender.send(101)
    sender.acknowledge(201, [later])
    expect(sender.rate.lostInSample).toBe(0)
  })
})

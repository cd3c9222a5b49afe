// mqtt.js against Mosquitto, and against aedes, a broker in JavaScript that takes our sockets.
import { Aedes } from 'aedes'
import { type IClientOptions, MqttClient } from 'mqtt'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { against, host, net, next, type Place, pattern, serve } from './over-udp.js'
import { MOSQUITTO } from './servers.js'

/** What broker and client do together, whoever the broker is. */
function conversation(port: () => number): void {
  const clients: MqttClient[] = []
  const join = async (clientId: string, options: IClientOptions = {}): Promise<MqttClient> => {
    const client = new MqttClient(() => net.connect({ port: port(), host, noDelay: true }), {
      clientId,
      protocolVersion: 4,
      reconnectPeriod: 50,
      ...options,
    })
    clients.push(client)
    await next(client, 'connect')
    return client
  }
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)))
  })

  test.each([0, 1, 2] as const)('quality of service %i: a hundred messages, in order', async (qos) => {
    const [ann, bob] = await Promise.all([join(`ann-${qos}`), join(`bob-${qos}`)])
    await bob.subscribeAsync(`talk/${qos}`, { qos })
    const heard: string[] = []
    const all = new Promise<void>((resolve) => {
      bob.on('message', (_topic, payload) => {
        if (heard.push(String(payload)) === 100) resolve()
      })
    })
    const said = Array.from({ length: 100 }, (_, i) => `message ${i}`)
    for (const text of said) await ann.publishAsync(`talk/${qos}`, text, { qos })
    await all
    expect(heard).toEqual(said)
  })

  test('a payload of 2 MB arrives whole', async () => {
    const [ann, bob] = await Promise.all([join('ann-big'), join('bob-big')])
    await bob.subscribeAsync('big')
    const bytes = pattern(2_000_000)
    const hears = next<[string, Buffer]>(bob, 'message')
    await ann.publishAsync('big', bytes, { qos: 1 })
    expect(bytes.equals((await hears)[1])).toBe(true)
  })

  test('the last will of who is cut off is read out', async () => {
    const bob = await join('bob-will')
    await bob.subscribeAsync('wills')
    const ann = await join('ann-will', {
      will: { topic: 'wills', payload: Buffer.from('farewell'), qos: 1, retain: false },
      reconnectPeriod: 0,
    })
    const hears = next<[string, Buffer]>(bob, 'message')
    ann.stream.destroy()
    expect(String((await hears)[1])).toBe('farewell')
  })

  test('who was cut off comes back, with its subscriptions', async () => {
    const [ann, bob] = await Promise.all([join('ann-back'), join('bob-back')])
    await bob.subscribeAsync('news')
    bob.stream.destroy()
    await next(bob, 'connect')
    const hears = next<[string, Buffer]>(bob, 'message')
    await ann.publishAsync('news', 'still here?', { qos: 1 })
    expect(String((await hears)[1])).toBe('still here?')
  })
}

describe('mqtt', () => {
  against(MOSQUITTO, 'Mosquitto', (way) => conversation(() => way.port))

  describe('aedes', () => {
    let broker: Aedes
    let place: Place
    beforeEach(async () => {
      broker = await Aedes.createBroker()
      place = await serve((socket) => broker.handle(socket), { allowHalfOpen: false })
    })
    afterEach(async () => {
      await new Promise<void>((resolve) => broker.close(resolve))
      await place.stop()
    })
    conversation(() => place.port)
  })
})

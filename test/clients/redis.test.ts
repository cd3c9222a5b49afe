// ioredis with a Connector of ours, and node-redis, which dials by itself, through an entry; both against Redis.
import { once } from 'node:events'
import { AbstractConnector, Redis, type RedisOptions } from 'ioredis'
import { createClient } from 'redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { against, bridgeTo, entryTo, host, net, type Place, pattern } from './over-udp.js'
import { REDIS } from './servers.js'

/** Connects to whatever port `to` names now. */
function connectorTo(to: () => number): Pick<RedisOptions, 'Connector'> {
  class Connector extends AbstractConnector {
    constructor() {
      super(2000)
    }

    async connect(): Promise<ReturnType<typeof net.connect>> {
      this.connecting = true
      const socket = net.connect({ port: to(), host })
      this.stream = socket
      return socket
    }
  }
  return { Connector } as unknown as Pick<RedisOptions, 'Connector'>
}

against(REDIS, 'Redis', (way) => {
  describe('ioredis', () => {
    let redis: Redis
    beforeEach(() => {
      redis = new Redis({ ...connectorTo(() => way.port), retryStrategy: () => 50 })
    })
    afterEach(async () => {
      const over = once(redis, 'end')
      redis.disconnect()
      await over
    })

    test('commands, a pipeline of a thousand, a transaction, 16 MiB in one value', async () => {
      expect(await redis.set('word', 'ä')).toBe('OK')
      expect(await redis.get('word')).toBe('ä')
      const pipeline = redis.pipeline()
      for (let i = 0; i < 1000; i++) pipeline.incr('counter')
      const results = await pipeline.exec()
      expect(results?.map(([, value]) => value)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1))
      expect(await redis.multi().set('a', '1').incr('a').exec()).toEqual([
        [null, 'OK'],
        [null, 2],
      ])
      const bytes = pattern(16 * 2 ** 20)
      await redis.set('big', bytes)
      expect(bytes.equals((await redis.getBuffer('big')) as Buffer)).toBe(true)
    })

    test('publish and subscribe, and a blocking pop', async () => {
      const other = redis.duplicate()
      await other.subscribe('news')
      const hears = once(other, 'message')
      await redis.publish('news', 'rain')
      expect(await hears).toEqual(['news', 'rain'])
      const waits = redis.blpop('queue', 5)
      const third = redis.duplicate()
      await third.rpush('queue', 'job')
      expect(await waits).toEqual(['queue', 'job'])
      other.disconnect()
      third.disconnect()
    })

    test('a connection that the server kills is made again', async () => {
      await redis.set('kept', 'yes')
      const again = once(redis, 'reconnecting')
      await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no').catch(() => {})
      await again
      expect(await redis.get('kept')).toBe('yes')
    })
  })

  test('ioredis tries until somebody listens again', async () => {
    let bridge: Place = await bridgeTo(way.server.port)
    const redis = new Redis({ ...connectorTo(() => bridge.port), retryStrategy: () => 50 })
    const errors: (string | undefined)[] = []
    redis.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code))
    expect(await redis.ping()).toBe('PONG')
    await bridge.stop()
    await once(redis, 'error')
    bridge = await bridgeTo(way.server.port)
    expect(await redis.ping()).toBe('PONG')
    expect(new Set(errors)).toEqual(new Set(['ECONNREFUSED']))
    redis.disconnect()
    await bridge.stop()
  })

  test('node-redis through an entry: commands, a subscription, a big value, and quit', async () => {
    const entry = await entryTo(way.port)
    const client = await createClient({ socket: { host, port: entry.port } }).connect()
    const other = await client.duplicate().connect()
    const hears = new Promise((resolve) => other.subscribe('weather', resolve))
    const all = await Promise.all(Array.from({ length: 500 }, () => client.incr('requests')))
    expect(all).toEqual(Array.from({ length: 500 }, (_, i) => i + 1))
    const text = 'x'.repeat(5_000_000)
    await client.set('text', text)
    expect((await client.get('text')) === text).toBe(true)
    await client.publish('weather', 'sun')
    expect(await hears).toBe('sun')
    await Promise.all([client.close(), other.close()])
    await entry.stop()
  })
})

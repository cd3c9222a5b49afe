// pg against PostgreSQL: it makes its own connection with a socket of ours, in the clear and through TLS.
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CERTIFICATE } from '../support/certificate.js'
import { against, host, net, next } from './over-udp.js'
import { POSTGRESQL_TLS } from './servers.js'

against(POSTGRESQL_TLS, 'pg with PostgreSQL', (way) => {
  const options = (): pg.ClientConfig => ({
    user: 'postgres',
    database: 'postgres',
    host,
    port: way.port,
    stream: () => new net.Socket(),
  })

  describe.each([
    ['in the clear', {}],
    ['through TLS', { ssl: { ca: CERTIFICATE, servername: 'localhost' } }],
  ])('%s', (_name, security: pg.ClientConfig) => {
    let client: pg.Client
    beforeEach(async () => {
      client = new pg.Client({ ...options(), ...security })
      await client.connect()
    })
    afterEach(async () => await client.end().catch(() => {}))

    test('queries with parameters, prepared statements, and errors with their codes', async () => {
      const { rows } = await client.query('SELECT $1::int + 1 AS sum, $2::text AS word', [41, 'ä'])
      expect(rows).toEqual([{ sum: 42, word: 'ä' }])
      for (let i = 0; i < 100; i++) {
        const { rows: squares } = await client.query({ name: 'square', text: 'SELECT $1::int * $1 AS n', values: [i] })
        expect(squares).toEqual([{ n: i * i }])
      }
      await expect(client.query('SELECT nothing_like_it')).rejects.toMatchObject({ code: '42703' })
      const secure = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
      expect(secure.rows).toEqual([{ ssl: 'ssl' in security }])
    })

    test('ten thousand rows in, ten thousand out, and 20 MB in one value', async () => {
      await client.query('CREATE TEMP TABLE numbers (n int, word text)')
      const words = Array.from({ length: 10_000 }, (_, i) => `word ${i}`)
      await client.query('INSERT INTO numbers SELECT i, w FROM unnest($1::text[]) WITH ORDINALITY AS t(w, i)', [words])
      const { rows } = await client.query('SELECT word FROM numbers ORDER BY n')
      expect(rows.map(({ word }) => word)).toEqual(words)
      const big = 'x'.repeat(20_000_000)
      const [{ there }] = (await client.query('SELECT $1::text AS there', [big])).rows
      expect(there === big).toBe(true)
    })

    test('notifications reach who listens', async () => {
      await client.query('LISTEN news')
      const hears = next<[pg.Notification]>(client, 'notification')
      await client.query("SELECT pg_notify('news', 'rain')")
      const [{ payload }] = await hears
      expect(payload).toBe('rain')
    })

    test('a session that the server ends is an error, and the connection is over', async () => {
      const over = next(client, 'end')
      const errors: unknown[] = []
      client.on('error', (error) => errors.push(error))
      await client.query('SELECT pg_terminate_backend(pg_backend_pid())').catch((error) => errors.push(error))
      await over
      expect(errors).toContainEqual(expect.objectContaining({ code: '57P01' }))
    })
  })

  test('a pool: a hundred queries on five connections, that unref() while idle', async () => {
    const pool = new pg.Pool({ ...options(), max: 5, allowExitOnIdle: true })
    const before = way.bridge.connections
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => (await pool.query('SELECT $1::int AS n', [i])).rows[0].n),
    )
    expect(answers).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect(way.bridge.connections - before).toBe(5)
    await pool.end()
  })

  test('a query that takes too long is given up, and the pool goes on', async () => {
    const pool = new pg.Pool({ ...options(), max: 1, query_timeout: 200 })
    await expect(pool.query('SELECT pg_sleep(2)')).rejects.toThrow('Query read timeout')
    await pool.end()
    const other = new pg.Pool({ ...options(), max: 1 })
    expect((await other.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
    await other.end()
  })

  test('nobody listens: ECONNREFUSED', async () => {
    const client = new pg.Client({ ...options(), port: 1 })
    await expect(client.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

// mysql2 against MariaDB, over a socket that its `stream` option makes.
import mysql, { type ConnectionOptions, type PoolOptions, type RowDataPacket } from 'mysql2/promise'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CERTIFICATE } from '../support/certificate.js'
import { against, host, net, pattern } from './over-udp.js'
import { MARIADB } from './servers.js'

against(MARIADB, 'mysql2 with MariaDB', (way) => {
  const options = (): ConnectionOptions => ({
    user: 'tester',
    password: 'secret',
    database: 'test',
    stream: () => net.connect({ port: way.port, host, noDelay: true }),
  })

  describe.each([
    ['in the clear', {}],
    ['through TLS', { ssl: { ca: CERTIFICATE, verifyIdentity: false } }],
  ])('%s', (_name, security: ConnectionOptions) => {
    let connection: mysql.Connection
    beforeEach(async () => {
      connection = await mysql.createConnection({ ...options(), ...security })
    })
    afterEach(() => connection.destroy())

    test('queries and prepared statements, and errors with their codes', async () => {
      const [rows] = await connection.query('SELECT ? + 1 AS sum', [41])
      expect(rows).toEqual([{ sum: 42 }])
      for (let i = 0; i < 100; i++) {
        const [[row]] = await connection.execute<RowDataPacket[]>('SELECT ? AS word', [`word ${i}`])
        expect(row).toEqual({ word: `word ${i}` })
      }
      await expect(connection.query('SELECT nothing_like_it')).rejects.toMatchObject({ code: 'ER_BAD_FIELD_ERROR' })
      const [[cipher]] = await connection.query<RowDataPacket[]>("SHOW STATUS LIKE 'Ssl_cipher'")
      expect(cipher?.Value !== '').toBe('ssl' in security)
    })

    test('rows by the thousand, and 10 MB in one value', async () => {
      await connection.query('CREATE TEMPORARY TABLE words (n INT, word VARCHAR(20))')
      const words = Array.from({ length: 10_000 }, (_, i) => [i, `word ${i}`])
      await connection.query('INSERT INTO words VALUES ?', [words])
      const [rows] = await connection.query({ sql: 'SELECT * FROM words ORDER BY n', rowsAsArray: true })
      expect(rows).toEqual(words)
      const bytes = pattern(10_000_000)
      const [[row]] = await connection.execute<RowDataPacket[]>('SELECT ? AS there', [bytes])
      expect(bytes.equals(row?.there)).toBe(true)
    })
  })

  test('a pool: a hundred queries on five connections', async () => {
    const pool = mysql.createPool({ ...options(), connectionLimit: 5 } as PoolOptions)
    const before = way.bridge.connections
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => (await pool.query<RowDataPacket[]>('SELECT ? AS n', [i]))[0][0]?.n),
    )
    expect(answers).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect(way.bridge.connections - before).toBe(5)
    await pool.end()
  })

  test('a connection that the server kills is an error', async () => {
    const [victim, killer] = await Promise.all([mysql.createConnection(options()), mysql.createConnection(options())])
    victim.on('error', () => {}) // what it says besides
    const lost = expect.stringMatching(/PROTOCOL_CONNECTION_LOST|ECONNRESET|ER_/)
    const dies = expect(victim.query('SELECT SLEEP(10)')).rejects.toMatchObject({ code: lost })
    await killer.query(`KILL ${victim.threadId}`)
    await dies
    await killer.end()
    victim.destroy()
  })
})

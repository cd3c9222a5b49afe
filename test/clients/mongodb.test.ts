// The MongoDB driver: it dials by itself, so it goes in through an entry. Debian has no MongoDB; a stand-in speaks its protocol.
import type { Socket } from 'node:net'
import { BSON, MongoClient } from 'mongodb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { entryTo, host, type Place, pattern, serve } from './over-udp.js'

const OP_MSG = 2013
const OP_QUERY = 2004
const OP_REPLY = 1

/** As much of a mongod as the tests ask for: one collection, in memory. */
class StandIn {
  readonly documents: BSON.Document[] = []

  /** One message is a length, three numbers, and what the last of these says. */
  accept(socket: Socket): void {
    let bytes = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= 4 && bytes.length >= bytes.readInt32LE(0)) {
        const length = bytes.readInt32LE(0)
        socket.write(this.#answer(bytes.subarray(0, length)))
        bytes = bytes.subarray(length)
      }
    })
  }

  #answer(message: Buffer): Buffer {
    const [id, opcode] = [message.readInt32LE(4), message.readInt32LE(12)]
    if (opcode === OP_QUERY) {
      // only the first greeting still comes so: flags, a name that ends in 0, two numbers, a document
      const command = BSON.deserialize(message.subarray(message.indexOf(0, 20) + 9))
      const head = Buffer.alloc(20)
      head.writeInt32LE(1, 16)
      return framed(id, OP_REPLY, [head, BSON.serialize(this.#run(command, []))])
    }
    const { command, documents } = sections(message.subarray(20))
    return framed(id, OP_MSG, [Buffer.alloc(5), BSON.serialize(this.#run(command, documents))])
  }

  #run(command: BSON.Document, documents: readonly BSON.Document[]): BSON.Document {
    const [name] = Object.keys(command)
    switch (name) {
      case 'hello':
      case 'ismaster':
      case 'isMaster':
        return { ok: 1, helloOk: true, isWritablePrimary: true, ismaster: true, ...LIMITS }
      case 'insert': {
        this.documents.push(...documents, ...(command.documents ?? []))
        return { ok: 1, n: documents.length }
      }
      case 'find':
        return { ok: 1, cursor: { id: 0n, ns: 'test.things', firstBatch: this.documents } }
      default:
        return { ok: 1 }
    }
  }
}

const LIMITS = {
  maxBsonObjectSize: 16 * 2 ** 20,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  maxWireVersion: 21,
  minWireVersion: 0,
}

/** A document behind a 0; or behind a 1 a length, a name that ends in 0, and documents. */
function sections(bytes: Buffer): { command: BSON.Document; documents: BSON.Document[] } {
  let command: BSON.Document = {}
  const documents: BSON.Document[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readInt32LE(at + 1)
    const section = bytes.subarray(at + 1, at + 1 + length)
    if (bytes[at] === 0) command = BSON.deserialize(section)
    else {
      for (let from = section.indexOf(0, 4) + 1; from < length; from += section.readInt32LE(from)) {
        documents.push(BSON.deserialize(section.subarray(from, from + section.readInt32LE(from))))
      }
    }
    at += 1 + length
  }
  return { command, documents }
}

function framed(to: number, opcode: number, parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const head = Buffer.alloc(16)
  for (const [i, value] of [16 + body.length, 0, to, opcode].entries()) head.writeInt32LE(value, 4 * i)
  return Buffer.concat([head, body])
}

describe('mongodb with a stand-in', () => {
  let place: Place
  let entry: Place
  let client: MongoClient
  beforeEach(async () => {
    const server = new StandIn()
    place = await serve((socket) => server.accept(socket))
    entry = await entryTo(place.port)
    client = new MongoClient(`mongodb://${host}:${entry.port}/?directConnection=true&serverSelectionTimeoutMS=5000`)
  })
  afterEach(async () => {
    await client.close()
    await entry.stop()
    await place.stop()
  })

  test('a ping, two thousand documents in one go, one of 8 MB, and all of them back', async () => {
    const db = client.db('test')
    expect(await db.command({ ping: 1 })).toMatchObject({ ok: 1 })
    const things = db.collection('things')
    const many = Array.from({ length: 2000 }, (_, n) => ({ n }))
    await things.insertMany(many)
    const bytes = pattern(8_000_000)
    await things.insertOne({ n: 2000, bytes })
    const found = await things.find().toArray()
    expect(found.map(({ n }) => n)).toEqual(Array.from({ length: 2001 }, (_, n) => n))
    expect(bytes.equals(found[2000]?.bytes.buffer)).toBe(true)
  })

  test('a connection that is reset is made again', async () => {
    const db = client.db('test')
    await db.command({ ping: 1 })
    const before = place.connections
    place.cut()
    expect(await db.collection('things').find().toArray()).toEqual([])
    expect(place.connections).toBeGreaterThan(before)
  })
})

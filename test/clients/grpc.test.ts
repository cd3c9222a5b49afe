// gRPC: the server takes our sockets, the client dials by itself through an entry.
import type { Duplex } from 'node:stream'
import grpc from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { entryTo, host, type Place, pattern, serve } from './over-udp.js'

const bytes = { serialize: (value: Buffer) => value, deserialize: (value: Buffer) => value }
const method = (path: string, streams: boolean): grpc.MethodDefinition<Buffer, Buffer> => ({
  path: `/test/${path}`,
  requestStream: streams,
  responseStream: streams,
  requestSerialize: bytes.serialize,
  requestDeserialize: bytes.deserialize,
  responseSerialize: bytes.serialize,
  responseDeserialize: bytes.deserialize,
})
const SERVICE = { double: method('double', false), echo: method('echo', true), fail: method('fail', false) }

describe('grpc-js', () => {
  let server: grpc.Server
  let place: Place
  let entry: Place
  let client: InstanceType<ReturnType<typeof grpc.makeGenericClientConstructor>>
  beforeEach(async () => {
    server = new grpc.Server({ 'grpc.max_receive_message_length': -1 })
    server.addService(SERVICE, {
      double: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) =>
        done(null, Buffer.concat([call.request, call.request])),
      echo: (call: unknown) => void (call as Duplex).pipe(call as Duplex),
      fail: (_call: unknown, done: grpc.sendUnaryData<Buffer>) =>
        done({ code: grpc.status.NOT_FOUND, details: 'no such thing' }),
    })
    const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure())
    place = await serve((socket) => injector.injectConnection(socket))
    entry = await entryTo(place.port)
    const Client = grpc.makeGenericClientConstructor(SERVICE, 'test')
    const limits = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 }
    client = new Client(`${host}:${entry.port}`, grpc.credentials.createInsecure(), limits)
  })
  afterEach(async () => {
    client.close()
    server.forceShutdown()
    await entry.stop()
    await place.stop()
  })

  const call = (name: string, request: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const callee = client[name] as (request: Buffer, done: grpc.requestCallback<Buffer>) => void
      callee.call(client, request, (error, answer) => (error ? reject(error) : resolve(answer as Buffer)))
    })

  test('two hundred calls at once on one connection, and one of 8 MB', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => call('double', Buffer.from(`<${i}>`))))
    expect(answers.map(String)).toEqual(Array.from({ length: 200 }, (_, i) => `<${i}><${i}>`))
    const big = pattern(8_000_000)
    expect((await call('double', big)).equals(Buffer.concat([big, big]))).toBe(true)
    expect(place.connections).toBe(1)
  })

  test('a stream both ways, and an error with its status', async () => {
    const stream = (client.echo as () => grpc.ClientDuplexStream<Buffer, Buffer>).call(client)
    const sent = Array.from({ length: 500 }, (_, i) => `part ${i}`)
    for (const part of sent) stream.write(Buffer.from(part))
    stream.end()
    const heard: string[] = []
    for await (const part of stream) heard.push(String(part))
    expect(heard).toEqual(sent)
    await expect(call('fail', Buffer.alloc(0))).rejects.toMatchObject({ code: grpc.status.NOT_FOUND })
  })

  test('a server that goes away ends its calls with UNAVAILABLE', async () => {
    const stream = (client.echo as () => grpc.ClientDuplexStream<Buffer, Buffer>).call(client)
    stream.write(Buffer.from('hello'))
    await new Promise((resolve) => stream.once('data', resolve))
    const fails = new Promise<grpc.ServiceError>((resolve) => stream.once('error', resolve))
    await place.stop()
    expect((await fails).code).toBe(grpc.status.UNAVAILABLE)
  })
})

// amqplib against RabbitMQ: it dials by itself, so it goes in through an entry.
import amqp, { type ChannelModel } from 'amqplib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { against, entryTo, host, type Place, pattern } from './over-udp.js'
import { RABBITMQ } from './servers.js'

against(RABBITMQ, 'amqplib with RabbitMQ', (way) => {
  let entry: Place
  let connection: ChannelModel
  beforeEach(async () => {
    entry = await entryTo(way.port)
    connection = await amqp.connect(`amqp://guest:guest@${host}:${entry.port}`)
  })
  afterEach(async () => {
    await connection.close().catch(() => {})
    await entry.stop()
  })

  test('a thousand messages, confirmed and acknowledged, in order', async () => {
    const channel = await connection.createConfirmChannel()
    const { queue } = await channel.assertQueue('', { exclusive: true })
    const heard: string[] = []
    const all = new Promise<void>((resolve) => {
      void channel.consume(queue, (message) => {
        if (message === null) return
        channel.ack(message)
        if (heard.push(String(message.content)) === 1000) resolve()
      })
    })
    const sent = Array.from({ length: 1000 }, (_, i) => `job ${i}`)
    for (const text of sent) channel.sendToQueue(queue, Buffer.from(text))
    await channel.waitForConfirms()
    await all
    expect(heard).toEqual(sent)
  })

  test('a message of 8 MB comes back whole', async () => {
    const channel = await connection.createChannel()
    const { queue } = await channel.assertQueue('', { exclusive: true })
    const bytes = pattern(8_000_000)
    const arrives = new Promise<Buffer>((resolve) => {
      void channel.consume(queue, (message) => resolve(message?.content as Buffer), { noAck: true })
    })
    channel.sendToQueue(queue, bytes)
    expect(bytes.equals(await arrives)).toBe(true)
  })

  test('a way that breaks is an error and a close', async () => {
    const errors: Error[] = []
    connection.on('error', (error) => errors.push(error))
    const closes = new Promise((resolve) => connection.on('close', resolve))
    way.bridge.cut()
    await closes
    expect(errors.length).toBe(1)
  })
})

// MQTT over UDP, with the package mqtt and Debian's Mosquitto behind a bridge. `node dist/examples/mqtt.js`
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import process from 'node:process'
import { MqttClient } from 'mqtt'
import { connect, createServer } from 'tcp-over-udp'
import { couple } from './bridge/couple.js'
import { isInstalled, missing, startDaemon } from './servers/daemon.js'
import { MOSQUITTO } from './servers/mosquitto.js'

if (!isInstalled(MOSQUITTO)) {
  console.log(missing(MOSQUITTO))
  process.exit()
}
const host = '127.0.0.1'
const halfOpen = { allowHalfOpen: true, noDelay: true }

const broker = await startDaemon(MOSQUITTO)
const bridge = createServer(halfOpen, (socket) => couple(socket, net.connect({ port: broker.port, host, ...halfOpen })))
bridge.listen(0, host)
await once(bridge, 'listening')

const { port } = bridge.address() as AddressInfo
const join = (clientId: string): MqttClient =>
  new MqttClient(() => connect({ port, host, noDelay: true }), { clientId })
const [sensor, display] = [join('sensor'), join('display')]
await display.subscribeAsync('room/+/temperature', { qos: 1 })
const readings = new Promise<void>((resolve) => {
  display.on('message', (topic, reading) => {
    console.log(`${topic}: ${reading}`)
    if (topic.includes('cellar')) resolve()
  })
})
await sensor.publishAsync('room/kitchen/temperature', '21.5', { qos: 1 })
await sensor.publishAsync('room/cellar/temperature', '12.0', { qos: 1 })
await readings
await Promise.all([sensor.endAsync(), display.endAsync()])
bridge.close()
await broker.stop()

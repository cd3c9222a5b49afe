// Mosquitto, an MQTT broker that lets everybody on this machine in.
import type { Recipe } from './daemon.js'

export const MOSQUITTO: Recipe = {
  program: 'mosquitto',
  debian: 'mosquitto',
  ready: /mosquitto version \S+ running/,
  arguments: (port) => ['-v', '-p', String(port)],
}

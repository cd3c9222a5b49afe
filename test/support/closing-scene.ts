// A server that closes when its client has, and a client, each a stack on a machine of its own: for what remains of them afterwards.
import { type Config, createConfig } from '../../lib/core/config.js'
import type { StackLimits } from '../../lib/endpoint/limits.js'
import { Stack } from '../../lib/endpoint/stack.js'
import { Network } from '../../lib/testing/network.js'
import { Acceptance, closeInReturn, Recorder } from './recorder.js'

export const SERVER = '10.0.0.1'
const CLIENT = '10.0.0.9'

export interface SceneChoices {
  clientLimits?: Partial<StackLimits>
  serverLimits?: Partial<StackLimits>
  /** Of both ends. */
  config?: Partial<Config>
  timeWait?: 'keep' | 'release'
}

export function closingScene({
  clientLimits = {},
  serverLimits = {},
  config: chosen = {},
  timeWait,
}: SceneChoices = {}) {
  const config = createConfig({ msl: 1000, ...chosen })
  const network = new Network({ link: { delay: 5 } })
  const [serverHost, clientHost] = [network.host(SERVER), network.host(CLIENT)]
  const server = new Stack(serverHost.platform, serverLimits)
  const client = new Stack(clientHost.platform, clientLimits)
  const acceptance = new Acceptance()
  acceptance.react = closeInReturn
  const listen = (port = 80, more = {}) =>
    server.listen({ address: SERVER, port, timeWait, ...more }, () => config, acceptance)
  const connect = (more = {}): Recorder => {
    const recorder = new Recorder()
    recorder.channel = client.connect({ address: SERVER, port: 80, ...more }, config, recorder)
    return recorder
  }
  return { network, serverHost, clientHost, server, client, acceptance, listen, listener: listen(), connect }
}

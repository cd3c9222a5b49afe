// The two processes of a cluster test: a primary that kills one of its workers, and workers that listen.
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type AddressInfo, connect, createServer } from 'tcp-over-udp'

async function lead(): Promise<void> {
  cluster.setupPrimary({ exec: fileURLToPath(import.meta.url), execArgv: [] })
  const workers: Worker[] = [cluster.fork(), cluster.fork()]
  const ports = await Promise.all(workers.map(async (worker) => ((await once(worker, 'message')) as [number])[0]))
  const [first, second] = workers as [Worker, Worker]
  first.process.kill('SIGKILL')
  await once(first, 'exit')
  const client = connect(ports[1] as number, '127.0.0.1')
  client.end('hello')
  const closed = once(client, 'close')
  const [data] = (await once(client, 'data')) as [Buffer]
  // who is killed with something left to say never says it
  await closed
  process.stdout.write(`${new Set(ports).size} ${data.toString()}\n`)
  second.kill()
}

async function work(): Promise<void> {
  const server = createServer((socket) => socket.pipe(socket))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  process.send?.((server.address() as AddressInfo).port)
}

if (cluster.isPrimary) await lead()
else await work()

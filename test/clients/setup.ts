// What a run begins with: the servers that this machine lacks, by name.
import process from 'node:process'
import { isInstalled, missing } from '../../examples/servers/daemon.js'
import { ALL } from './servers.js'

export default function setup(): () => void {
  const lacking = ALL.filter((recipe) => !isInstalled(recipe)).map(missing)
  const say = (): void => {
    for (const line of lacking) process.stdout.write(`test:clients: ${line}\n`)
  }
  say()
  return say
}

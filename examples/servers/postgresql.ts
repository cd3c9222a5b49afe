// PostgreSQL with an empty database and a user `postgres` whom it trusts.
import { join } from 'node:path'
import type { Recipe } from './daemon.js'

export const POSTGRESQL: Recipe = {
  program: 'postgres',
  debian: 'postgresql',
  ready: /ready to accept connections/,
  signal: 'SIGINT', // ends sessions too
  before: (folder) => [
    ['initdb', '-D', join(folder, 'data'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'],
  ],
  arguments: (port, folder) => {
    const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: folder, fsync: 'off' }
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    return ['-D', join(folder, 'data'), ...flags]
  },
}

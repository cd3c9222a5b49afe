// The errors that a machine gives for its sockets, in the shape that Node gives them.
import { constants } from 'node:os'

export type ErrorCode = 'EADDRINUSE' | 'EADDRNOTAVAIL' | 'ECONNREFUSED' | 'EINVAL' | 'EMSGSIZE' | 'ENETUNREACH'

/** `<syscall> <code> <address>:<port>`, with `errno`, `code`, `syscall` and, where there is one, `address` and `port`. */
export function machineError(code: ErrorCode, syscall: string, address?: string, port?: number): Error {
  const where = address === undefined ? '' : ` ${address}${port ? `:${port}` : ''}`
  const error = new Error(`${syscall} ${code}${where}`)
  Object.assign(error, { errno: -constants.errno[code], code, syscall })
  if (address !== undefined) Object.assign(error, { address })
  if (port) Object.assign(error, { port })
  return error
}

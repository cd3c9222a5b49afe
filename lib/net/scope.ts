// The asynchronous context of a socket's, or of a server's: what its listeners run in (AsyncLocalStorage), as with a handle of Node's own.
import { AsyncResource } from 'node:async_hooks'

/** Nobody hears when it is gone: a registry of all that are not would cost each some memory. */
const UNWATCHED = { requireManualDestroy: true }

/** It is of whoever makes it; runInAsyncScope() runs listeners in it. */
export class Scope extends AsyncResource {
  constructor() {
    super('TCPOVERUDP', UNWATCHED)
  }
}

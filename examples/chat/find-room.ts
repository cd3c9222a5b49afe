// Looks for a room at every place where it may be, and opens it when there is none.
import { setTimeout as delay } from 'node:timers/promises'

const RETRY = 150 // ms
const GIVE_UP = 20_000 // ms; longer than anybody's patience

export interface Search<T> {
  /** Where the room may be; all are tried at once. */
  addresses: readonly string[]
  /** How long to look before opening it here, ms. By this, those who lost their host open it one after the other. */
  patience: number
  join: (address: string, signal: AbortSignal) => Promise<T>
  open: () => Promise<T>
  /** One room is enough. */
  discard: (room: T) => void
}

/** Someone answered, and will not have us. */
export class Refused extends Error {}

/** @throws what the last attempt met with, or the signal's reason */
export async function findRoom<T>(search: Search<T>, signal: AbortSignal): Promise<T> {
  const began = performance.now()
  for (;;) {
    let failure: unknown
    try {
      return await joinAny(search, signal)
    } catch (error) {
      failure = error
    }
    signal.throwIfAborted()
    if (failure instanceof Refused) throw failure
    if (performance.now() - began >= search.patience) {
      try {
        return await search.open()
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
        failure = error // somebody was quicker, or the last host has not gone yet
      }
    }
    if (performance.now() - began > GIVE_UP) throw failure
    await delay(RETRY, undefined, { signal })
  }
}

async function joinAny<T>(search: Search<T>, signal: AbortSignal): Promise<T> {
  const decided = new AbortController()
  const stop = (): void => decided.abort()
  signal.addEventListener('abort', stop)
  const attempts = search.addresses.map((address) => search.join(address, decided.signal))
  try {
    const winner = await Promise.any(attempts)
    for (const attempt of attempts) {
      attempt.then(
        (room) => room !== winner && search.discard(room),
        () => {},
      )
    }
    return winner
  } catch (error) {
    const { errors } = error as AggregateError
    throw errors.find((one) => one instanceof Refused) ?? errors[0]
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

import type { Socket } from 'node:net'
import { failure } from './failure.ts'

export interface SocketAttemptOptions {
  /** Socket that is destroyed where the attempt fails. */
  socket: Socket
  signal: AbortSignal
  timeoutMs: number
  /** Makes the error with which the attempt fails when its time is over. */
  timedOut: () => Error
}

/** Ends of an attempt; the first of them counts. */
export interface AttemptEnds {
  succeed: () => void
  /** Destroys the socket, also one that has succeeded before. */
  fail: (error: Error) => void
}

/**
 * Resolves once `begin` calls `succeed`. Rejects, and destroys the socket, where it calls `fail`, where the time is over, and,
 * with ECONNABORTED, once `signal` aborts.
 */
export const socketAttempt = (
  { socket, signal, timeoutMs, timedOut }: SocketAttemptOptions,
  begin: (ends: AttemptEnds) => void,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const settle = (done: () => void): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
      done()
    }
    const fail = (error: Error): void => {
      settle(() => reject(error))
      socket.destroy()
    }
    const giveUp = (): void => fail(failure('ECONNABORTED', 'the connection was given up'))
    const timer = setTimeout(() => fail(timedOut()), timeoutMs)
    signal.addEventListener('abort', giveUp, { once: true })
    begin({ succeed: () => settle(resolve), fail })
    if (signal.aborted) giveUp()
  })

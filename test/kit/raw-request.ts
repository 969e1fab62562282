import { connect, type Socket } from 'node:net'

export interface RawOptions {
  /** Action of the sender once all is sent: wait for an answer, close its half, or reset the connection. */
  ending?: 'wait' | 'end' | 'reset'
  /** Milliseconds to wait for the other side to close. */
  timeoutMs?: number
}

/**
 * Sends bytes to a server unchanged, part by part. Resolves with the received bytes (latin1) once the connection is
 * closed, or nothing more has come for `timeoutMs`.
 */
export const sendRaw = async (
  url: string,
  parts: readonly (string | Uint8Array)[],
  { ending = 'end', timeoutMs = 1_000 }: RawOptions = {},
): Promise<string> => {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    let received = ''
    const done = (): void => {
      socket.destroy()
      resolve(received)
    }
    socket.on('data', (chunk) => (received += chunk.toString('latin1')))
    socket.on('error', done)
    socket.on('close', done)
    socket.setTimeout(timeoutMs, done)
    socket.on('connect', () => {
      void sendAll(socket, parts).then(() => {
        if (ending === 'end') socket.end()
        if (ending === 'reset') socket.resetAndDestroy()
      })
    })
  })
}

const sendAll = async (socket: Socket, parts: readonly (string | Uint8Array)[]): Promise<void> => {
  for (const part of parts) await new Promise<void>((resolve) => socket.write(part, () => resolve()))
}

/** HTTP status of an answer to `sendRaw`; undefined without one. */
export const statusOf = (answer: string): number | undefined => {
  const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(answer) ?? []
  return status === undefined ? undefined : Number(status)
}

import { connect, type Socket } from 'node:net'

export interface RawOptions {
  /** What the sender does when all is sent: waits for an answer, ends its half, or breaks the connection off. */
  ending?: 'wait' | 'end' | 'reset'
  /** How long it waits for the other side to close. */
  timeoutMs?: number
}

/**
 * Sends bytes to a server as they are, part by part, and resolves with what came back (latin1) once the connection is closed, or
 * nothing more came for a while.
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

/** The status of an answer to `sendRaw`; undefined where there was none. */
export const statusOf = (answer: string): number | undefined => {
  const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(answer) ?? []
  return status === undefined ? undefined : Number(status)
}

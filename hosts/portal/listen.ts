import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { OperatorError } from '../../core/config/operator-error.ts'

export interface ListenOptions {
  host: string
  port: number
  /**
   * Called for errors after the start, such as a connection that could not be accepted for lack of file descriptors.
   */
  onError: (error: Error) => void
}

/** Starts listening and returns the URL. @throws OperatorError LISTEN_FAILED */
export const listen = async (server: Server, { host, port, onError }: ListenOptions): Promise<string> => {
  await new Promise<void>((resolve, reject) => {
    let isListening = false
    server.on('error', (error) => {
      if (isListening) return onError(error)
      reject(new OperatorError('LISTEN_FAILED', `Cannot listen on ${host}:${port}: ${error.message}.`))
    })
    server.listen(port, host, () => {
      isListening = true
      resolve()
    })
  })
  const address = server.address() as AddressInfo
  const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${shown}:${address.port}`
}

/** Stops listening and ends all connections. */
export const close = async (server: Server): Promise<void> => {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}

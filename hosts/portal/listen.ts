import { createServer as createHttpServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { OperatorError } from '../../core/config/operator-error.ts'
import { SECOND } from '../../core/runtime/time.ts'
import type { ServedCertificate } from '../runtime/served-certificate.ts'

/** Time for a browser or peer to finish a TLS handshake. */
const HANDSHAKE_MS = 10 * SECOND

/** Makes a server for HTTPS, whose certificate is renewed while it runs, or for HTTP without a certificate. */
export const createPortalServer = (options: ServerOptions, certificate: ServedCertificate | undefined): Server => {
  if (certificate === undefined) return createHttpServer(options)
  const server = createHttpsServer({ ...options, ...certificate.pair, handshakeTimeout: HANDSHAKE_MS })
  certificate.onRenewal((pair) => server.setSecureContext(pair))
  return server
}

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
  return `${server instanceof TlsServer ? 'https' : 'http'}://${shown}:${address.port}`
}

/** Stops listening and ends all connections. */
export const close = async (server: Server): Promise<void> => {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}

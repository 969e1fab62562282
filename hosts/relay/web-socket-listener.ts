import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { Startable } from '../../core/runtime/lifecycle.ts'
import {
  ServedCertificate,
  type CertificateFiles,
  type ServedCertificateOptions,
} from '../runtime/served-certificate.ts'
import type { RelayWebSockets } from './relay-web-sockets.ts'

export interface WebSocketListenerOptions {
  host: string
  port: number
  /** Certificate; without one it speaks plain HTTP, for a reverse proxy before it. */
  certificate: CertificateFiles | undefined
  webSockets: RelayWebSockets
  clock: ServedCertificateOptions['clock']
  logger: ServedCertificateOptions['logger']
}

/** Time for a client to send the headers of its request. */
const HEADERS_MS = 10_000

/** TCP listener of a relay, for WebSockets only. A renewed certificate is used without a restart. */
export class WebSocketListener implements Startable {
  readonly #options: WebSocketListenerOptions
  #server: Server | undefined
  #certificate: ServedCertificate | undefined

  constructor(options: WebSocketListenerOptions) {
    this.#options = options
  }

  /** TCP port; undefined before the start. */
  get port(): number | undefined {
    const address = this.#server?.address()
    return typeof address === 'object' && address !== null ? address.port : undefined
  }

  /** Binds the port. @throws OperatorError RELAY_CERTIFICATE, RELAY_LISTEN_FAILED */
  async start(): Promise<void> {
    const { host, port, webSockets } = this.#options
    const server = this.#open()
    server.headersTimeout = HEADERS_MS
    server.on('request', (_, response) => response.writeHead(426, { connection: 'close' }).end())
    webSockets.serve(server)
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.on('error', (error) => reject(cannotListen(host, port, error)))
      server.listen(port, host, resolve)
    })
  }

  async stop(): Promise<void> {
    this.#certificate?.stop()
    this.#options.webSockets.closeAll()
    const server = this.#server
    if (server === undefined) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  #open(): Server {
    const { certificate: files, clock, logger } = this.#options
    if (files === undefined) return createHttpServer()
    const certificate = new ServedCertificate({ files, role: 'relay', clock, logger })
    const server = createHttpsServer(certificate.pair)
    certificate.onRenewal((pair) => server.setSecureContext(pair))
    certificate.start()
    this.#certificate = certificate
    return server
  }
}

const cannotListen = (host: string, port: number, error: Error): OperatorError =>
  new OperatorError(
    'RELAY_LISTEN_FAILED',
    `the relay cannot listen on ${host}, TCP port ${port}: ${error.message}.`,
    'Set `websocket` of the relay to an address and a port that are free on this machine.',
  )

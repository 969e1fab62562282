import { readFileSync, statSync } from 'node:fs'
import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { Startable } from '../../core/runtime/lifecycle.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import type { RelayWebSockets } from './relay-web-sockets.ts'

/** Files in PEM: a certificate with its intermediate ones, and its key. */
export interface CertificateFiles {
  certificate_file: string
  key_file: string
}

export interface WebSocketListenerOptions {
  host: string
  port: number
  /** Certificate; without one it speaks plain HTTP, for a reverse proxy before it. */
  certificate: CertificateFiles | undefined
  webSockets: RelayWebSockets
  logger: Logger
}

/** Interval of looking whether the certificate was renewed. */
const LOOK_EVERY_MS = 60_000
/** Time for a client to send the headers of its request. */
const HEADERS_MS = 10_000

/** TCP listener of a relay, for WebSockets only. A renewed certificate is used without a restart. */
export class WebSocketListener implements Startable {
  readonly #options: WebSocketListenerOptions
  #server: Server | undefined
  #timer: NodeJS.Timeout | undefined

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
    clearInterval(this.#timer)
    this.#options.webSockets.closeAll()
    const server = this.#server
    if (server === undefined) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  #open(): Server {
    const { certificate, logger } = this.#options
    if (certificate === undefined) return createHttpServer()
    const server = secureServer(certificate)
    let known = stampOf(certificate)
    this.#timer = setInterval(() => {
      const stamp = stampOf(certificate)
      if (stamp === known) return
      known = stamp
      try {
        server.setSecureContext(readPem(certificate))
        logger.info({}, 'the relay uses its renewed certificate')
      } catch (error) {
        logger.warn({ error }, 'the relay’s renewed certificate cannot be used; it goes on with the one of before')
      }
    }, LOOK_EVERY_MS).unref()
    return server
  }
}

const secureServer = (files: CertificateFiles) => {
  try {
    return createHttpsServer(readPem(files))
  } catch (error) {
    throw new OperatorError(
      'RELAY_CERTIFICATE',
      `the relay’s certificate ${files.certificate_file} and key ${files.key_file} cannot be used: ${error instanceof Error ? error.message : String(error)}.`,
      'Name files in PEM that the relay may read, which belong together.',
    )
  }
}

const readPem = ({ certificate_file, key_file }: CertificateFiles): { cert: string; key: string } => ({
  cert: readFileSync(certificate_file, 'utf8'),
  key: readFileSync(key_file, 'utf8'),
})

/** Returns a text that changes with both files' times and sizes. */
const stampOf = ({ certificate_file, key_file }: CertificateFiles): string =>
  [certificate_file, key_file]
    .map((file) => {
      const found = statSync(file, { throwIfNoEntry: false })
      return found === undefined ? '' : `${found.mtimeMs} ${found.size}`
    })
    .join()

const cannotListen = (host: string, port: number, error: Error): OperatorError =>
  new OperatorError(
    'RELAY_LISTEN_FAILED',
    `the relay cannot listen on ${host}, TCP port ${port}: ${error.message}.`,
    'Set `websocket` of the relay to an address and a port that are free on this machine.',
  )

import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Server as TlsServer } from 'node:tls'
import type { Certificate } from './certificate.ts'
import type { DnsHandler } from './dns-server.ts'

/** The parts of a request that the server uses, the same in HTTP/1.1 and HTTP/2. */
type Request = Pick<IncomingMessage, 'method' | 'url' | 'httpVersion' | 'headers'> &
  AsyncIterable<Uint8Array> & { socket: { destroy: () => void } }
type Response = Pick<ServerResponse, 'on' | 'writeHead' | 'end'>

/** A name server over HTTPS on loopback, HTTP/2 or HTTP/1.1. */
export class HttpsDnsServer {
  readonly port: number
  /** All requests received, in order, with the version of HTTP. */
  readonly asked: { version: string; method: string; path: string; type: string | undefined }[] = []
  /** Number of connections made to the server. */
  connections = 0
  readonly #server: TlsServer
  readonly #sockets = new Set<Socket>()

  static async start(
    handler: DnsHandler,
    { key, cert, status = 200, http1 = false }: Certificate & { status?: number; http1?: boolean },
  ): Promise<HttpsDnsServer> {
    const server = http1 ? createServer({ key, cert }) : createSecureServer({ key, cert })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new HttpsDnsServer(server, handler, status)
  }

  private constructor(server: TlsServer, handler: DnsHandler, status: number) {
    this.#server = server
    const address = server.address()
    this.port = typeof address === 'object' && address !== null ? address.port : 0
    server.on('connection', (socket: Socket) => {
      this.connections++
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined)
    })
    server.on('sessionError', () => undefined)
    server.on('request', (request: Request, response: Response) => {
      this.#serve(request, response, { handler, status }).catch(() => request.socket.destroy())
    })
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #serve(
    request: Request,
    response: Response,
    { handler, status }: { handler: DnsHandler; status: number },
  ): Promise<void> {
    response.on('error', () => undefined)
    const { method = '', url: path = '', httpVersion: version } = request
    this.asked.push({ version, method, path, type: request.headers['content-type'] })
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk)
    const reply = await handler({ message: Buffer.concat(chunks), protocol: 'tcp' })
    if (reply === 'hangUp') {
      for (const socket of this.#sockets) socket.destroy()
      return
    }
    const [first] = reply
    if (first === undefined) return
    response.writeHead(status, { 'content-type': 'application/dns-message' })
    response.end(first)
  }
}

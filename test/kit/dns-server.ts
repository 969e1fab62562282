import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, Server as TlsServer } from 'node:tls'
import type { Certificate } from './certificate.ts'
import { once } from 'node:events'
import { endpoint, type Endpoint } from '../../core/runtime/endpoint.ts'

/**
 * A server's response to one query: the messages to send, in order; none to stay silent, `hangUp` to close the
 * connection. A promise delays the response.
 */
export type DnsHandler = (question: ServedQuery) => DnsReply | Promise<DnsReply>
export type DnsReply = Uint8Array[] | 'hangUp'

export interface ServedQuery {
  message: Uint8Array
  protocol: 'udp' | 'tcp'
}

/** A name server on loopback, over UDP and TCP (or TLS) on one port, that answers with whatever bytes a test wants. */
export class DnsServer {
  readonly endpoint: Endpoint
  /** Settings with which resolver-udp asks the server. */
  readonly settings: { address: string; port: number }
  /** All queries received, in order. */
  readonly asked: ServedQuery[] = []
  /** Number of connections made to the server. */
  connections = 0
  readonly #udp: UdpSocket
  readonly #tcp: Server
  readonly #sockets = new Set<Socket>()
  readonly #handler: DnsHandler

  static async start(handler: DnsHandler, tls?: Certificate): Promise<DnsServer> {
    for (;;) {
      const tcp = tls === undefined ? createServer() : createTlsServer(tls)
      tcp.listen(0, '127.0.0.1')
      await once(tcp, 'listening')
      const address = tcp.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      const udp = createSocket('udp4')
      try {
        udp.bind(port, '127.0.0.1')
        await once(udp, 'listening')
        return new DnsServer({ udp, tcp, port, handler })
      } catch (error) {
        // Another process has the UDP port of that number: try another one.
        udp.close()
        tcp.close()
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      }
    }
  }

  private constructor({ udp, tcp, port, handler }: { udp: UdpSocket; tcp: Server; port: number; handler: DnsHandler }) {
    this.endpoint = endpoint('127.0.0.1', port)
    this.settings = { address: '127.0.0.1', port }
    this.#udp = udp
    this.#tcp = tcp
    this.#handler = handler
    udp.on('message', (message, peer) => {
      void this.#answer({ message, protocol: 'udp' }).then((reply) => {
        if (reply === 'hangUp') return
        for (const bytes of reply) udp.send(bytes, peer.port, peer.address)
      })
    })
    tcp.on('connection', (socket: Socket) => {
      this.connections++
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined)
    })
    tcp.on(tcp instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => this.#onConnection(socket))
  }

  /** Closes every open connection, and goes on serving. */
  async hangUp(): Promise<void> {
    await Promise.all(
      [...this.#sockets].map(async (socket) => {
        const closed = once(socket, 'close')
        socket.destroy()
        await closed
      }),
    )
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#udp.close()
    this.#tcp.close()
    await once(this.#tcp, 'close')
  }

  #onConnection(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    let received = Buffer.alloc(0)
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes])
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0)
        const message = received.subarray(2, end)
        received = received.subarray(end)
        void this.#answer({ message, protocol: 'tcp' }).then((reply) => {
          if (reply === 'hangUp') socket.destroy()
          else
            for (const one of reply) socket.write(Buffer.concat([Buffer.of(one.length >>> 8, one.length & 0xff), one]))
        })
      }
    })
  }

  async #answer(question: ServedQuery): Promise<DnsReply> {
    this.asked.push(question)
    return this.#handler(question)
  }
}

import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { splitEndpoint, type Endpoint } from '../../core/runtime/endpoint.ts'
import type { OutgoingSocket, OutgoingSockets, SocketEvents, StreamTls } from '../../core/runtime/outgoing-sockets.ts'
import { failure } from './failure.ts'
import { openDatagram, openStream, type MarkFor } from './outgoing-socket.ts'
import { TrustedCertificates } from './trusted-certificates.ts'

export interface OutgoingSocketsOptions {
  /** Returns the SO_MARK of each socket; by default no socket is marked. */
  markFor?: MarkFor
  /** Certificates (PEM) to trust instead of those that the machine trusts. */
  ca?: string
}

/** Outgoing UDP and TCP sockets for plugins. An exception in a plugin's callback closes that socket only. */
export class NodeOutgoingSockets implements OutgoingSockets {
  readonly #markFor: MarkFor
  readonly #trusted: TrustedCertificates

  constructor({ markFor = () => undefined, ca }: OutgoingSocketsOptions = {}) {
    this.#markFor = markFor
    this.#trusted = new TrustedCertificates({ only: ca })
  }

  openDatagrams({ server, ...events }: { server: Endpoint } & SocketEvents): OutgoingSocket {
    const { address, port, mark } = this.#destination(server, 'udp')
    const socket = openDatagram({ address, mark })
    const life = new SocketLife(events, () => socket.close())
    const connected = new Promise<void>((resolve) => socket.connect(port, address, resolve))
    socket.on('error', (error) => life.end(error))
    socket.on('message', (bytes) => life.receive(bytes))
    return {
      send: async (bytes) => {
        await life.whileOpen(connected)
        return life.whileOpen(
          new Promise((resolve, reject) =>
            socket.send(bytes, (error) => {
              if (error === null) resolve()
              else reject(error)
            }),
          ),
        )
      },
      close: () => life.close(),
    }
  }

  openStream({ server, tls, ...events }: { server: Endpoint; tls?: StreamTls } & SocketEvents): OutgoingSocket {
    const plain = openStream(this.#destination(server, 'tcp'))
    const socket = tls === undefined ? plain : this.#secured(plain, tls)
    const life = new SocketLife(events, () => {
      socket.destroy()
      plain.destroy()
    })
    plain.on('error', (error) => life.end(error))
    socket.on('error', (error) => life.end(error))
    socket.on('data', (bytes: Buffer) => life.receive(bytes))
    socket.on('close', () => life.end(undefined))
    return {
      send: (bytes) =>
        life.whileOpen(
          new Promise((resolve, reject) => {
            socket.write(bytes, (error) => {
              if (error === null || error === undefined) resolve()
              else reject(error)
            })
          }),
        ),
      close: () => life.close(),
    }
  }

  #secured(socket: Socket, { serverName, alpn }: StreamTls): Socket {
    return connectTls({
      socket,
      host: serverName,
      servername: serverName,
      secureContext: this.#trusted.context(),
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
    })
  }

  #destination(server: Endpoint, protocol: 'udp' | 'tcp'): { address: string; port: number; mark: number | undefined } {
    const parts = splitEndpoint(server)
    if (parts === undefined) throw failure('EINVAL', 'not an address and a port')
    const { address, port } = parts
    return { address, port, mark: this.#markFor({ address, port, protocol }) }
  }
}

/** Tracks whether a socket is open: it is closed once, by the plugin or by an event. */
class SocketLife {
  readonly #events: SocketEvents
  readonly #destroy: () => void
  readonly #rejections = new Set<(error: Error) => void>()
  #isOver = false

  constructor(events: SocketEvents, destroy: () => void) {
    this.#events = events
    this.#destroy = destroy
  }

  receive(bytes: Buffer): void {
    if (this.#isOver) return
    try {
      this.#events.received(new Uint8Array(bytes))
    } catch (error) {
      this.end(error instanceof Error ? error : failure('EPLUGIN', String(error)))
    }
  }

  /** Closes the socket and calls the plugin's `closed` with the reason. */
  end(error: Error | undefined): void {
    if (this.#isOver) return
    this.close()
    try {
      this.#events.closed(error)
    } catch {
      // An exception in `closed` is ignored, as the socket is closed already.
    }
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#destroy()
    for (const reject of this.#rejections) reject(closed())
    this.#rejections.clear()
  }

  /** Settles as `work` does, or rejects if the socket is closed before. */
  whileOpen(work: Promise<void>): Promise<void> {
    if (this.#isOver) {
      work.catch(() => undefined)
      return Promise.reject(closed())
    }
    return new Promise((resolve, reject) => {
      this.#rejections.add(reject)
      work.then(resolve, reject).finally(() => this.#rejections.delete(reject))
    })
  }
}

const closed = (): Error => failure('ERR_SOCKET_CLOSED', 'the socket is closed')

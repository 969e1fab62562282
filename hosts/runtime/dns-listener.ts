import { canonicalAddress } from '../../core/net/ip-address.ts'
import { createServer, type Server, type Socket } from 'node:net'
import type { DnsListener, DnsListenerOptions, DnsListeners } from '../../core/runtime/dns-listener.ts'

/** protocol.md §6: 10 TCP connections per sentinel; all of them arrive here. */
const MAX_CONNECTIONS = 40
const IDLE_MS = 10_000
const MAX_WAITING = 32

export class TcpDnsListeners implements DnsListeners {
  async open(options: DnsListenerOptions): Promise<DnsListener> {
    const listener = new TcpDnsListener(options)
    await listener.listen()
    return listener
  }
}

class TcpDnsListener implements DnsListener {
  readonly #options: DnsListenerOptions
  readonly #server: Server
  readonly #connections = new Map<number, { socket: Socket; waiting: number }>()
  static #lastConnection = 0

  constructor(options: DnsListenerOptions) {
    this.#options = options
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket))
    this.#server.maxConnections = MAX_CONNECTIONS
  }

  async listen(): Promise<void> {
    const { address: host, port, onError } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen({ host, port }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    this.#server.on('error', onError)
  }

  answer(connection: number, message: Uint8Array): void {
    const open = this.#connections.get(connection)
    if (open === undefined || message.length > 0xffff) return
    open.waiting = Math.max(0, open.waiting - 1)
    // RFC 7766 §8: length and message in one segment.
    const framed = new Uint8Array(2 + message.length)
    new DataView(framed.buffer).setUint16(0, message.length)
    framed.set(message, 2)
    open.socket.write(framed)
  }

  async close(): Promise<void> {
    for (const { socket } of this.#connections.values()) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: Socket): void {
    const connection = ++TcpDnsListener.#lastConnection
    const open = { socket, waiting: 0 }
    this.#connections.set(connection, open)
    socket.setTimeout(IDLE_MS, () => socket.destroy())
    socket.on('error', () => socket.destroy()).on('close', () => this.#connections.delete(connection))
    const peer = canonicalAddress(socket.remoteAddress ?? '') ?? ''
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0)
        if (++open.waiting > MAX_WAITING) return void socket.destroy()
        this.#options.onQuery(connection, new Uint8Array(rest.subarray(2, end)), peer)
        rest = rest.subarray(end)
      }
    })
  }
}

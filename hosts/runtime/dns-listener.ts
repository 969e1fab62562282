import { createServer, type Server, type Socket } from 'node:net'
import { canonicalAddress } from '../../core/net/ip-address.ts'
import type { DnsListener, DnsListenerOptions, DnsListeners } from '../../core/runtime/dns-listener.ts'
import { DnsConnection } from './dns-connection.ts'
import { loadAddon, UDP_ROW } from './native/addon.ts'
import { encodeAddress, SOCKET_ADDRESS_WORDS } from './socket-address.ts'

/**
 * Maximum of TCP connections from one address. Wire §6: 10 per sentinel, where each sentinel has an address of its own
 * (core/flow/client/tcp-hairpin.ts), as has each client of a gateway.
 */
const MAX_CONNECTIONS_OF_PEER = 10
/** Maximum of TCP connections of one listener. */
const MAX_CONNECTIONS = 128
/** Idle timeout of a connection, longer than the 5 s that an answer may take. */
const IDLE_MS = 10_000

/** DNS over TCP, server side: opens listeners that accept connections within limits. */
export class TcpDnsListeners implements DnsListeners {
  readonly #idleMs: number

  /** `idleMs`: time after which an unused connection is closed. */
  constructor({ idleMs = IDLE_MS }: { idleMs?: number } = {}) {
    this.#idleMs = idleMs
  }

  async open(options: DnsListenerOptions): Promise<DnsListener> {
    const listener = new TcpDnsListener(options, this.#idleMs)
    await listener.listen()
    return listener
  }
}

class TcpDnsListener implements DnsListener {
  readonly #options: DnsListenerOptions
  readonly #server: Server
  readonly #connections = new Map<number, DnsConnection>()
  readonly #idleMs: number
  static #lastConnection = 0

  constructor(options: DnsListenerOptions, idleMs: number) {
    this.#options = options
    this.#idleMs = idleMs
    // Half open: a client may close its sending side after its last query and still gets the answers.
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#serve(socket))
  }

  get port(): number {
    const bound = this.#server.address()
    return typeof bound === 'object' && bound !== null ? bound.port : this.#options.port
  }

  async listen(): Promise<void> {
    const { address: host, port, device, onError } = this.#options
    const place = device === undefined ? { host, port } : { fd: boundTo(device, { address: host, port }) }
    await new Promise<void>((resolve, reject) => {
      let isListening = false
      this.#server.on('error', (error) => (isListening ? onError(error) : reject(error)))
      this.#server.listen(place, () => {
        isListening = true
        resolve()
      })
    })
  }

  answer(connection: number, message: Uint8Array): void {
    this.#connections.get(connection)?.answer(message)
  }

  async close(): Promise<void> {
    for (const connection of this.#connections.values()) connection.close()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: Socket): void {
    const peer = canonicalAddress(socket.remoteAddress ?? '') ?? ''
    socket.on('error', () => socket.destroy())
    if (this.#options.accepts?.(peer) === false || !this.#hasRoomFor(peer)) {
      socket.destroy()
      return
    }
    const id = ++TcpDnsListener.#lastConnection
    const connection = new DnsConnection(socket, {
      peer,
      idleMs: this.#idleMs,
      onQuery: (message) => this.#options.onQuery(id, message, peer),
      onClose: () => this.#connections.delete(id),
    })
    this.#connections.set(id, connection)
  }

  /**
   * Whether another connection may be accepted; if the limit is reached, closes the one idle for the longest. RFC 7766
   * §6.2.3
   */
  #hasRoomFor(peer: string): boolean {
    const all = [...this.#connections.values()]
    const ofPeer = all.filter((connection) => connection.peer === peer)
    if (ofPeer.length >= MAX_CONNECTIONS_OF_PEER) return giveWay(ofPeer)
    return all.length < MAX_CONNECTIONS || giveWay(all)
  }
}

/** Returns the file descriptor of a TCP socket bound to one network device (SO_BINDTODEVICE). @throws a system error */
const boundTo = (device: string, { address, port }: { address: string; port: number }): number => {
  const words = encodeAddress(address, port)
  if (words === undefined) throw new TypeError(`not an address: ${address}`)
  const row = new Uint32Array(UDP_ROW)
  row.set(words, UDP_ROW - SOCKET_ADDRESS_WORDS)
  return loadAddon().bindTcp(address.includes(':') ? 6 : 4, row, device)
}

/** Closes the connection that was idle for the longest; false if every one has a query in flight. */
const giveWay = (connections: readonly DnsConnection[]): boolean => {
  const [longest] = connections.filter(({ isIdle }) => isIdle).sort((a, b) => a.usedAt - b.usedAt)
  longest?.close()
  return longest !== undefined
}

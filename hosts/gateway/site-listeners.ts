import { parseAddress } from '../../core/net/ip-address.ts'
import { isInRange, TUNNEL_ADDRESSES } from '../../core/net/reserved-range.ts'
import type { DatagramSocket, DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import type { DnsListener, DnsListeners } from '../../core/runtime/dns-listener.ts'
import { splitEndpoint, type Endpoint } from '../../core/runtime/endpoint.ts'
import { lacksFamily } from '../runtime/per-family.ts'

/** Whom an answer goes to. */
export type SiteQuery =
  | { via: 'udp'; address: string; peer: Endpoint }
  /** A connection at one of the listeners, which count on their own. */
  | { via: 'tcp'; address: string; connection: number }

export interface SiteListenersOptions {
  sockets: DatagramSockets
  listeners: DnsListeners
  port: number
  /** The tunnel device, by name: connections from others are not taken. */
  device: string
  /** `client` is the address that the message came from. */
  onQuery: (query: SiteQuery, client: string, message: Uint8Array) => void
  onError: (error: Error) => void
}

/** The gateway's own name service: ordinary sockets on its tunnel addresses, which only its clients reach. */
export class SiteListeners {
  readonly #options: SiteListenersOptions
  readonly #udp = new Map<string, DatagramSocket>()
  readonly #tcp = new Map<string, DnsListener>()

  constructor(options: SiteListenersOptions) {
    this.#options = options
  }

  /** Listens on exactly these. An address of a family that this machine lacks is left out. */
  async listenOn(addresses: readonly string[]): Promise<void> {
    await this.close()
    const { sockets, listeners, port, device, onQuery, onError } = this.#options
    for (const address of addresses) {
      const family = address.includes(':') ? 'ipv6' : 'ipv4'
      try {
        const udp = await sockets.open({
          family,
          address,
          port,
          onBatch: (datagrams) => {
            for (const { peer, bytes } of datagrams) {
              const client = splitEndpoint(peer)?.address ?? ''
              if (isClient(client)) onQuery({ via: 'udp', address, peer }, client, bytes)
            }
          },
          onError,
        })
        this.#udp.set(address, udp)
        const tcp = await listeners.open({
          address,
          port,
          device,
          accepts: isClient,
          onQuery: (connection, message, client) => onQuery({ via: 'tcp', address, connection }, client, message),
          onError,
        })
        this.#tcp.set(address, tcp)
      } catch (error) {
        if (!lacksFamily(error)) throw error
      }
    }
  }

  answer(query: SiteQuery, message: Uint8Array): void {
    if (query.via === 'tcp') this.#tcp.get(query.address)?.answer(query.connection, message)
    else this.#udp.get(query.address)?.send([{ peer: query.peer, bytes: message }])
  }

  async close(): Promise<void> {
    const open = [...this.#udp.values(), ...this.#tcp.values()]
    this.#udp.clear()
    this.#tcp.clear()
    await Promise.all(open.map((one) => one.close()))
  }
}

/** Whether an address is one that clients have: nobody else is answered, wherever a message came from. */
const isClient = (address: string): boolean => {
  const bytes = parseAddress(address)
  return bytes !== undefined && isInRange(TUNNEL_ADDRESSES, bytes)
}

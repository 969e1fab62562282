import type { DatagramSocket, DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import type { DnsListener, DnsListeners } from '../../core/runtime/dns-listener.ts'
import { splitEndpoint, type Endpoint } from '../../core/runtime/endpoint.ts'
import { lacksFamily } from '../runtime/per-family.ts'

/** Destination of the answer to a DNS query: an endpoint, with the local address to send from, or a TCP connection. */
export type NameQuery = { via: 'udp'; address: string; source: Endpoint } | { via: 'tcp'; connection: number }

/** TCP ports on which DNS is served, by address family; absent if there is no listener. */
export interface NamePorts {
  ipv4?: number
  ipv6?: number
}

export interface NameSocketsOptions {
  listeners: DnsListeners
  /** Sockets for DNS over UDP; if absent, only TCP is served. */
  sockets?: DatagramSockets
  /** Port to listen on; 0 for any free one. */
  port: number
  /** Name of the tunnel device, to which TCP listeners are bound. */
  device: string
  /** Whether messages from an address are accepted. */
  accepts: (source: string) => boolean
  /** Called with each query and its source address. */
  onQuery: (query: NameQuery, message: Uint8Array, source: string) => void
  onError: (error: Error) => void
}

/**
 * Serves DNS on the tunnel addresses, over TCP and, if `sockets` is given, over UDP. Use port 0, if possible: another
 * user of the machine could listen on a fixed port first.
 */
export class NameSockets {
  readonly #options: NameSocketsOptions
  readonly #udp = new Map<string, DatagramSocket>()
  readonly #tcp = new Map<string, DnsListener>()

  constructor(options: NameSocketsOptions) {
    this.#options = options
  }

  /**
   * Listens on exactly these addresses, except those of a family that this machine lacks. Rejects if a port is taken;
   * sockets opened before stay open until `close`.
   */
  async listenOn(addresses: readonly string[]): Promise<NamePorts> {
    await this.close()
    const ports: NamePorts = {}
    for (const address of addresses) {
      try {
        ports[familyOf(address)] = await this.#open(address)
      } catch (error) {
        if (!lacksFamily(error)) throw error
      }
    }
    return ports
  }

  answer(query: NameQuery, message: Uint8Array): void {
    if (query.via === 'udp') this.#udp.get(query.address)?.send([{ to: query.source, bytes: message }])
    else for (const listener of this.#tcp.values()) listener.answer(query.connection, message)
  }

  async close(): Promise<void> {
    const open = [...this.#udp.values(), ...this.#tcp.values()]
    this.#udp.clear()
    this.#tcp.clear()
    await Promise.all(open.map((one) => one.close()))
  }

  /** Opens the sockets of one address. Returns the TCP port. */
  async #open(address: string): Promise<number> {
    const { sockets, listeners, port, device, accepts, onQuery, onError } = this.#options
    if (sockets !== undefined) {
      const udp = await sockets.open({
        family: familyOf(address),
        address,
        port,
        onBatch: (datagrams) => {
          for (const { from: source, bytes } of datagrams) {
            const sourceAddress = splitEndpoint(source)?.address ?? ''
            if (accepts(sourceAddress)) onQuery({ via: 'udp', address, source }, bytes, sourceAddress)
          }
        },
        onError,
      })
      this.#udp.set(address, udp)
    }
    const tcp = await listeners.open({
      address,
      port,
      device,
      accepts,
      onQuery: (connection, message, source) => onQuery({ via: 'tcp', connection }, message, source),
      onError,
    })
    this.#tcp.set(address, tcp)
    return tcp.port
  }
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (address.includes(':') ? 'ipv6' : 'ipv4')

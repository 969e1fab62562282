import { canonicalAddress, parseAddress } from '../../net/ip-address.ts'
import type { PacketView } from '../../net/packet-view.ts'
import { buildUdp } from '../../net/udp-packet.ts'
import { DNS_PORT } from '../../net/well-known-port.ts'
import { splitEndpoint, type Endpoint } from '../../runtime/endpoint.ts'
import { hairpinAddress } from './tcp-hairpin.ts'

/** What a packet to the sentinels' range is: a query over UDP, one of the two ways of a TCP hairpin, or nobody's, and why. */
export type SentinelVerdict = 'query' | 'to-listener' | 'to-application' | 'unknown-destination' | 'sentinel-port'

/** The answer to a query over UDP, named by the query's two ends. */
export interface ResolverAnswer {
  /** The application. */
  source: Endpoint
  /** The sentinel. */
  destination: Endpoint
  message: Uint8Array
}

/** Ports of the client's listeners for DNS over TCP, on its own tunnel addresses; where one is missing, TCP is refused. */
export interface ListenerPorts {
  ipv4?: number
  ipv6?: number
}

/** The addresses at which this machine's applications reach the client's resolver, as packets see them. */
export class SentinelTraffic {
  /** Canonical. */
  #sentinels: ReadonlySet<string> = new Set()
  #current: readonly string[] = []
  #hairpins: ReadonlySet<string> = new Set()
  #ports: ListenerPorts = {}

  replace(addresses: readonly string[]): void {
    const current = addresses.map(canonicalAddress).filter((address) => address !== undefined)
    // Until the system has heard of the new ones, applications ask the ones before.
    this.#sentinels = new Set([...current, ...this.#current])
    this.#current = current
    const hairpins = [...this.#sentinels].map(hairpinAddress).filter((address) => address !== undefined)
    // Where a sentinel's mirror is a sentinel itself, TCP could not tell them apart.
    this.#hairpins = new Set(hairpins.filter((address) => !this.#sentinels.has(address)))
  }

  listenAt(ports: ListenerPorts): void {
    this.#ports = ports
  }

  /** The listener's port in a packet's family. */
  portFor({ addressLength }: PacketView): number | undefined {
    return addressLength === 4 ? this.#ports.ipv4 : this.#ports.ipv6
  }

  judge(packet: PacketView): SentinelVerdict {
    const { kind, sourcePort, destinationPort } = packet
    const destination = packet.destinationText()
    const listener = kind === 'tcp' ? this.portFor(packet) : undefined
    if (listener !== undefined && sourcePort === listener && this.#hairpins.has(destination)) return 'to-application'
    if (!this.#sentinels.has(destination)) return 'unknown-destination'
    if (destinationPort !== DNS_PORT) return 'sentinel-port'
    if (kind === 'udp') return 'query'
    return listener !== undefined && this.#hairpins.has(hairpinAddress(destination) ?? '')
      ? 'to-listener'
      : 'sentinel-port'
  }
}

/** The packet that carries the resolver's answer to the application; undefined where the two cannot speak to one another. */
export const answerPacket = ({ source, destination, message }: ResolverAnswer): Uint8Array | undefined => {
  const application = splitEndpoint(source)
  const sentinel = splitEndpoint(destination)
  const from = parseAddress(sentinel?.address ?? '')
  const to = parseAddress(application?.address ?? '')
  if (!application || !sentinel || from === undefined || from.length !== to?.length) return undefined
  return buildUdp({
    source: from,
    destination: to,
    sourcePort: sentinel.port,
    destinationPort: application.port,
    payload: message,
  })
}

import { DEFAULT_RANGES, type AddressRanges } from '../../net/address-ranges.ts'
import { canonicalAddress, parseAddress } from '../../net/ip-address.ts'
import type { PacketView } from '../../net/packet-view.ts'
import { buildUdp } from '../../net/udp-packet.ts'
import { DNS_PORT } from '../../net/well-known-port.ts'
import { splitEndpoint, type Endpoint } from '../../runtime/endpoint.ts'
import { hairpinAddress } from './tcp-hairpin.ts'

/**
 * Kind of a packet to the range of sentinels: DNS query over UDP, one direction of DNS over TCP (see `tcp-hairpin.ts`),
 * or the reason to drop it.
 */
export type SentinelVerdict = 'query' | 'to-listener' | 'to-application' | 'unknown-destination' | 'sentinel-port'

/** Answer to a DNS query over UDP; `source` and `destination` are those of the query. */
export interface ResolverAnswer {
  /** Endpoint of the application. */
  source: Endpoint
  /** Endpoint of the sentinel. */
  destination: Endpoint
  message: Uint8Array
}

/**
 * Ports of the client's listeners for DNS over TCP, at its own tunnel addresses. In a family without a port, TCP is
 * refused.
 */
export interface ListenerPorts {
  ipv4?: number
  ipv6?: number
}

/** Classifies packets of applications to the client's resolver by its addresses, the sentinels. */
export class SentinelTraffic {
  /** Current and previous sentinels, canonical. */
  #sentinels: ReadonlySet<string> = new Set()
  #current: readonly string[] = []
  #hairpins: ReadonlySet<string> = new Set()
  #ports: ListenerPorts = {}
  #ranges: AddressRanges = DEFAULT_RANGES

  replace(addresses: readonly string[], ranges: AddressRanges): void {
    this.#ranges = ranges
    const current = addresses.map(canonicalAddress).filter((address) => address !== undefined)
    // Applications use the previous sentinels until the system's configuration has changed.
    this.#sentinels = new Set([...current, ...this.#current])
    this.#current = current
    const hairpins = [...this.#sentinels]
      .map((each) => hairpinAddress(each, ranges))
      .filter((address) => address !== undefined)
    // If the mirrored address of a sentinel is a sentinel too, the two could not be told apart, so neither serves TCP.
    this.#hairpins = new Set(hairpins.filter((address) => !this.#sentinels.has(address)))
  }

  listenAt(ports: ListenerPorts): void {
    this.#ports = ports
  }

  /** Returns the listener's port for a packet's family. */
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
    return listener !== undefined && this.#hairpins.has(hairpinAddress(destination, this.#ranges) ?? '')
      ? 'to-listener'
      : 'sentinel-port'
  }
}

/**
 * Builds the packet with the resolver's answer to an application; undefined if the endpoints are malformed or of two
 * families.
 */
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

import { canonicalAddress, parseAddress } from '../net/ip-address.ts'
import type { PacketView } from '../net/packet-view.ts'
import { buildUdp } from '../net/udp-packet.ts'
import { splitEndpoint, type Endpoint } from '../runtime/endpoint.ts'
import { DNS_PORT, hairpinAddress, HAIRPIN_PORT } from './tcp-hairpin.ts'

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

/** The addresses at which this machine's applications reach the client's resolver, as packets see them. */
export class SentinelTraffic {
  /** Canonical. */
  #sentinels: ReadonlySet<string> = new Set()
  #current: readonly string[] = []
  #hairpins: ReadonlySet<string> = new Set()

  replace(addresses: readonly string[]): void {
    const current = addresses.map(canonicalAddress).filter((address) => address !== undefined)
    // Until the system has heard of the new ones, applications ask the ones before.
    this.#sentinels = new Set([...current, ...this.#current])
    this.#current = current
    const hairpins = [...this.#sentinels].map(hairpinAddress).filter((address) => address !== undefined)
    // Where a sentinel's mirror is a sentinel itself, TCP could not tell them apart.
    this.#hairpins = new Set(hairpins.filter((address) => !this.#sentinels.has(address)))
  }

  judge(packet: PacketView): SentinelVerdict {
    const { kind, sourcePort, destinationPort } = packet
    const destination = packet.destinationText()
    if (kind === 'tcp' && sourcePort === HAIRPIN_PORT && this.#hairpins.has(destination)) return 'to-application'
    if (!this.#sentinels.has(destination)) return 'unknown-destination'
    if (destinationPort !== DNS_PORT) return 'sentinel-port'
    if (kind === 'udp') return 'query'
    return kind === 'tcp' && this.#hairpins.has(hairpinAddress(destination) ?? '') ? 'to-listener' : 'sentinel-port'
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

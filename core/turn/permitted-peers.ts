// Addresses that a relay sends to and takes data from (behaviour H10): the Internet, and what the operator adds.
import { embeddedIpv4 } from '../net/embedded-ipv4.ts'
import { formatAddress, parseAddress, type AddressBytes } from '../net/ip-address.ts'
import { whyNeverAServer, whyNoServers } from '../net/never-a-server.ts'
import { prefixContains, type Prefix } from '../net/prefix.ts'
import { isOfInternet } from '../net/reserved-range.ts'
import { splitEndpoint, type Endpoint } from '../runtime/endpoint.ts'

/** Reason why a relay has nothing to do with an endpoint as a peer. */
export type PeerRefusal =
  | 'no-address'
  /** Port 0, to which nothing can be sent. */
  | 'no-port'
  /** Port of another relay's or STUN server's door: a relay behind a relay could be made to send in circles. */
  | 'relay-port'
  /** IPv4 address in IPv6 spelling, for which a kernel sends IPv4 packets. */
  | 'ipv4-in-ipv6'
  | 'multicast'
  /** Address of the relay's own machine, where services may trust what comes from it. */
  | 'own-address'
  /** Loopback, link-local, metadata, private, shared or reserved address that the configuration does not permit. */
  | 'not-internet'

/** UDP ports on which relays and STUN servers listen. */
const RELAY_PORTS: ReadonlySet<number> = new Set([3478, 3479, 5349, 5350])

/** Table of the endpoints that a relay permits as peers. */
export class PermittedPeers {
  readonly #extra: readonly Prefix[]
  #own: ReadonlySet<string> = new Set()

  /**
   * @param extra prefixes permitted besides the Internet, own addresses of the machine among them. Loopback, link-local,
   * metadata and tunnel addresses are permitted only by a prefix that has no other addresses
   */
  constructor(extra: readonly Prefix[]) {
    this.#extra = extra
  }

  /** Addresses of the relay's own machine, in canonical text. */
  set ownAddresses(addresses: ReadonlySet<string>) {
    this.#own = addresses
  }

  /** Returns why an endpoint is no peer; undefined if it is permitted. */
  whyRefused(peer: Endpoint): PeerRefusal | undefined {
    const parts = splitEndpoint(peer)
    if (parts === undefined) return 'no-address'
    if (parts.port === 0) return 'no-port'
    if (RELAY_PORTS.has(parts.port)) return 'relay-port'
    return this.whyAddressRefused(parts.address)
  }

  /** Returns why an address, in canonical text, is no peer's; undefined if it is permitted. */
  whyAddressRefused(address: string): PeerRefusal | undefined {
    const bytes = parseAddress(address)
    if (bytes === undefined) return 'no-address'
    const never = whyNeverAServer(bytes)
    // These two are never permitted: a prefix of the configuration means addresses as they are written.
    if (never === 'ipv4-in-ipv6') return never
    if (never === 'multicast' || never === 'broadcast') return 'multicast'
    // A wide prefix, such as fd00::/8, is not meant to give away the metadata services within.
    const means = (prefix: Prefix): boolean => never === undefined || whyNoServers(prefix) !== undefined
    if (this.#extra.some((prefix) => prefixContains(prefix, bytes) && means(prefix))) return undefined
    if (this.#isOwn(bytes)) return 'own-address'
    return isOfInternet(bytes) ? undefined : 'not-internet'
  }

  /** Whether an address is the machine's own, or embeds one to which a translator or a tunnel would lead back. */
  #isOwn(bytes: AddressBytes): boolean {
    return [bytes, ...embeddedIpv4(bytes)].some((each) => this.#own.has(formatAddress(each)))
  }
}

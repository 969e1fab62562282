import { formatAddress, parseAddress } from '../../core/net/ip-address.ts'
import { hostPrefix, parsePrefix, prefixContains, type Prefix } from '../../core/net/prefix.ts'
import { isOfInternet } from '../../core/net/reserved-range.ts'

/** Whether a connection to an address (text, as the system gives it) is permitted. */
export type PermitsAddress = (address: string) => boolean

/** The range that an operator wrote: an address, or a prefix. Undefined where it is neither. */
export const parseNetwork = (text: string): Prefix | undefined => {
  const address = parseAddress(text)
  return address === undefined ? parsePrefix(text) : hostPrefix(address)
}

/**
 * Permits addresses of the Internet, and those of the operator's own networks. Private, loopback, link-local and metadata addresses are none of the
 * Internet's, in whatever IPv6 address they are wrapped.
 */
export const permitInternetAnd =
  (networks: readonly string[]): PermitsAddress =>
  (text) => {
    const address = parseAddress(text)
    if (address === undefined) return false
    const ranges = networks.flatMap((network) => parseNetwork(network) ?? [])
    // IPv4 as a socket of both families shows it is the IPv4 address.
    const [, mapped] = /^::ffff:([\d.]+)$/.exec(formatAddress(address)) ?? []
    const plain = (mapped === undefined ? undefined : parseAddress(mapped)) ?? address
    return ranges.some((range) => prefixContains(range, plain)) || isOfInternet(plain)
  }

import { formatAddress, parseAddress } from '../../core/net/ip-address.ts'
import { hostPrefix, parsePrefix, prefixContains, type Prefix } from '../../core/net/prefix.ts'
import { isOfInternet } from '../../core/net/reserved-range.ts'

/** Whether a connection to an address, as the system writes it, is permitted. */
export type PermitsAddress = (address: string) => boolean

/** Parses an address or a prefix; an address becomes the prefix of that host. Undefined if the text is neither. */
export const parseNetwork = (text: string): Prefix | undefined => {
  const address = parseAddress(text)
  return address === undefined ? parsePrefix(text) : hostPrefix(address)
}

/**
 * Permits addresses of the Internet and of the operator's `networks`. Private, loopback, link-local and cloud metadata
 * addresses are not of the Internet, even embedded in an IPv6 address.
 */
export const permitInternetAnd =
  (networks: readonly string[]): PermitsAddress =>
  (text) => {
    const address = parseAddress(text)
    if (address === undefined) return false
    const ranges = networks.flatMap((network) => parseNetwork(network) ?? [])
    // A dual-stack socket shows an IPv4 address as IPv4-mapped IPv6.
    const [, mapped] = /^::ffff:([\d.]+)$/.exec(formatAddress(address)) ?? []
    const plain = (mapped === undefined ? undefined : parseAddress(mapped)) ?? address
    return ranges.some((range) => prefixContains(range, plain)) || isOfInternet(plain)
  }

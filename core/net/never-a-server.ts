// The one table of addresses that are nobody's server: no DNS record, network or upstream resolver may lead there, however the address is written.
import { embeddedIpv4 } from './embedded-ipv4.ts'
import type { AddressBytes } from './ip-address.ts'
import { parsePrefix, prefixContains, type Prefix } from './prefix.ts'

/** The kind of an address that must not be taken for a server. */
export type NeverAServer =
  /** The tunnels' own: clients, gateways, mapped addresses, resolvers. Alibaba's metadata service is among them. */
  | 'tunnel'
  | 'loopback'
  /** Means something on one link only. Nearly every cloud has its metadata service there. */
  | 'link-local'
  /** A service that a cloud offers to the machine that asks: credentials, configuration. */
  | 'metadata'
  | 'multicast'
  | 'broadcast'
  /** Zero, or of a range that has no machines. */
  | 'unspecified'
  /** An IPv4 address that a kernel takes out of an IPv6 one: it is written as IPv4 or not at all. */
  | 'ipv4-in-ipv6'

/** Why an address is nobody's server, by what it means: IPv4 addresses that an IPv6 address stands for count, too. Undefined where it may be one. */
export const whyNeverAServer = (address: AddressBytes): NeverAServer | undefined => {
  const meanings = meaningsOf(address)
  return RANGES.find(({ prefix }) => meanings.some((one) => prefixContains(prefix, one)))?.reason
}

/** Why no address of a prefix is a server, where the whole prefix lies in one range of the table; undefined where one of them may be. */
export const whyNoServers = ({ address, length }: Prefix): NeverAServer | undefined => {
  const last = address.map((byte, at) => byte | (0xff >> Math.max(0, Math.min(8, length - at * 8))))
  const [first, end] = [meaningsOf(address), meaningsOf(last)]
  return RANGES.find(({ prefix }) =>
    [first, end].every((meanings) => meanings.some((one) => prefixContains(prefix, one))),
  )?.reason
}

/**
 * Whether a network that was granted takes in an address: a wide one does not mean what is nobody's server. Only a metadata service that is not
 * link-local can be meant, by a network of that one address: Azure's is also its name server.
 */
export const isMeantBy = (granted: Prefix, address: AddressBytes): boolean => {
  const reason = whyNeverAServer(address)
  return reason === undefined || (reason === 'metadata' && granted.length === address.length * 8)
}

const meaningsOf = (address: AddressBytes): AddressBytes[] => [address, ...embeddedIpv4(address)]

const range = (reason: NeverAServer, text: string): { reason: NeverAServer; prefix: Prefix } => {
  const prefix = parsePrefix(text)
  if (prefix === undefined) throw new TypeError(`not a prefix: ${text}`)
  return { reason, prefix }
}

/** The first that has one of an address's meanings counts. */
const RANGES = [
  // wire §4
  range('tunnel', '100.64.0.0/10'),
  range('tunnel', 'fd00:2021:1111::/48'),
  range('loopback', '127.0.0.0/8'),
  range('loopback', '::1/128'),
  range('link-local', '169.254.0.0/16'),
  range('link-local', 'fe80::/10'),
  // Azure, Oracle's classic one, all local services of Amazon, Google, Linode, Oracle, Scaleway.
  range('metadata', '168.63.129.16/32'),
  range('metadata', '192.0.0.192/32'),
  range('metadata', 'fd00:ec2::/32'),
  range('metadata', 'fd20:ce::254/128'),
  range('metadata', 'fd00:a9fe:a9fe::/64'),
  range('metadata', 'fd00:c1::a9fe:a9fe/128'),
  range('metadata', 'fd00:42::42/128'),
  range('multicast', '224.0.0.0/4'),
  range('multicast', 'ff00::/8'),
  range('broadcast', '255.255.255.255/32'),
  range('unspecified', '0.0.0.0/8'),
  // RFC 6890: ends of translators and tunnels, and what is nearest to whoever asks.
  range('unspecified', '192.0.0.0/24'),
  range('unspecified', '::/128'),
  range('ipv4-in-ipv6', '::/96'),
  range('ipv4-in-ipv6', '::ffff:0.0.0.0/96'),
]

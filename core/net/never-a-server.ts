// Table of addresses that never belong to a server. No DNS record, network resource or upstream resolver may lead to
// one, in whatever form it is written.
import { embeddedIpv4 } from './embedded-ipv4.ts'
import type { AddressBytes } from './ip-address.ts'
import { parsePrefix, prefixContains, type Prefix } from './prefix.ts'

/** Reason why an address cannot be a server's. */
export type NeverAServer =
  /** Reserved for tunnels: clients, gateways, mapped addresses, sentinels. Includes Alibaba's metadata service. */
  | 'tunnel'
  | 'loopback'
  /** Valid on one link only. Nearly every cloud has its metadata service there. */
  | 'link-local'
  /** Metadata service of a cloud, which gives credentials and configuration to the machine that asks. */
  | 'metadata'
  | 'multicast'
  | 'broadcast'
  /** Zero, or in a range without machines. */
  | 'unspecified'
  /** IPv4-compatible or IPv4-mapped, for which a kernel sends IPv4 packets: has to be written as IPv4. */
  | 'ipv4-in-ipv6'

/** Returns why an address, or an IPv4 address embedded in it, cannot be a server's; undefined if it can. */
export const whyNeverAServer = (address: AddressBytes): NeverAServer | undefined => {
  const meanings = meaningsOf(address)
  return RANGES.find(({ prefix }) => meanings.some((one) => prefixContains(prefix, one)))?.reason
}

/**
 * Returns why no address of a prefix can be a server's: the whole prefix lies in one range of the table. Undefined if
 * some address can.
 */
export const whyNoServers = ({ address, length }: Prefix): NeverAServer | undefined => {
  const last = address.map((byte, at) => byte | (0xff >> Math.max(0, Math.min(8, length - at * 8))))
  const [first, end] = [meaningsOf(address), meaningsOf(last)]
  return RANGES.find(({ prefix }) =>
    [first, end].every((meanings) => meanings.some((one) => prefixContains(prefix, one))),
  )?.reason
}

/**
 * Whether a granted prefix that contains an address gives access to it. It does not if the address cannot be a
 * server's, except that a prefix of just one address may grant a metadata service that is not link-local: Azure's is
 * also its name server.
 */
export const isGrantedBy = (granted: Prefix, address: AddressBytes): boolean => {
  const reason = whyNeverAServer(address)
  return reason === undefined || (reason === 'metadata' && granted.length === address.length * 8)
}

const meaningsOf = (address: AddressBytes): AddressBytes[] => [address, ...embeddedIpv4(address)]

const range = (reason: NeverAServer, text: string): { reason: NeverAServer; prefix: Prefix } => {
  const prefix = parsePrefix(text)
  if (prefix === undefined) throw new TypeError(`not a prefix: ${text}`)
  return { reason, prefix }
}

/** Ranges by reason. The first that contains the address, or an embedded one, decides. */
const RANGES = [
  // Tunnel addresses of wire §4.
  range('tunnel', '100.64.0.0/10'),
  range('tunnel', 'fd00:2021:1111::/48'),
  range('loopback', '127.0.0.0/8'),
  range('loopback', '::1/128'),
  range('link-local', '169.254.0.0/16'),
  range('link-local', 'fe80::/10'),
  // Metadata services of Azure and Oracle Classic, all local services of Amazon, then Google, Linode, Oracle and
  // Scaleway.
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
  // RFC 6890: ends of translators and tunnels, and anycast addresses of the nearest one.
  range('unspecified', '192.0.0.0/24'),
  range('unspecified', '::/128'),
  range('ipv4-in-ipv6', '::/96'),
  range('ipv4-in-ipv6', '::ffff:0.0.0.0/96'),
]

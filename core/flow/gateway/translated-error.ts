import { quotedPacket, quotesSource, rewriteQuote } from '../../net/icmp-error.ts'
import { isAddressAt } from '../../net/ip-address.ts'
import type { PacketView } from '../../net/packet-view.ts'
import type { Instant } from '../../runtime/time.ts'
import type { GatewayPeer } from './gateway-peer.ts'

/**
 * Translates an ICMP error from the network, in place, into the one that the client would have got without NAT: the
 * packet that it quotes gets the addresses and ports that the client wrote (RFC 5508 §4). Refuses errors that are not
 * about a live flow.
 */
export const translateError = (
  error: PacketView,
  peer: GatewayPeer,
  now: Instant,
): 'translated' | 'icmp-error' | 'no-flow' | 'checksum' => {
  // The checksum is computed again below, which must not make a damaged error valid.
  if (!error.checksumsHold()) return 'checksum'
  const quoted = quotedPacket(error)
  const own = error.addressLength === 4 ? peer.ipv4 : peer.ipv6
  if (quoted === undefined || !quotesSource(error, quoted, own)) return 'icmp-error'
  const { protocol, kind, sourcePort: port, destinationPort: remotePort, destinationAt } = quoted
  const address = new Uint8Array(error.bytes.subarray(destinationAt, destinationAt + quoted.addressLength))
  if (kind === 'other' || kind === 'icmp') return peer.mayReach(address, protocol) ? 'translated' : 'no-flow'
  const entry = kind === 'echoReply' ? undefined : peer.answered(protocol, { port, address, remotePort }, now)
  if (entry === undefined) return 'no-flow'
  if (!isAddressAt(entry.insideAddress, error.bytes, destinationAt)) {
    rewriteQuote(error, quoted, { destination: entry.insideAddress })
    // The client must not learn the site's real addresses (D1).
    error.setSource(entry.insideAddress)
  }
  if (entry.insidePort !== port) rewriteQuote(error, quoted, { sourcePort: entry.insidePort })
  return 'translated'
}

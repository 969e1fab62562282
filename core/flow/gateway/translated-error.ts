import { quotedPacket, quotesSource, rewriteQuote } from '../../net/icmp-error.ts'
import { isAddressAt } from '../../net/ip-address.ts'
import type { PacketView } from '../../net/packet-view.ts'
import type { Instant } from '../../runtime/time.ts'
import type { GatewayPeer } from './gateway-peer.ts'

/**
 * Turns an ICMP error of the network, in place, into the one that the client would have got without NAT: it goes where the packet that it
 * quotes came from, and quotes it as its sender wrote it (RFC 5508 §4). Errors about anything but a live flow are refused.
 */
export const translateError = (
  error: PacketView,
  peer: GatewayPeer,
  now: Instant,
): 'translated' | 'icmp-error' | 'no-flow' | 'checksum' => {
  // Its checksum is made anew below, which must not turn a damaged error into a good one.
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
    // The site's addresses are not the client's business (D1).
    error.setSource(entry.insideAddress)
  }
  if (entry.insidePort !== port) rewriteQuote(error, quoted, { sourcePort: entry.insidePort })
  return 'translated'
}

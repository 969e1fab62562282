import { buildUnreachable } from './icmp-error.ts'
import { PacketView, TCP, UDP, word } from './packet-view.ts'

/**
 * Builds the ICMP error "administratively prohibited" for a fragment that is not forwarded. Undefined if it must not be
 * answered: other fragments than the first of a packet, and protocols other than TCP and UDP (RFC 1122 §3.2.2).
 */
export const buildFragmentRefusal = (bytes: Uint8Array): Uint8Array | undefined => {
  const view = fragmentView(bytes)
  return view === undefined ? undefined : buildUnreachable(view, 'admin-prohibited')
}

/** Returns a view of a packet's first fragment, for its addresses only. `bytes` are those of a whole IP packet. */
const fragmentView = (bytes: Uint8Array): PacketView | undefined => {
  const isIpv4 = (bytes[0] ?? 0) >> 4 === 4
  // RFC 8200 §4.5: the fragment header has the next header, a reserved byte, and the offset in 13 bits.
  const [protocolAt, offsetAt] = isIpv4 ? [9, 6] : [40, 42]
  if (!isIpv4 && bytes[6] !== FRAGMENT) return undefined
  const offset = isIpv4 ? word(bytes, offsetAt) & 0x1fff : word(bytes, offsetAt) >> 3
  const protocol = bytes[protocolAt] ?? 0
  if (offset !== 0 || (protocol !== TCP && protocol !== UDP)) return undefined
  const view = new PacketView()
  view.bytes = bytes
  view.length = bytes.length
  view.protocol = protocol
  view.addressLength = isIpv4 ? 4 : 16
  view.sourceAt = isIpv4 ? 12 : 8
  view.destinationAt = isIpv4 ? 16 : 24
  return view
}

/** Next header value of the fragment header. RFC 8200 §4.5 */
const FRAGMENT = 44

import { canonicalAddress, formatAddress, parseAddress, type AddressBytes } from '../../net/ip-address.ts'
import type { PacketView } from '../../net/packet-view.ts'
import { isInRange, SENTINEL_ADDRESSES } from '../../net/reserved-range.ts'
import { DNS_PORT } from '../../net/well-known-port.ts'

// DNS over TCP to a sentinel, with the kernel's TCP. A packet to SENTINEL:53 is rewritten and sent back into the TUN
// device: to an ordinary listener at the client's own tunnel address, from a mirrored address of the sentinel. The
// listener's packets are rewritten likewise. The addresses hold all information, so there is no state.

/**
 * Returns the mirrored address of a sentinel, from which its TCP connections reach the listener: the highest bit of the
 * last byte is flipped.
 */
export const hairpinAddress = (sentinel: string): string | undefined => turned(sentinel)

/** Returns the sentinel for a mirrored address from which a connection has reached the listener. */
export const hairpinSentinel = (remote: string): string | undefined => turned(remote)

/**
 * Rewrites a packet from an application to SENTINEL:53, in place, so that it goes to the listener at `own` and `port`.
 */
export const turnToListener = (packet: PacketView, { own, port }: { own: AddressBytes; port: number }): void => {
  const from = mirrored(packet.destination())
  packet.setSource(from)
  packet.setDestination(own)
  packet.setDestinationPort(port)
}

/** Rewrites a packet from the listener, in place, so that it goes to the application from SENTINEL:53. */
export const turnToApplication = (packet: PacketView, own: AddressBytes): void => {
  const sentinel = mirrored(packet.destination())
  packet.setSource(sentinel)
  packet.setSourcePort(DNS_PORT)
  packet.setDestination(own)
}

const turned = (text: string): string | undefined => {
  const address = parseAddress(canonicalAddress(text) ?? '')
  return address === undefined || !isInRange(SENTINEL_ADDRESSES, address) ? undefined : formatAddress(mirrored(address))
}

const mirrored = (address: AddressBytes): AddressBytes => {
  const copy = new Uint8Array(address)
  const last = copy.length - 1
  copy[last] = (copy[last] ?? 0) ^ 0x80
  return copy
}

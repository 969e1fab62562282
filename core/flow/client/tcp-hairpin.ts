import { canonicalAddress, formatAddress, parseAddress, type AddressBytes } from '../../net/ip-address.ts'
import type { PacketView } from '../../net/packet-view.ts'
import { isInRange, SENTINEL_ADDRESSES } from '../../net/reserved-range.ts'
import { DNS_PORT } from '../../net/well-known-port.ts'

// DNS over TCP to a sentinel. The kernel does the TCP: a packet to sentinel:53 is turned round, to an ordinary listener on the client's
// own tunnel address, as if it came from an address that stands for the sentinel; the listener's answers are turned round again.
// Everything is in the addresses, so nothing has to be remembered.

/** The address that a TCP connection to this sentinel comes from at the listener: the same with the highest bit of its last byte turned. */
export const hairpinAddress = (sentinel: string): string | undefined => turned(sentinel)

/** The sentinel that a connection at the listener was meant for, by the address that it comes from. */
export const hairpinSentinel = (remote: string): string | undefined => turned(remote)

/** Turns a packet to `sentinel:53` round to the listener, at `own` and `port`. The bytes are changed in place. */
export const turnToListener = (packet: PacketView, { own, port }: { own: AddressBytes; port: number }): void => {
  const from = mirrored(packet.destination())
  packet.setSource(from)
  packet.setDestination(own)
  packet.setDestinationPort(port)
}

/** Turns a packet of the listener round to the application. The bytes are changed in place. */
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

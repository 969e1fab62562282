import { DEFAULT_RANGES, type AddressRanges } from '../../net/address-ranges.ts'
import { canonicalAddress, formatAddress, parseAddress, type AddressBytes } from '../../net/ip-address.ts'
import type { PacketView } from '../../net/packet-view.ts'
import { isInRange } from '../../net/reserved-range.ts'
import { DNS_PORT } from '../../net/well-known-port.ts'

// DNS over TCP to a sentinel, with the kernel's TCP. A packet to SENTINEL:53 is rewritten and sent back into the TUN
// device: to an ordinary listener at the client's own tunnel address, from a mirrored address of the sentinel. The
// listener's packets are rewritten likewise. The addresses hold all information, so there is no state.

/**
 * Returns the mirrored address of a sentinel, from which its TCP connections reach the listener: the highest bit of the
 * last byte is flipped. Undefined for an address outside of the range of sentinels.
 */
export const hairpinAddress = (sentinel: string, ranges: SentinelRange = DEFAULT_RANGES): string | undefined =>
  turned(sentinel, ranges)

/**
 * Returns the sentinel for a mirrored address from which a connection has reached the listener; undefined for an address
 * outside of the range of sentinels.
 */
export const hairpinSentinel = (remote: string, ranges: SentinelRange = DEFAULT_RANGES): string | undefined =>
  turned(remote, ranges)

type SentinelRange = Pick<AddressRanges, 'sentinels'>

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

const turned = (text: string, { sentinels }: SentinelRange): string | undefined => {
  const address = parseAddress(canonicalAddress(text) ?? '')
  return address === undefined || !isInRange(sentinels, address) ? undefined : formatAddress(mirrored(address))
}

const mirrored = (address: AddressBytes): AddressBytes => {
  const copy = new Uint8Array(address)
  const last = copy.length - 1
  copy[last] = (copy[last] ?? 0) ^ 0x80
  return copy
}

import { formatAddress } from '../../core/net/ip-address.ts'
import { UDP, word } from '../../core/net/packet-view.ts'

/** A UDP packet as a test looks at it. */
export interface UdpSeen {
  from: string
  fromPort: number
  to: string
  toPort: number
  payload: Uint8Array
}

/** Undefined for packets of other protocols. */
export const readUdp = (packet: Uint8Array): UdpSeen | undefined => {
  const isIpv4 = (packet[0] ?? 0) >> 4 === 4
  const at = isIpv4 ? 20 : 40
  if (packet[isIpv4 ? 9 : 6] !== UDP || packet.length < at + 8) return undefined
  const size = isIpv4 ? 4 : 16
  const sourceAt = isIpv4 ? 12 : 8
  return {
    from: formatAddress(packet, sourceAt, size),
    fromPort: word(packet, at),
    to: formatAddress(packet, sourceAt + size, size),
    toPort: word(packet, at + 2),
    payload: packet.slice(at + 8),
  }
}

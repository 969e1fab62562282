import { formatAddress } from '../../core/net/ip-address.ts'
import { ICMP, ICMPV6, TCP, UDP, word } from '../../core/net/packet-view.ts'

/** A decoded packet, for assertions. */
export interface PacketSeen {
  kind: 'udp' | 'tcp' | 'echoRequest' | 'echoReply' | 'icmpError' | 'other'
  from: string
  /** Source port, or identifier of an echo; 0 if the packet has neither. */
  fromPort: number
  to: string
  /** Destination port, or identifier of an echo. */
  toPort: number
  /** TCP flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16; 0 for other protocols. */
  tcpFlags: number
  /** Bytes after the transport header; for an ICMP error the packet that it quotes. */
  payload: Uint8Array
  /** ICMP type and code, `3/4`. */
  icmp: string
}

/** MTU that a "packet too big" error reports: RFC 1191 §4, RFC 4443 §3.2. */
export const tooBigFor = (error: Uint8Array): number => word(error, ((error[0] ?? 0) >> 4 === 4 ? 20 : 40) + 6)

/** Decodes a packet without checking checksums or trusting lengths; returns undefined if it is too short. */
export const readPacket = (packet: Uint8Array): PacketSeen | undefined => {
  const isIpv4 = (packet[0] ?? 0) >> 4 === 4
  const at = isIpv4 ? 20 : 40
  if (packet.length < at + 8) return undefined
  const [size, sourceAt] = isIpv4 ? [4, 12] : [16, 8]
  const ends = { from: formatAddress(packet, sourceAt, size), to: formatAddress(packet, sourceAt + size, size) }
  const protocol = packet[isIpv4 ? 9 : 6]
  const nothing = { ...ends, fromPort: 0, toPort: 0, tcpFlags: 0, icmp: '', payload: packet.slice(at + 8) }
  if (protocol === UDP || protocol === TCP) {
    const ports = { fromPort: word(packet, at), toPort: word(packet, at + 2) }
    if (protocol === UDP) return { ...nothing, ...ports, kind: 'udp' }
    const headerLength = ((packet[at + 12] ?? 0) >> 4) * 4
    return {
      ...nothing,
      ...ports,
      kind: 'tcp',
      tcpFlags: packet[at + 13] ?? 0,
      payload: packet.slice(at + headerLength),
    }
  }
  if (protocol !== ICMP && protocol !== ICMPV6) return { ...nothing, kind: 'other' }
  const type = packet[at] ?? 0
  const icmp = `${type}/${packet[at + 1] ?? 0}`
  const [request, reply] = isIpv4 ? [8, 0] : [128, 129]
  if (type !== request && type !== reply) return { ...nothing, icmp, kind: 'icmpError' }
  const identifier = word(packet, at + 4)
  const kind = type === request ? 'echoRequest' : 'echoReply'
  return { ...nothing, icmp, kind, fromPort: identifier, toPort: identifier }
}

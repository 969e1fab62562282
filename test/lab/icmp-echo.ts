/** Number and payload length of one ping. */
export interface Echo {
  sequence: number
  size: number
}

const HEADER = 20
const IDENTIFIER = 0x5054

/** An ICMP echo request (RFC 792) in an IPv4 packet. */
export const echoPacket = (echo: Echo & { source: string; destination: string }): Uint8Array => {
  const packet = new Uint8Array(HEADER + 8 + echo.size)
  const view = new DataView(packet.buffer)
  view.setUint8(0, 0x45)
  view.setUint16(2, packet.length)
  view.setUint8(8, 64)
  view.setUint8(9, 1)
  packet.set(echo.source.split('.').map(Number), 12)
  packet.set(echo.destination.split('.').map(Number), 16)
  view.setUint8(HEADER, 8)
  view.setUint16(HEADER + 4, IDENTIFIER)
  view.setUint16(HEADER + 6, echo.sequence)
  for (let index = 0; index < echo.size; index++) packet[HEADER + 8 + index] = index & 0xff
  view.setUint16(10, checksum(packet.subarray(0, HEADER)))
  view.setUint16(HEADER + 2, checksum(packet.subarray(HEADER)))
  return packet
}

/** The reply to an echo request; undefined for any other packet. */
export const echoReplyTo = (packet: Uint8Array): Uint8Array | undefined => {
  if (packet[0] !== 0x45 || packet[9] !== 1 || packet[HEADER] !== 8) return undefined
  const reply = new Uint8Array(packet)
  const view = new DataView(reply.buffer)
  reply.set(packet.subarray(16, 20), 12)
  reply.set(packet.subarray(12, 16), 16)
  view.setUint8(HEADER, 0)
  view.setUint16(HEADER + 2, 0)
  view.setUint16(HEADER + 2, checksum(reply.subarray(HEADER)))
  return reply
}

/** Whether a packet is this echo request or its reply, with the same bytes. */
export const isEcho = (packet: Uint8Array, kind: 'request' | 'reply', { sequence, size }: Echo): boolean => {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  if (packet.length !== HEADER + 8 + size || packet[9] !== 1 || packet[HEADER] !== (kind === 'reply' ? 0 : 8))
    return false
  if (view.getUint16(HEADER + 4) !== IDENTIFIER || view.getUint16(HEADER + 6) !== sequence) return false
  return packet.subarray(HEADER + 8).every((byte, index) => byte === (index & 0xff))
}

/** Sequence number of an echo request or reply. */
export const sequenceOf = (packet: Uint8Array): number =>
  new DataView(packet.buffer, packet.byteOffset, packet.byteLength).getUint16(HEADER + 6)

// RFC 1071
const checksum = (bytes: Uint8Array): number => {
  let sum = 0
  for (const [index, byte] of bytes.entries()) sum += index % 2 === 0 ? byte << 8 : byte
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

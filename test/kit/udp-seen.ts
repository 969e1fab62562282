import { readPacket } from './packet-seen.ts'

/** A decoded UDP packet, for assertions. */
export interface UdpSeen {
  from: string
  fromPort: number
  to: string
  toPort: number
  payload: Uint8Array
}

/** Decodes a UDP packet; returns undefined for other protocols. */
export const readUdp = (packet: Uint8Array): UdpSeen | undefined => {
  const seen = readPacket(packet)
  if (seen?.kind !== 'udp') return undefined
  const { from, fromPort, to, toPort, payload } = seen
  return { from, fromPort, to, toPort, payload }
}

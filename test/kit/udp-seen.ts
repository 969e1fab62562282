import { readPacket } from './packet-seen.ts'

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
  const seen = readPacket(packet)
  if (seen?.kind !== 'udp') return undefined
  const { from, fromPort, to, toPort, payload } = seen
  return { from, fromPort, to, toPort, payload }
}

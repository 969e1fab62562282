import { parseAddress } from '../net/ip-address.ts'
import { buildUdp } from '../net/udp-packet.ts'

/** Builds a small UDP packet between two IPv4 addresses, with both ports, for rehearsals. */
export const rehearsedPacket = (from: string, to: string, [fromPort, toPort]: readonly [number, number]): Uint8Array =>
  buildUdp({
    source: parseAddress(from) ?? NOWHERE,
    destination: parseAddress(to) ?? NOWHERE,
    sourcePort: fromPort,
    destinationPort: toPort,
    payload: new Uint8Array(32),
  }) ?? NOTHING

const NOWHERE = new Uint8Array(4)
const NOTHING = new Uint8Array(0)

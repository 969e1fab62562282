import type { PeerId } from '../contract/tunnel-transport.ts'
import { parseAddress } from '../net/ip-address.ts'
import { buildUdp } from '../net/udp-packet.ts'
import type { Flows, PacketInput, PacketOutput } from './flows.ts'

/** Packet engine with a peer, and packets between that peer and this machine's device, for the rehearsal of a lane. */
export interface FlowsRehearsal<Input, Output> {
  readonly flows: Flows<Input | PacketInput, Output | PacketOutput>
  readonly peer: PeerId
  /** Whether the peer begins sessions, and this machine answers once it has heard of one. */
  readonly isAnswering: boolean
  /** Inputs before the lane has keys for the peer, and those after. */
  readonly before: readonly Input[]
  readonly after: readonly Input[]
  readonly outbound: Uint8Array
  readonly inbound: Uint8Array
}

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

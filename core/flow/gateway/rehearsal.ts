import type { PacketInput } from '../flows.ts'
import { rehearsedPacket, type FlowsRehearsal } from '../rehearsed-packet.ts'
import { GatewayFlows, type GatewayFlowsInput, type GatewayFlowsOutput } from './gateway-flows.ts'

const CLIENT = '100.64.0.1'
const SERVER = '192.0.2.3'
const PEER = 'client'
const PORTS = [40_000, 443] as const

const RESOURCE = { id: 'resource', type: 'cidr', address: `${SERVER}/32`, filters: [] } as const
const BEFORE = [
  { type: 'interfaceConfigured', ipv4: '100.64.0.2', ipv6: 'fd00:2021:1111::2' },
  { type: 'peerAdded', peer: PEER, ipv4: CLIENT, ipv6: 'fd00:2021:1111::1' },
  { type: 'granted', peer: PEER, resource: RESOURCE },
] as const satisfies readonly GatewayFlowsInput[]

/** Returns a packet engine of a gateway that has granted a client access, with a first packet of it and its answer. */
export const gatewayFlowsRehearsal = (): FlowsRehearsal<
  Exclude<GatewayFlowsInput, PacketInput>,
  GatewayFlowsOutput
> => ({
  flows: new GatewayFlows(),
  peer: PEER,
  isAnswering: true,
  before: BEFORE,
  after: [{ type: 'mtuChanged', peer: PEER, mtu: 1_408 }],
  outbound: rehearsedPacket(SERVER, CLIENT, [PORTS[1], PORTS[0]]),
  inbound: rehearsedPacket(CLIENT, SERVER, PORTS),
})

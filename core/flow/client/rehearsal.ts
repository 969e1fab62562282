import type { PacketInput } from '../flows.ts'
import { rehearsedPacket, type FlowsRehearsal } from '../rehearsed-packet.ts'
import { ClientFlows, type ClientFlowsInput, type ClientFlowsOutput } from './client-flows.ts'

const OWN = '100.64.0.1'
const SERVER = '192.0.2.3'
const PEER = 'gateway'
const RESOURCE = 'resource'
const PORTS = [40_000, 443] as const

const INPUTS = {
  before: [
    { type: 'interfaceConfigured', ipv4: OWN, ipv6: 'fd00:2021:1111::1' },
    { type: 'resourcesChanged', resources: [{ id: RESOURCE, type: 'cidr', address: `${SERVER}/32`, filters: [] }] },
  ],
  after: [
    { type: 'connected', resourceId: RESOURCE, peer: PEER, peerIpv4: '100.64.0.2', peerIpv6: 'fd00:2021:1111::2' },
    { type: 'mtuChanged', peer: PEER, mtu: 1_408 },
  ],
} as const satisfies Pick<FlowsRehearsal<Exclude<ClientFlowsInput, PacketInput>, ClientFlowsOutput>, 'before' | 'after'>

/** Returns a packet engine of a client, with a first packet to a gateway and its answer. */
export const clientFlowsRehearsal = (): FlowsRehearsal<Exclude<ClientFlowsInput, PacketInput>, ClientFlowsOutput> => ({
  ...INPUTS,
  flows: new ClientFlows(),
  peer: PEER,
  isAnswering: false,
  outbound: rehearsedPacket(OWN, SERVER, PORTS),
  inbound: rehearsedPacket(SERVER, OWN, [PORTS[1], PORTS[0]]),
})

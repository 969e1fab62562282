import { instant } from '../../runtime/time.ts'
import { rehearsedPacket } from '../rehearsed-packet.ts'
import { GatewayFlows, type GatewayFlowsInput } from './gateway-flows.ts'

const CLIENT = '100.64.0.1'
const SERVER = '192.0.2.3'
const PEER = 'client'
const PORTS = [40_000, 443] as const

/**
 * Grants a client access in a packet engine of its own, and takes its first packet and the answer through it: JavaScript
 * is slow until it has run a few times, which somebody's first packet would wait for. Returns whether both passed.
 */
export const rehearseGatewayFlows = (): boolean => {
  const flows = new GatewayFlows()
  const now = instant(1)
  const seen = new Set<string>()
  const tell = (input: GatewayFlowsInput): void => {
    flows.handle(input, now)
    for (let output = flows.poll(); output !== undefined; output = flows.poll()) seen.add(output.type)
  }
  const there = rehearsedPacket(CLIENT, SERVER, PORTS)
  const back = rehearsedPacket(SERVER, CLIENT, [PORTS[1], PORTS[0]])
  const resource = { id: 'resource', type: 'cidr', address: `${SERVER}/32`, filters: [] } as const
  tell({ type: 'interfaceConfigured', ipv4: '100.64.0.2', ipv6: 'fd00:2021:1111::2' })
  tell({ type: 'peerAdded', peer: PEER, ipv4: CLIENT, ipv6: 'fd00:2021:1111::1' })
  tell({ type: 'granted', peer: PEER, resource })
  tell({ type: 'mtuChanged', peer: PEER, mtu: 1_408 })
  tell({ type: 'tunnelPacket', peer: PEER, packet: there })
  tell({ type: 'tunPackets', packets: [back] })
  flows.passFromTunnel(flows.numbers.hold(PEER), new Uint8Array(there), 'complete', now)
  flows.passFromTun(new Uint8Array(back), { checksum: 'complete', segmentBytes: 0 }, now)
  return seen.has('sendPacket') && seen.has('writeTun')
}

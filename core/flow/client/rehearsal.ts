import { instant } from '../../runtime/time.ts'
import { rehearsedPacket } from '../rehearsed-packet.ts'
import { ClientFlows, type ClientFlowsInput } from './client-flows.ts'

const OWN = '100.64.0.1'
const SERVER = '192.0.2.3'
const PEER = 'gateway'
const RESOURCE = 'resource'
const PORTS = [40_000, 443] as const

/**
 * Takes a first packet through a packet engine of its own, and its answer: JavaScript is slow until it has run a few
 * times, which somebody's first packet would wait for. Returns whether both passed.
 */
export const rehearseClientFlows = (): boolean => {
  const flows = new ClientFlows()
  const now = instant(1)
  const seen = new Set<string>()
  const tell = (input: ClientFlowsInput): void => {
    flows.handle(input, now)
    for (let output = flows.poll(); output !== undefined; output = flows.poll()) seen.add(output.type)
  }
  const there = rehearsedPacket(OWN, SERVER, PORTS)
  const back = rehearsedPacket(SERVER, OWN, [PORTS[1], PORTS[0]])
  tell({ type: 'interfaceConfigured', ipv4: OWN, ipv6: 'fd00:2021:1111::1' })
  tell({ type: 'resourcesChanged', resources: [{ id: RESOURCE, type: 'cidr', address: `${SERVER}/32`, filters: [] }] })
  tell({ type: 'tunPackets', packets: [there] })
  tell({ type: 'connected', resourceId: RESOURCE, peer: PEER, peerIpv4: '100.64.0.2', peerIpv6: 'fd00:2021:1111::2' })
  tell({ type: 'mtuChanged', peer: PEER, mtu: 1_408 })
  tell({ type: 'tunnelPacket', peer: PEER, packet: back })
  flows.passFromTun(new Uint8Array(there), { checksum: 'complete', segmentBytes: 0 }, now)
  flows.passFromTunnel(flows.numbers.hold(PEER), new Uint8Array(back), 'complete', now)
  return seen.has('sendPacket') && seen.has('writeTun')
}

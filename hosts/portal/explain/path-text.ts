import type { IndirectReason } from '../../../core/ice/path-kind.ts'
import type { ClientPath } from '../decide/client-paths.ts'

/** Says in a sentence how a client's packets go to a gateway, and why not directly. */
export const pathText = (path: ClientPath, gatewayName: string): string => {
  const { kind, relay, roundTripMs, loss, reportedBy } = path
  if (kind === 'none') return `This device does not reach the gateway ${gatewayName}.`
  const by = relay === undefined ? '' : ` by ${relay}`
  const how = {
    direct: 'directly',
    nat: 'directly, through NAT',
    relayed: `relayed${by}`,
    websocket: `relayed${by} over a WebSocket`,
  }[kind]
  const trip = roundTripMs === undefined ? '' : `, ${roundTripMs.toFixed(1)} ms there and back`
  const lost = loss === undefined || loss.lost === 0 ? '' : `, ${loss.lost} of the last ${loss.of} checks lost`
  const reason = indirectReasonText(path)
  const because = reason === undefined ? '' : ` Not directly: ${reason}.`
  const who = reportedBy === 'client' ? 'it' : 'the gateway'
  return `Packets of this device go to the gateway ${gatewayName} ${how}${trip}${lost}, as ${who} says.${because}`
}

/** Says in a clause why a client's packets take a relay; undefined where they do not. */
export const indirectReasonText = ({ why, reportedBy }: Pick<ClientPath, 'why' | 'reportedBy'>): string | undefined =>
  why === undefined ? undefined : REASONS[reportedBy][why]

const NOT_LET_IN = 'neither end’s NAT or firewall lets packets of the other in'

/** Reasons by the end that has reported them, which calls itself "own". */
const REASONS: Readonly<Record<ClientPath['reportedBy'], Readonly<Record<IndirectReason, string>>>> = {
  client: {
    udp_blocked: 'neither a STUN server nor a relay answers the device by UDP, so its network seems to block it',
    private_addresses:
      'the gateway offers only addresses of a private network; it needs advertised_addresses in its gateway.yaml, or this portal’s STUN server',
    no_addresses: 'the gateway offers no address of its own',
    own_unknown: 'the device knows no address of its own that is reached from outside',
    not_let_in: NOT_LET_IN,
  },
  gateway: {
    udp_blocked: 'neither a STUN server nor a relay answers the gateway by UDP, so its network seems to block it',
    private_addresses:
      'the device offers only addresses of a private network; this portal’s STUN server tells it one outside',
    no_addresses: 'the device offers no address of its own',
    own_unknown:
      'the gateway knows no address of its own that is reached from outside; it needs advertised_addresses in its gateway.yaml, or this portal’s STUN server',
    not_let_in: NOT_LET_IN,
  },
}

import type { IndirectReason } from '../../../core/ice/path-kind.ts'
import type { ClientPath } from '../decide/client-paths.ts'

/** Says in a sentence how a client's packets go to a gateway, and why not directly. */
export const pathText = (path: ClientPath, gatewayName: string): string => {
  const { kind, relay, why, roundTripMs, loss } = path
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
  const because = why === undefined ? '' : ` Not directly: ${indirectReasonText(why)}.`
  return `Packets of this device go to the gateway ${gatewayName} ${how}${trip}${lost}, as it says.${because}`
}

/** Says in a clause why a client's packets take a relay. */
export const indirectReasonText = (reason: IndirectReason): string => REASONS[reason]

const REASONS: Readonly<Record<IndirectReason, string>> = {
  udp_blocked: 'neither a STUN server nor a relay answers the device by UDP, so its network seems to block it',
  private_addresses:
    'the gateway offers only addresses of a private network; it needs advertised_addresses in its gateway.yaml, or this portal’s STUN server',
  no_addresses: 'the gateway offers no address of its own',
  own_unknown: 'the device knows no address of its own that is reached from outside',
  not_let_in: 'neither end’s NAT or firewall lets packets of the other in',
}

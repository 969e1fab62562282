import { problemText } from '../../core/control/portal-problem.ts'
import type { HostProblem } from '../../core/runtime/host-problems.ts'
import type { ClientStatus } from '../client/session/client-status.ts'
import type { GatewayStatus } from '../gateway/gateway-status.ts'
import type { ReachStatus } from '../peer/reach-status.ts'
import { isPublic } from '../peer/why-not-direct.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import { relayText } from './output.ts'
import { pathLine } from './path-line.ts'
import { fine, note, unknown, wrong, type Finding } from './finding.ts'

/** Says what a running client's status shows. */
export const clientFindings = (status: ClientStatus): Finding[] => {
  const { at, state, account, actor, portal, reach, gateways } = status
  if (state === 'signed_out' || portal === null || reach === null) {
    return [wrong('client', 'signed_out', 'The client runs and is signed out.', 'Sign in: portreeve client sign-in')]
  }
  const who = actor === null ? '' : ` as ${actor}${account === null ? '' : ` (${account})`}`
  return [
    portal.problem === null
      ? fine('client', `The client is signed in${who}, and connected to the portal.`)
      : wrong('client', portal.problem.code, problemText(portal.problem), portal.problem.remedy),
    ...commonFindings('client', status),
    ...reachFindings(reach, { hasPath: gateways.some(({ path }) => path !== null) }),
    ...gateways.map((gateway): Finding => {
      const name = gateway.name ?? gateway.id
      const line = `${name}: ${pathLine(gateway, at)}.`
      if (gateway.path === null && gateway.lost_at !== null) {
        return wrong('path', 'gateway_unreachable', line, LOST)
      }
      return gateway.not_direct === null ? fine('path', line) : note('path', line, gateway.not_direct.said)
    }),
    ...(gateways.length === 0 ? [unknown('path', 'No gateway is in use: nothing was asked for lately.')] : []),
  ]
}

/** Says what a running gateway's status shows. */
export const gatewayFindings = (status: GatewayStatus): Finding[] => {
  const { at, portal, reach, clients, peers } = status
  const lost = peers.filter(({ lost_at: lostAt }) => lostAt !== null)
  const offers = reach.offers.flatMap(({ endpoint, source }) => (source === 'relay' ? [] : (endpoint as Endpoint)))
  const isRelayed = reach.relays.some(({ state }) => state === 'allocated')
  return [
    portal.problem === null
      ? fine('gateway', `The gateway is connected to the portal; ${clients} clients have a grant.`)
      : wrong('gateway', portal.problem.code, problemText(portal.problem), portal.problem.remedy),
    ...commonFindings('gateway', status),
    ...reachFindings(reach, { hasPath: peers.some(({ path }) => path !== null) }),
    offers.some(isPublic)
      ? fine('path', `It offers clients ${offers.join(', ')}.`)
      : isRelayed
        ? note('path', `It offers clients ${offers.join(', ') || 'no address'} and relays.`, NO_ADDRESS)
        : wrong('path', 'private_addresses', `It offers clients only ${offers.join(', ') || 'nothing'}.`, NO_ADDRESS),
    ...lost.slice(0, MAX_LOST).map((peer) => note('path', `${peer.actor ?? peer.id}: ${pathLine(peer, at)}.`)),
  ]
}

const LOST =
  'Look whether that gateway runs, and whether firewalls on the way let UDP through to its port, 52625 by default.'
const NO_ADDRESS =
  'Clients elsewhere need an address outside: advertised_addresses in gateway.yaml, or UDP to the portal’s STUN server, port 3478.'
const MAX_LOST = 10

const commonFindings = (
  part: 'client' | 'gateway',
  { transport, problems }: { transport: ClientStatus['transport']; problems: readonly HostProblem[] },
): Finding[] => [
  ...(transport === null || transport.problem === null
    ? []
    : [wrong(part, transport.problem.code, `${transport.problem.said}.`, transport.problem.remedy)]),
  ...(problems.length === 0 ? [fine('machine', 'Nothing on this machine is in the way.')] : []),
  ...problems.map(({ code, said, remedy, blocks }) =>
    blocks ? wrong('machine', code, `${said}.`, remedy) : note('machine', `${said} (${code}).`, remedy),
  ),
]

/** Says what STUN servers and relays show; silent ones are no fault where there is a path all the same. */
const reachFindings = (reach: ReachStatus, { hasPath }: { hasPath: boolean }): Finding[] => [
  ...(reach.udp === 'blocked' ? [udpBlocked(hasPath)] : []),
  ...(reach.stun.length === 0 ? [note('udp', NO_STUN, 'Set stun in portal.yaml.')] : []),
  ...reach.stun.map((one) => stunFinding(one, reach, hasPath)),
  ...(reach.relays.length === 0 ? [note('relay', 'The portal offers no relay: only direct paths are possible.')] : []),
  ...reach.relays.map((one) => relayFinding(one, hasPath)),
]

const udpBlocked = (hasPath: boolean): Finding =>
  hasPath
    ? note('udp', 'This network lets no UDP out: packets go over a WebSocket, which is slower.', UDP)
    : wrong('udp', 'udp_blocked', 'This network lets no UDP out, so that only relays with WebSockets can help.', UDP)

const NO_STUN = 'The portal offers no STUN server: ends behind NAT do not learn their addresses outside.'

const stunFinding = (
  { server, mapped, is_answering: isAnswering }: ReachStatus['stun'][number],
  { offers }: ReachStatus,
  hasPath: boolean,
): Finding => {
  if (isAnswering === null) return unknown('udp', `The STUN server ${server} has not answered yet.`)
  if (!isAnswering) {
    const said = `The STUN server ${server} does not answer.`
    return hasPath ? note('udp', said, UDP) : wrong('udp', 'udp_blocked', said, UDP)
  }
  const isOwn = offers.some(({ endpoint, source }) => source === 'interface' && endpoint === mapped)
  const where = `${mapped ?? 'no address'}${isOwn ? ', its own' : ', outside of a NAT'}`
  return fine('udp', `UDP passes: the STUN server ${server} sees this machine at ${where}.`)
}

const UDP =
  'Look whether this network’s firewall lets UDP out, to port 3478 of the portal and to any port of gateways, and whether the portal’s lets it in.'

const relayFinding = ({ relay, state, refusal }: ReachStatus['relays'][number], hasPath: boolean): Finding => {
  const said = `The relay ${relay} ${relayText(state, refusal)}.`
  if (state === 'allocated') return fine('relay', said)
  if (state === 'asking' || state === 'idle') return unknown('relay', said)
  if (hasPath) return note('relay', said, RELAY[state])
  return wrong('relay', state === 'silent' ? 'relay_silent' : 'relay_refuses', said, RELAY[state])
}

const RELAY = {
  silent: 'Look whether the relay runs, and whether firewalls let UDP through to it, port 3478.',
  refused: 'Look at the relay’s log: its secret, its quotas, and both clocks.',
} as const

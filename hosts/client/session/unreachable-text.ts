import type { PathSearch } from '../../../core/ice/path-search.ts'
import { isPublic, shownEndpoints as shown } from '../../peer/why-not-direct.ts'

/** Explains to the person, in sentences, why packets do not reach a resource. */
export const unreachableText = (reason: string, gateway?: string, search?: PathSearch): string[] => {
  const which = gateway === undefined ? 'its gateway' : `its gateway ${gateway.replace(/\p{Cc}+/gu, ' ').slice(0, 255)}`
  const text = REASONS[reason]
  return text === undefined ? [`Packets do not reach ${which}: ${reason}.`] : text(which, search)
}

const REASONS: Readonly<Record<string, (gateway: string, search?: PathSearch) => string[]>> = {
  'no-path': (gateway, search) => [
    `No packet gets through to ${gateway}, nor from there to here.`,
    ...(search === undefined ? [] : searchText(search)),
    'Look whether firewalls on the way let UDP through: to the gateway’s port, 52625 by default, and from this machine.',
  ],
  'no-remote-candidates': (gateway) => [`It is granted, and ${gateway} has not said where it is.`],
  'no-handshake': (gateway) => [`Packets reach ${gateway}, and no tunnel comes about.`],
  'path-lost': (gateway) => [`The way to ${gateway} was lost, and none was found again.`],
  'gateway-unreachable': (gateway) => [`Packets do not reach ${gateway} any more; another one is asked for.`],
  'transport-failing': (gateway) => [
    `Packets cannot be sent to ${gateway}: the tunnel transport plugin of this machine keeps failing.`,
    'The log of the client has its error.',
  ],
  'machine-problem': (gateway) => [
    `Packets do not get to ${gateway}: this machine has a problem, which \`portreeve client status\` shows with its remedy.`,
  ],
  'portal-unreachable': () => ['It has to be asked for at the portal, and that is not reached.'],
  offline: () => ['None of its gateways can be reached at the moment.'],
}

/** Tells what was tried, and what each end lacks to be found by the other. */
const searchText = ({ tried, stun }: PathSearch): string[] => {
  const hasPublic = tried.some(isPublic)
  const silent = stun.filter(({ isAnswering }) => isAnswering === false).map(({ server }) => server)
  return [
    ...(hasPublic ? [`Tried: ${shown(tried)}.`] : [`The gateway offers only ${shown(tried)}, of a private network.`]),
    ...(hasPublic
      ? []
      : [
          'If this machine is elsewhere, the gateway needs an address outside: advertised_addresses in its gateway.yaml, or the portal’s STUN server.',
        ]),
    ...(silent.length === 0
      ? []
      : [`The portal’s STUN server, ${silent.join(' and ')}, does not answer this machine: is UDP to it let through?`]),
  ]
}

import type { PingResult } from './client-ping.ts'
import { pathLine } from './path-line.ts'
import { fine, wrong, type Finding } from './finding.ts'

/** Says what a ping of one resource has shown. */
export const pingFinding = ({
  target,
  at,
  resource,
  gateway,
  took_ms: took,
  connection,
  name_trouble: trouble,
}: PingResult): Finding => {
  const { name, state, reason, why } = resource
  const about = target === name ? name : `${target} (${name})`
  if (state === 'denied')
    return wrong('resource', reason ?? 'denied', `${about} is denied.`, why.join(' ') || ASK_ADMIN)
  if (gateway === null) {
    return wrong('resource', reason ?? 'unreachable', `${about} is ${state} after ${took} ms.`, why.join(' ') || PORTAL)
  }
  const how = `by gateway ${gateway.name ?? gateway.id}, ${pathLine(gateway, at)}`
  if (trouble !== null) return wrong('resource', 'no_address', `${about} is carried ${how}; ${trouble}`, NAME)
  if (connection !== null && connection.outcome !== 'answered') {
    const said = `${about} is carried ${how}; its port ${connection.port} ${connection.outcome === 'refused' ? 'refuses connections' : 'does not answer'}.`
    return wrong('resource', 'port_not_reached', said, PORT)
  }
  return fine('resource', `${about} is reached ${how}.`)
}

const ASK_ADMIN = 'Ask an admin of the account.'
const PORTAL = 'Look at portreeve client status.'
const NAME = 'Look whether the site’s name servers have the name, from the gateway’s machine.'
const PORT = 'Look whether the service runs there, and whether the site’s firewall lets the gateway’s machine in.'

/** Compares how this machine's programs resolve a resource's name with how the client answers it. */
export const namesFinding = (
  name: string,
  { system, client }: { system: readonly string[]; client: readonly string[] },
): Finding => {
  if (system.some((address) => client.includes(address))) {
    return fine('names', `This machine’s programs ask the client for names: ${name} is ${system[0] ?? ''}.`)
  }
  const found = system.length === 0 ? 'not found' : system.join(', ')
  const said = `The client answers ${name} with ${client.join(', ')}, and this machine’s programs find ${found}.`
  return wrong('names', 'names_not_asked', said, NOT_ASKED)
}

const NOT_ASKED =
  'They ask other name servers: look at the problems in portreeve client status, at dns in client.yaml, and at resolv.conf or resolvectl status; browsers may have DNS over HTTPS of their own.'

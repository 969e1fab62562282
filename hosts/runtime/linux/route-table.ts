import { formatPrefix, type Prefix } from '../../../core/net/prefix.ts'
import { OWN_SOCKET_MARK } from '../../../core/runtime/network-configuration.ts'
import type { PlannedRoute } from '../../../core/upkeep/route-plan.ts'
import { CommandError, runCommand } from '../process/run-command.ts'
import { askIp, canonicalPrefix, tolerate, type IpFamily } from './ip-command.ts'
import { removeOwnRules } from './rule-set.ts'

/** Routing table of a client or gateway, with the priority of its rule. */
export interface OwnTable {
  table: number
  priority: number
}

/**
 * Routing tables of the client, with the priority of the rule of each. All sockets use them, except the client's own
 * marked ones. In order: `RESOURCES`; `LINKS`, the directly connected networks, which stay local; `INTERNET`, default
 * routes for an Internet resource. Wire §6
 */
export const RESOURCES: OwnTable = { table: 0x2021fd00, priority: 100 }
export const LINKS: OwnTable = { table: 0x2021fd01, priority: 200 }
export const INTERNET: OwnTable = { table: 0x2021fd02, priority: 300 }

/**
 * Table for packets from a client's tunnel address that nothing else leads into the tunnel: of connections whose resource
 * is gone. The client resets them there, while outside of the tunnel nobody would answer.
 */
export const ORPHANS: OwnTable = { table: 0x2021fd03, priority: 310 }

export const OWN_TABLES: readonly OwnTable[] = [RESOURCES, LINKS, INTERNET, ORPHANS]
const NUMBERS = OWN_TABLES.map(({ table }) => String(table))

/** Whether a printed rule leads to a table of a client or gateway. */
export const leadsToOwnTable = (rule: Record<string, unknown>): boolean => NUMBERS.includes(String(rule['table']))

/** Returns the rule by which all sockets use a table, except marked ones; `ORPHANS` is for tunnel addresses only, of `tunnel`. */
export const tableRule = ({ table, priority }: OwnTable, tunnel: Prefix): string =>
  priority === ORPHANS.priority
    ? `priority ${priority} from ${formatPrefix(tunnel)} lookup ${table}`
    : `priority ${priority} not fwmark 0x${OWN_SOCKET_MARK.toString(16)} lookup ${table}`

/** Returns the text of a route, as for `ip route add`, without its table. */
export const routeText = (route: PlannedRoute): string => {
  const source = 'source' in route && route.source !== undefined ? ` src ${route.source}` : ''
  return `${goalOf(route)}${source}`
}

/** Parses a route that `ip -j route` has printed. */
export const plannedRoute = ({ type, dst, dev, prefsrc }: Record<string, unknown>, family: IpFamily): PlannedRoute => {
  const prefix = canonicalPrefix(String(dst), family)
  if (type === 'throw') return { prefix, type }
  const source = typeof prefsrc === 'string' ? { source: prefsrc } : {}
  return { prefix, device: typeof dev === 'string' ? dev : '', ...source }
}

/** Returns the lines for `ip -batch` that make the routes of a table the wanted ones; what stays is not touched. */
export const routeChanges = (
  { table }: OwnTable,
  { wanted, present }: { wanted: readonly PlannedRoute[]; present: readonly PlannedRoute[] },
): string[] => {
  const [wish, there] = [new Set(wanted.map(routeText)), new Set(present.map(routeText))]
  return [
    ...present
      .filter((route) => !wish.has(routeText(route)))
      .map((route) => `route del ${goalOf(route)} table ${table}`),
    ...[...wish].filter((text) => !there.has(text)).map((text) => `route replace ${text} table ${table}`),
  ]
}

/** Removes rules and routes of clients and gateways, left by any run. Returns whether there were rules. */
export const removeRoutes = async (): Promise<boolean> => {
  let found = false
  for (const family of ['-4', '-6'] satisfies IpFamily[]) {
    const [rules = []] = await askIp(family, ['rule show']).catch(nothing)
    for (const { table, priority } of rules.filter(leadsToOwnTable)) {
      found = true
      await runCommand('ip', [family, 'rule', 'del', 'priority', String(priority), 'lookup', String(table)])
    }
    found = (await removeOwnRules(family, rules)) || found
    for (const table of NUMBERS) await tolerate(runCommand('ip', [family, 'route', 'flush', 'table', table]))
  }
  return found
}

/** Returns an empty list for a failed command, as on a kernel without IPv6. */
const nothing = (error: unknown): Record<string, unknown>[][] => {
  if (error instanceof CommandError) return []
  throw error
}

const goalOf = (route: PlannedRoute): string => {
  if ('type' in route) return `${route.type} ${route.prefix}`
  return `${route.prefix}${route.device === '' ? '' : ` dev ${route.device}`}`
}

import { existsSync } from 'node:fs'
import { DEFAULT_RANGES } from '../../../core/net/address-ranges.ts'
import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import type { Comparison } from '../../../core/upkeep/reconciler.ts'
import {
  planRoutes,
  type LinkRoute,
  type PlannedRoute,
  type RoutePlan,
  type RoutesWanted,
} from '../../../core/upkeep/route-plan.ts'
import { runCommand } from '../process/run-command.ts'
import type { HostPart } from './host-part.ts'
import { askIp, canonicalPrefix, isObject, type IpFamily } from './ip-command.ts'
import {
  INTERNET,
  leadsToOwnTable,
  LINKS,
  ORPHANS,
  OWN_TABLES,
  plannedRoute,
  removeRoutes,
  RESOURCES,
  routeChanges,
  routeText,
  tableRule,
  type OwnTable,
} from './route-table.ts'
import { isOwnRule, ownRule, ruleChanges, ruleText } from './rule-set.ts'

/** Priority of the rules that leave answers from the machine's own addresses to its own routes. */
const REPLIES = 90
const FAMILIES = { '-4': 'ipv4', '-6': 'ipv6' } as const
const EVERYTHING = { '-4': '0.0.0.0/0', '-6': '::/0' } as const
/** Link-local routes: every link has them, so only the kernel's own table can tell which link is meant. */
const LINK_LOCAL = /^(?:169\.254\.|fe80:)/

/** Rules and routes of one family: those that are wanted, or those that are there. */
interface RoutingState {
  rules: string[]
  routes: Map<OwnTable, PlannedRoute[]>
}

interface Look {
  plan: RoutePlan
  wanted: RoutingState
  present: RoutingState
}

/** Routes and rules that lead prefixes to the tunnel device, for all sockets but those with `OWN_SOCKET_MARK`. */
export class Routing implements HostPart {
  readonly name = 'routes'
  readonly #leavesReplies: boolean
  #wanted: RoutesWanted | undefined
  readonly #applied = new Map<IpFamily, RoutingState>()

  /**
   * `leavesReplies`: whether answers from the machine's other addresses take its own routes, as at a client. At a
   * gateway they may be answers to a client.
   */
  constructor({ leavesReplies }: { leavesReplies: boolean }) {
    this.#leavesReplies = leavesReplies
  }

  /** Sets what is wanted: canonical prefixes with their length. */
  want(wanted: RoutesWanted): void {
    this.#wanted = wanted
  }

  async compare(): Promise<Comparison> {
    const lacking: string[] = []
    const problems: HostProblem[] = []
    let isOutdated = false
    for (const family of families()) {
      const { plan, wanted, present } = await this.#look(family)
      problems.push(...plan.problems)
      const applied = this.#applied.get(family)
      lacking.push(...missing(family, applied, present))
      isOutdated ||= textOf(wanted) !== (applied === undefined ? '' : textOf(applied))
      isOutdated ||= textOf(wanted) !== textOf(present)
    }
    return { lacking, problems, isOutdated, isIpv6Only: lacking.every((text) => text.endsWith('(ipv6)')) }
  }

  async repair(): Promise<void> {
    for (const family of families()) {
      const { wanted, present } = await this.#look(family)
      const routes = (table: OwnTable): string[] =>
        routeChanges(table, { wanted: wanted.routes.get(table) ?? [], present: present.routes.get(table) ?? [] })
      const rules = ruleChanges(wanted.rules, present.rules)
      // Answers and local networks are set first, so that their packets never enter the tunnel.
      const added = rules.filter((line) => line.startsWith('rule add'))
      await batch(family, [
        ...added.filter((line) => line.includes(`priority ${REPLIES} `)),
        ...routes(LINKS),
        ...routes(RESOURCES),
        ...routes(INTERNET),
        ...routes(ORPHANS),
        ...added.filter((line) => !line.includes(`priority ${REPLIES} `)),
        ...rules.filter((line) => !line.startsWith('rule add')),
      ])
      this.#applied.set(family, wanted)
    }
  }

  /** Removes all rules and routes. */
  async clear(): Promise<void> {
    if (this.#wanted === undefined) return
    this.#wanted = undefined
    this.#applied.clear()
    await removeRoutes()
  }

  problemOf(error: unknown): HostProblem {
    return {
      code: 'routes_failed',
      said: `the routes into the tunnel cannot be set: ${error instanceof Error ? error.message : String(error)}`,
      remedy: 'Look whether `ip rule` and `ip route` work on this machine, and whether the process has CAP_NET_ADMIN.',
      blocks: true,
    }
  }

  async #look(family: IpFamily): Promise<Look> {
    const { device, prefixes, ranges = DEFAULT_RANGES } = this.#wanted ?? { device: '', prefixes: [] }
    const [rules = [], main = [], addresses = [], ...tables] = await askIp(family, [
      'rule show',
      'route show table main',
      'address show',
      ...OWN_TABLES.map(({ table }) => `route show table ${table}`),
    ])
    const mine = prefixes.filter((prefix) => prefix.includes(':') === (family === '-6'))
    const plan = planRoutes(
      FAMILIES[family],
      { device, prefixes: mine, ranges },
      { links: linksIn(main, family, device), ownAddresses: this.#leavesReplies ? addressesIn(addresses, device) : [] },
    )
    const wanted = new Map<OwnTable, PlannedRoute[]>([
      [RESOURCES, plan.resources],
      [LINKS, plan.links],
      [INTERNET, plan.internet],
      [ORPHANS, this.#leavesReplies && mine.length > 0 ? [{ prefix: EVERYTHING[family], device }] : []],
    ])
    const isReply = (rule: Record<string, unknown>): boolean => isOwnRule(rule) && Number(rule['priority']) === REPLIES
    return {
      plan,
      wanted: {
        rules: [
          ...plan.replies.map((address) => ownRule(REPLIES, `from ${address} lookup main`)),
          ...OWN_TABLES.filter((table) => wanted.get(table)?.length !== 0).map((table) =>
            tableRule(table, ranges.tunnel[family === '-4' ? 0 : 1]),
          ),
        ],
        routes: wanted,
      },
      present: {
        rules: rules.filter((rule) => leadsToOwnTable(rule) || isReply(rule)).map(ruleText),
        routes: new Map(
          OWN_TABLES.map((table, at) => [table, (tables[at] ?? []).map((route) => plannedRoute(route, family))]),
        ),
      },
    }
  }
}

const families = (): IpFamily[] => (existsSync('/proc/sys/net/ipv6/conf/all') ? ['-4', '-6'] : ['-4'])

/** Returns the networks on links in the main routing table, beside the tunnel device's. */
const linksIn = (main: readonly Record<string, unknown>[], family: IpFamily, tunDevice: string): LinkRoute[] =>
  main.flatMap(({ dst, dev, gateway, type, prefsrc, nexthops }) => {
    const isOnLink = gateway === undefined && nexthops === undefined && (type === undefined || type === 'unicast')
    if (!isOnLink || typeof dst !== 'string' || typeof dev !== 'string') return []
    if (dst === 'default' || dev === tunDevice || dev === 'lo' || LINK_LOCAL.test(dst)) return []
    const source = typeof prefsrc === 'string' ? { source: prefsrc } : {}
    return [{ prefix: canonicalPrefix(dst, family), device: dev, ...source }]
  })

/** Returns the addresses of all devices but the tunnel device, sorted. */
const addressesIn = (links: readonly Record<string, unknown>[], tunDevice: string): string[] =>
  links
    .filter(({ ifname }) => ifname !== tunDevice)
    .flatMap(({ addr_info: infos }) => (Array.isArray(infos) ? infos.filter(isObject) : []))
    .flatMap(({ local }) => (typeof local === 'string' ? [local] : []))
    .toSorted()

/** Returns words for the rules and routes that were applied and are not there. */
const missing = (family: IpFamily, applied: RoutingState | undefined, present: RoutingState): string[] => {
  if (applied === undefined) return []
  const lost = applied.rules.filter((rule) => !present.rules.includes(rule))
  const words = new Set(lost.map((rule) => `the rule with ${rule.split(' ').slice(0, 2).join(' ')}`))
  for (const [table, routes] of applied.routes) {
    const there = new Set((present.routes.get(table) ?? []).map(routeText))
    if (routes.some((route) => !there.has(routeText(route)))) words.add(`routes of table ${table.table}`)
  }
  return [...words].map((word) => `${word} (${FAMILIES[family]})`)
}

const textOf = ({ rules, routes }: RoutingState): string =>
  JSON.stringify([rules.toSorted(), OWN_TABLES.map((table) => (routes.get(table) ?? []).map(routeText).toSorted())])

const batch = async (family: IpFamily, lines: readonly string[]): Promise<void> => {
  if (lines.length > 0) await runCommand('ip', [family, '-batch', '-'], `${lines.join('\n')}\n`)
}

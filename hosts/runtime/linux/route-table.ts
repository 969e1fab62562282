import { OWN_SOCKET_MARK } from '../../../core/runtime/network-configuration.ts'
import { CommandError, runCommand } from '../process/run-command.ts'
import { canonicalPrefix, parseList, tolerate, type IpFamily } from './ip-command.ts'

/**
 * Routing tables of the client, with the priority of the rule of each. All sockets use them, except the client's own
 * marked ones. In order: `RESOURCES`; `LINKS`, the directly connected networks, which stay local; `INTERNET`, default
 * routes for an Internet resource. Wire §6
 */
export const RESOURCES = { table: 0x2021fd00, priority: 100 }
export const LINKS = { table: 0x2021fd01, priority: 200 }
export const INTERNET = { table: 0x2021fd02, priority: 300 }

export interface LinkRoute {
  /** Destination prefix, with its length. */
  prefix: string
  device: string
  /** Source address for connections over this route; the kernel's choice by default. */
  source?: string
}

/** Route of type `throw`: ends the lookup in this table, and the next rule decides. */
export interface ThrowRoute {
  prefix: string
  type: 'throw'
}

type Route = LinkRoute | ThrowRoute

/** Routing table of the client, with the rule that makes all sockets use it except the client's own marked ones. */
export class RouteTable {
  readonly #table: string
  readonly #priority: string
  readonly #ruled = new Set<IpFamily>()

  constructor({ table, priority }: { table: number; priority: number }) {
    this.#table = String(table)
    this.#priority = String(priority)
  }

  /** Makes the table hold exactly these routes, by differences. An empty table has no rule. */
  async set(family: IpFamily, routes: readonly Route[]): Promise<void> {
    if (routes.length === 0 && !this.#ruled.has(family)) return
    const wanted = [...new Map(routes.map((route) => [route.prefix, route])).values()]
    const present = await this.#routes(family)
    const kept = present.filter((route) => wanted.some((each) => textOf(each) === textOf(route)))
    const lines = [
      ...present
        .filter((route) => !kept.includes(route))
        .map((route) => `route del ${goalOf(route)} table ${this.#table}`),
      ...wanted
        .filter((route) => !kept.some((each) => textOf(each) === textOf(route)))
        .map((route) => `route replace ${textOf(route)} table ${this.#table}`),
    ]
    if (lines.length > 0) await runCommand('ip', [family, '-batch', '-'], `${lines.join('\n')}\n`)
    if (routes.length > 0) await this.#setRule(family)
    else await this.#removeRule(family)
  }

  async clear(): Promise<void> {
    for (const family of this.#ruled) {
      await this.#removeRule(family)
      await tolerate(runCommand('ip', [family, 'route', 'flush', 'table', this.#table]))
    }
  }

  async #routes(family: IpFamily): Promise<Route[]> {
    let text: string
    try {
      text = await runCommand('ip', ['-j', family, 'route', 'show', 'table', this.#table])
    } catch (error) {
      if (error instanceof CommandError && /FIB table does not exist/.test(error.stderr)) return []
      throw error
    }
    return parseList(text).map(({ type, dst, dev, prefsrc }) => {
      const prefix = canonicalPrefix(String(dst), family)
      if (type === 'throw') return { prefix, type }
      const source = typeof prefsrc === 'string' ? { source: prefsrc } : {}
      return { prefix, device: typeof dev === 'string' ? dev : '', ...source }
    })
  }

  async #setRule(family: IpFamily): Promise<void> {
    if (this.#ruled.has(family)) return
    await this.#removeRule(family) // a rule left by a crashed run
    this.#ruled.add(family)
    const selector = ['not', 'fwmark', `0x${OWN_SOCKET_MARK.toString(16)}`]
    const rule = ['rule', 'add', 'priority', this.#priority, ...selector, 'lookup', this.#table]
    await runCommand('ip', [family, ...rule])
  }

  async #removeRule(family: IpFamily): Promise<void> {
    const rules = parseList(await runCommand('ip', ['-j', family, 'rule', 'show', 'priority', this.#priority]))
    for (const rule of rules) {
      if (String(rule['table']) !== this.#table) continue
      await runCommand('ip', [family, 'rule', 'del', 'priority', this.#priority, 'lookup', this.#table])
    }
    this.#ruled.delete(family)
  }
}

/** Removes rules and routes of the client's tables, left by any run. Returns whether there were rules. */
export const removeRoutes = async (): Promise<boolean> => {
  let found = false
  for (const family of ['-4', '-6'] satisfies IpFamily[]) {
    const rules = parseList(await runCommand('ip', ['-j', family, 'rule', 'show']).catch(nothing))
    for (const { table, priority } of rules) {
      if (!OUR_TABLES.includes(Number(table))) continue
      found = true
      await runCommand('ip', [family, 'rule', 'del', 'priority', String(priority), 'lookup', String(table)])
    }
    for (const table of OUR_TABLES) await tolerate(runCommand('ip', [family, 'route', 'flush', 'table', String(table)]))
  }
  return found
}

const OUR_TABLES = [RESOURCES, LINKS, INTERNET].map(({ table }) => table)

/** Returns an empty list for a failed command, as on a kernel without IPv6. */
const nothing = (error: unknown): string => {
  if (error instanceof CommandError) return '[]'
  throw error
}

const goalOf = (route: Route): string => {
  if ('type' in route) return `${route.type} ${route.prefix}`
  return `${route.prefix}${route.device === '' ? '' : ` dev ${route.device}`}`
}

const textOf = (route: Route): string =>
  `${goalOf(route)}${'source' in route && route.source !== undefined ? ` src ${route.source}` : ''}`

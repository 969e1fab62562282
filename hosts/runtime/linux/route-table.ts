import { OWN_SOCKET_MARK } from '../../../core/runtime/network-configuration.ts'
import { CommandError, runCommand } from '../process/run-command.ts'
import { canonicalPrefix, parseList, tolerate, type IpFamily } from './ip-command.ts'

/**
 * wire §6: the client's routes lie in tables of their own, which all but its own marked sockets look into: resources; what is on
 * the machine's own links, which stays there whatever comes next; everything, where there is an Internet resource.
 */
export const RESOURCES = { table: 0x2021fd00, priority: 100 }
export const LINKS = { table: 0x2021fd01, priority: 200 }
export const INTERNET = { table: 0x2021fd02, priority: 300 }

export interface LinkRoute {
  /** With its length. */
  prefix: string
  device: string
  /** Which of the machine's addresses to speak from; the kernel's choice by default. */
  source?: string
}

/** Sends back what it matches: the rules that follow the table's decide. */
export interface ThrowRoute {
  prefix: string
  type: 'throw'
}

type Route = LinkRoute | ThrowRoute

/** One of the client's routing tables, with the rule that leads there all sockets but its own marked ones. */
export class RouteTable {
  readonly #table: string
  readonly #priority: string
  readonly #ruled = new Set<IpFamily>()

  constructor({ table, priority }: { table: number; priority: number }) {
    this.#table = String(table)
    this.#priority = String(priority)
  }

  /** Makes it hold exactly these, by differences. One that holds nothing has no rule. */
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
    await this.#removeRule(family) // what a crashed run left
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

/** Removes the rules and routes of our tables, whichever run made them. Says whether there were any. */
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

/** A kernel without IPv6 has none of its rules. */
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

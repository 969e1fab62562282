import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { canonicalAddress } from '../../../core/net/ip-address.ts'
import { OWN_SOCKET_MARK, type NetworkConfiguration } from '../../../core/runtime/network-configuration.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { CommandError, runCommand } from '../run-command.ts'
import { Forwarding } from './forwarding.ts'

/** protocol.md §6: the client's routes lie in a table of their own, which all but its own marked sockets look into. */
const ROUTE_TABLE = 0x2021fd00
const RULE_PRIORITY = 100

type IpFamily = '-4' | '-6'
const FAMILIES: readonly IpFamily[] = ['-4', '-6']

const familyOf = (address: string): IpFamily => (address.includes(':') ? '-6' : '-4')

/** Linux's network by `ip` and `nft`. Differences only are applied, so that a repetition disturbs nothing. */
export class LinuxNetworkConfiguration implements NetworkConfiguration {
  readonly #logger: Logger | undefined
  readonly #forwarding: Forwarding
  readonly #devices = new Set<string>()
  readonly #ruled = new Set<IpFamily>()
  #queue: Promise<unknown> = Promise.resolve()

  constructor({ logger }: { logger?: Logger } = {}) {
    this.#logger = logger
    this.#forwarding = new Forwarding()
  }

  setAddresses(device: string, addresses: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      checkDevice(device)
      this.#devices.add(device)
      const wanted = await this.#usable(device, addresses)
      // Before it is up: a link-local address of the kernel's would be announced into the tunnel.
      if (this.#has('-6')) await runCommand('ip', ['link', 'set', 'dev', device, 'addrgenmode', 'none'])
      const present = await this.#addresses(device)
      const lines = [
        ...present
          .filter((address) => !wanted.includes(address))
          .map((address) => `address del ${address} dev ${device}`),
        ...wanted
          .filter((address) => !present.includes(address))
          .map((address) => `address add ${address} dev ${device}${familyOf(address) === '-6' ? ' nodad' : ''}`),
        `link set dev ${device} up`,
      ]
      await this.#batch(lines)
    })
  }

  setRoutes(device: string, prefixes: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      checkDevice(device)
      this.#devices.add(device)
      const wanted = await this.#usable(device, prefixes)
      for (const family of FAMILIES) {
        if (!this.#has(family)) continue
        const mine = wanted.filter((prefix) => familyOf(prefix) === family)
        await this.#setRule(family)
        const present = await this.#routes(family)
        const kept = present.filter((route) => route.device === device && mine.includes(route.prefix))
        const lines = [
          ...present
            .filter((route) => !kept.includes(route))
            .map(
              (route) =>
                `route del ${route.prefix}${route.device === undefined ? '' : ` dev ${route.device}`} table ${ROUTE_TABLE}`,
            ),
          ...mine
            .filter((prefix) => !kept.some((route) => route.prefix === prefix))
            .map((prefix) => `route replace ${prefix} dev ${device} table ${ROUTE_TABLE}`),
        ]
        await this.#batch(lines, family)
      }
    })
  }

  enableForwarding(device: string, options: { masqueradeIpv4: boolean; masqueradeIpv6: boolean }): Promise<void> {
    return this.#inTurn(() => this.#forwarding.enable(device, options))
  }

  clear(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#forwarding.clear()
      for (const family of this.#ruled) {
        await this.#removeRules(family)
        await tolerate(runCommand('ip', [family, 'route', 'flush', 'table', String(ROUTE_TABLE)]))
      }
      this.#ruled.clear()
      for (const device of this.#devices) {
        // The device may be gone already: it ends with its descriptor.
        await tolerate(runCommand('ip', ['address', 'flush', 'dev', device]))
        await tolerate(runCommand('ip', ['link', 'set', 'dev', device, 'down']))
      }
      this.#devices.clear()
    })
  }

  /** One change at a time: each reads what is there before it writes. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  #has(family: IpFamily): boolean {
    return family === '-4' || existsSync('/proc/sys/net/ipv6/conf/all')
  }

  /** Without the addresses of a family that the host or the device does not have. */
  async #usable(device: string, addresses: readonly string[]): Promise<string[]> {
    const withIpv6 = this.#has('-6') && (await enableIpv6(device))
    if (!withIpv6) this.#logger?.debug({ device }, 'the host has no IPv6')
    return addresses.map((text) => canonicalPrefix(text)).filter((prefix) => withIpv6 || familyOf(prefix) === '-4')
  }

  async #addresses(device: string): Promise<string[]> {
    const [link] = parseList(await runCommand('ip', ['-j', 'address', 'show', 'dev', device]))
    const list = Array.isArray(link?.['addr_info']) ? link['addr_info'].filter(isObject) : []
    return list.map((info) => `${String(info['local'])}/${String(info['prefixlen'])}`)
  }

  async #routes(family: IpFamily): Promise<{ prefix: string; device: string | undefined }[]> {
    let text: string
    try {
      text = await runCommand('ip', ['-j', family, 'route', 'show', 'table', String(ROUTE_TABLE)])
    } catch (error) {
      if (error instanceof CommandError && /FIB table does not exist/.test(error.stderr)) return []
      throw error
    }
    return parseList(text).map((route) => ({
      prefix: canonicalPrefix(String(route['dst']), family),
      device: typeof route['dev'] === 'string' ? route['dev'] : undefined,
    }))
  }

  async #setRule(family: IpFamily): Promise<void> {
    if (this.#ruled.has(family)) return
    this.#ruled.add(family)
    await this.#removeRules(family) // what a crashed run left
    const selector = ['not', 'fwmark', `0x${OWN_SOCKET_MARK.toString(16)}`]
    await runCommand('ip', [
      family,
      'rule',
      'add',
      'priority',
      String(RULE_PRIORITY),
      ...selector,
      'lookup',
      String(ROUTE_TABLE),
    ])
  }

  async #removeRules(family: IpFamily): Promise<void> {
    const rules = parseList(await runCommand('ip', ['-j', family, 'rule', 'show', 'priority', String(RULE_PRIORITY)]))
    for (const rule of rules) {
      if (Number(rule['table']) !== ROUTE_TABLE) continue
      await runCommand('ip', [family, 'rule', 'del', 'priority', String(RULE_PRIORITY), 'lookup', String(ROUTE_TABLE)])
    }
  }

  async #batch(lines: readonly string[], family?: IpFamily): Promise<void> {
    if (lines.length === 0) return
    await runCommand('ip', [...(family === undefined ? [] : [family]), '-batch', '-'], `${lines.join('\n')}\n`)
  }
}

/** Containers often have IPv6 switched off by default for new devices. */
const enableIpv6 = async (device: string): Promise<boolean> => {
  try {
    await writeFile(`/proc/sys/net/ipv6/conf/${device}/disable_ipv6`, '0')
    return true
  } catch {
    // Not there, or a read-only /proc/sys, where it may be on already.
    const off = await readFile(`/proc/sys/net/ipv6/conf/${device}/disable_ipv6`, 'utf8').catch(() => '1')
    return off.trim() === '0'
  }
}

/** Always with a length, and in the one way to write it. What is no prefix never reaches a command. */
const canonicalPrefix = (text: string, family?: IpFamily): string => {
  if (text === 'default') return family === '-6' ? '::/0' : '0.0.0.0/0'
  const [, address = '', length] = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const canonical = canonicalAddress(address)
  const longest = canonical?.includes(':') === true ? 128 : 32
  if (canonical === undefined || Number(length ?? 0) > longest) throw new Error(`not an address or a prefix: ${text}`)
  return `${canonical}/${length ?? longest}`
}

const checkDevice = (device: string): void => {
  if (!/^[A-Za-z0-9_.-]{1,15}$/.test(device)) throw new Error(`not a device name: ${device}`)
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** `ip -j` prints an empty line or a list that begins with `{}` where there is nothing. */
const parseList = (text: string): Record<string, unknown>[] => {
  const value: unknown = JSON.parse(text.trim() === '' ? '[]' : text)
  return Array.isArray(value) ? value.filter(isObject).filter((entry) => Object.keys(entry).length > 0) : []
}

const tolerate = async (work: Promise<unknown>): Promise<void> => {
  try {
    await work
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
  }
}

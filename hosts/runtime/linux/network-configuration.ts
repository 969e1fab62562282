import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../../../core/runtime/logger.ts'
import type { ForwardingOptions, NetworkConfiguration } from '../../../core/runtime/network-configuration.ts'
import { runCommand } from '../process/run-command.ts'
import { DeviceGuard } from './device-guard.ts'
import { Forwarding } from './forwarding.ts'
import { canonicalPrefix, isObject, parseList, tolerate, type IpFamily } from './ip-command.ts'
import { claimMachine } from './machine-owner.ts'
import { INTERNET, LINKS, RESOURCES, RouteTable, type LinkRoute } from './route-table.ts'

const EVERYTHING: readonly string[] = ['0.0.0.0/0', '::/0']
/**
 * Link-local, multicast and broadcast addresses, which even a full tunnel leaves to the machine's own routing tables.
 */
const NEVER_REMOTE: Readonly<Record<IpFamily, readonly string[]>> = {
  '-4': ['169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32'],
  '-6': ['fe80::/10', 'ff00::/8'],
}
/** Link-local routes: every link has them, so only the kernel's own table can tell which link is meant. */
const LINK_LOCAL = /^(?:169\.254\.|fe80:)/

const FAMILIES: readonly IpFamily[] = ['-4', '-6']

const familyOf = (address: string): IpFamily => (address.includes(':') ? '-6' : '-4')

export interface LinuxNetworkOptions {
  logger?: Logger
  stateFolder?: string
}

/**
 * Configures Linux's network with `ip` and `nft`. Applies differences only, so that a repeated call disturbs nothing.
 */
export class LinuxNetworkConfiguration implements NetworkConfiguration {
  readonly #logger: Logger | undefined
  readonly #forwarding: Forwarding
  readonly #guard: DeviceGuard
  readonly #devices = new Set<string>()
  readonly #resources = new RouteTable(RESOURCES)
  readonly #links = new RouteTable(LINKS)
  readonly #internet = new RouteTable(INTERNET)
  #queue: Promise<unknown> = Promise.resolve()

  /** `stateFolder`: folder for a record of changes to the machine, to undo them after a crash. */
  constructor({ logger, stateFolder }: LinuxNetworkOptions = {}) {
    this.#logger = logger
    this.#forwarding = new Forwarding({
      record: stateFolder === undefined ? undefined : join(stateFolder, 'forwarding.json'),
    })
    this.#guard = new DeviceGuard(logger)
  }

  claim(device: string): Promise<void> {
    return this.#inTurn(() => {
      checkDevice(device)
      return claimMachine(device)
    })
  }

  setAddresses(device: string, addresses: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      checkDevice(device)
      this.#devices.add(device)
      const wanted = await this.#usable(device, addresses)
      // Before the device is up: the kernel would announce a link-local address of its own into the tunnel.
      if (this.#has('-6')) await runCommand('ip', ['link', 'set', 'dev', device, 'addrgenmode', 'none'])
      // Before the device has an address: otherwise the machine would answer neighbours for a moment.
      await this.#guard.set({ device, addresses: wanted.map((each) => each.replace(/\/.*/, '')), forwards: false })
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
      await this.#guard.refresh()
      const wanted = await this.#usable(device, prefixes)
      for (const family of FAMILIES) {
        if (!this.#has(family)) continue
        const mine = wanted.filter((prefix) => familyOf(prefix) === family)
        const everything = mine.filter((prefix) => EVERYTHING.includes(prefix))
        // Local networks are set first, so that their packets never enter the tunnel.
        await this.#links.set(family, everything.length === 0 ? [] : await this.#onLinks(family, device))
        const routes = mine.filter((prefix) => !everything.includes(prefix))
        await this.#resources.set(
          family,
          routes.map((prefix) => ({ prefix, device })),
        )
        await this.#internet.set(
          family,
          everything.flatMap((prefix) => [
            ...NEVER_REMOTE[family].map((local) => ({ prefix: local, type: 'throw' }) as const),
            { prefix, device },
          ]),
        )
      }
    })
  }

  enableForwarding(device: string, options: ForwardingOptions): Promise<void> {
    return this.#inTurn(async () => {
      await this.#forwarding.enable(device, options)
      await this.#guard.leaveForwarding()
    })
  }

  clear(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#forwarding.clear()
      for (const table of [this.#internet, this.#links, this.#resources]) await table.clear()
      for (const device of this.#devices) {
        // The device may be gone already: the kernel removes it when its descriptor is closed.
        await tolerate(runCommand('ip', ['address', 'flush', 'dev', device]))
        await tolerate(runCommand('ip', ['link', 'set', 'dev', device, 'down']))
      }
      this.#devices.clear()
      await this.#guard.clear()
    })
  }

  /** Runs changes one after another, because each reads the present state before it writes. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  #has(family: IpFamily): boolean {
    return family === '-4' || existsSync('/proc/sys/net/ipv6/conf/all')
  }

  /** Returns canonical prefixes, without IPv6 if the machine or the device has none. */
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

  /** Returns the routes to directly connected networks in the main routing table. */
  async #onLinks(family: IpFamily, tunDevice: string): Promise<LinkRoute[]> {
    const routes = parseList(await runCommand('ip', ['-j', family, 'route', 'show', 'table', 'main']))
    return routes.flatMap(({ dst, dev, gateway, type, prefsrc, nexthops }) => {
      const isOnLink = gateway === undefined && nexthops === undefined && (type === undefined || type === 'unicast')
      if (!isOnLink || typeof dst !== 'string' || typeof dev !== 'string') return []
      if (dst === 'default' || dev === tunDevice || dev === 'lo' || LINK_LOCAL.test(dst)) return []
      const source = typeof prefsrc === 'string' ? { source: prefsrc } : {}
      return [{ prefix: canonicalPrefix(dst, family), device: dev, ...source }]
    })
  }

  async #batch(lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await runCommand('ip', ['-batch', '-'], `${lines.join('\n')}\n`)
  }
}

/** Switches IPv6 on for a device, as containers often have it off for new devices. Returns whether it is on. */
const enableIpv6 = async (device: string): Promise<boolean> => {
  try {
    await writeFile(`/proc/sys/net/ipv6/conf/${device}/disable_ipv6`, '0')
    return true
  } catch {
    // The machine has no IPv6, or /proc/sys is read-only and IPv6 may be on already.
    const off = await readFile(`/proc/sys/net/ipv6/conf/${device}/disable_ipv6`, 'utf8').catch(() => '1')
    return off.trim() === '0'
  }
}

const checkDevice = (device: string): void => {
  if (!/^[A-Za-z0-9_.-]{1,15}$/.test(device)) throw new Error(`not a device name: ${device}`)
}

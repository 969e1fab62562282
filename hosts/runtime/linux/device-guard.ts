import { formatPrefix } from '../../../core/net/prefix.ts'
import { OWN_ADDRESSES } from '../../../core/net/reserved-range.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { CommandError, runCommand } from '../process/run-command.ts'
import { parseList, tolerate, type IpFamily } from './ip-command.ts'

/** Name of the nft table. */
const TABLE = 'portreeve-guard'
const [OWN_IPV4, OWN_IPV6] = [formatPrefix(OWN_ADDRESSES[0]), formatPrefix(OWN_ADDRESSES[1])]

export interface GuardedDevice {
  device: string
  /** Addresses of the device, without prefix length. */
  addresses: readonly string[]
  /** Whether other rules decide what is forwarded into the device, as at a gateway; the guard then does not. */
  forwards: boolean
}

/**
 * Keeps neighbours of the machine out of the tunnel (P9, D16), by an nft table of its own. Linux answers for an address
 * on every device, and forwards into the tunnel if forwarding is on for any reason. So packets to the tunnel device's
 * addresses are dropped on all other devices, and only packets from the machine's own bridges (its containers and
 * virtual machines) are forwarded into a client's device: not from a bridge with a default route, and not with a source
 * address that is routed elsewhere (`fib`, since IPv6 has no rp_filter, and IPv4's may be off).
 */
export class DeviceGuard {
  readonly #logger: Logger | undefined
  #guarded: GuardedDevice | undefined
  #applied = ''

  constructor(logger: Logger | undefined) {
    this.#logger = logger
  }

  get device(): string | undefined {
    return this.#guarded?.device
  }

  async set(guarded: GuardedDevice): Promise<void> {
    this.#guarded = guarded
    await this.refresh()
  }

  /** Leaves decisions on forwarding into the device to other rules. */
  async leaveForwarding(): Promise<void> {
    if (this.#guarded !== undefined) await this.set({ ...this.#guarded, forwards: true })
  }

  /** Updates the rules, as default routes may have changed. If nft is missing or fails, only logs a warning. */
  async refresh(): Promise<void> {
    if (this.#guarded === undefined) return
    const wanted = ruleset(this.#guarded, await uplinks())
    if (wanted === this.#applied) return
    try {
      await runCommand('nft', ['-f', '-'], wanted)
      this.#applied = wanted
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      const { device } = this.#guarded
      this.#logger?.warn(
        { device, error },
        'neighbours can reach the tunnel’s addresses: nft is missing or refuses the rules',
      )
    }
  }

  async clear(): Promise<void> {
    this.#guarded = undefined
    if (this.#applied === '') return
    this.#applied = ''
    await removeGuard()
  }
}

/** Removes the nft table, whether of this process or of one that was killed. Returns whether there was one. */
export const removeGuard = async (): Promise<boolean> => {
  try {
    await runCommand('nft', ['delete', 'table', 'inet', TABLE])
    return true
  } catch (error) {
    if (error instanceof CommandError) return false
    throw error
  }
}

/** Returns devices with a default route: packets that arrive there are not from this machine's containers. */
const uplinks = async (): Promise<string[]> => {
  const found = new Set<string>()
  for (const family of ['-4', '-6'] satisfies IpFamily[]) {
    await tolerate(
      runCommand('ip', ['-j', family, 'route', 'show', 'default']).then((text) => {
        for (const { dev } of parseList(text)) if (typeof dev === 'string') found.add(dev)
      }),
    )
  }
  return [...found].filter((device) => /^[^\s"\\]{1,15}$/.test(device)).toSorted()
}

const ruleset = ({ device, addresses, forwards }: GuardedDevice, outer: readonly string[]): string => {
  const tun = `"${device}"`
  const own = (family: 'ip' | 'ip6'): string[] =>
    addresses
      .filter((address) => address.includes(':') === (family === 'ip6'))
      .map((each) => `${family} daddr ${each} drop`)
  const forward = [
    `oifname != ${tun} accept`,
    `fib saddr . iif oif missing drop`,
    ...(outer.length === 0 ? [] : [`iifname { ${outer.map((each) => `"${each}"`).join(', ')} } jump neighbours`]),
    `meta iifkind "bridge" accept`,
    `jump neighbours`,
  ]
  return `
table inet ${TABLE} {
}
delete table inet ${TABLE}
table inet ${TABLE} {
  chain neighbours {
    ip daddr ${OWN_IPV4} drop
    ip6 daddr ${OWN_IPV6} drop
    reject with icmpx admin-prohibited
  }
  chain input {
    type filter hook input priority filter - 10
    policy accept
    iifname { "lo", ${tun} } accept
${[...own('ip'), ...own('ip6')].map((rule) => `    ${rule}\n`).join('')}  }
  chain forward {
    type filter hook forward priority filter - 10
    policy accept
${(forwards ? [] : forward).map((rule) => `    ${rule}\n`).join('')}  }
}
`
}

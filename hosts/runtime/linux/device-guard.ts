import { formatPrefix } from '../../../core/net/prefix.ts'
import { OWN_ADDRESSES } from '../../../core/net/reserved-range.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { CommandError, runCommand } from '../process/run-command.ts'
import { parseList, tolerate, type IpFamily } from './ip-command.ts'

/** The nft table of this machine's client or gateway. */
const TABLE = 'portreeve-guard'
const [OWN_IPV4, OWN_IPV6] = [formatPrefix(OWN_ADDRESSES[0]), formatPrefix(OWN_ADDRESSES[1])]

export interface GuardedDevice {
  device: string
  /** Its addresses, without prefix length. */
  addresses: readonly string[]
  /** Whether the machine's own forwarding rules say what may go into the device, as at a gateway. */
  forwards: boolean
}

/**
 * Keeps neighbours away from the tunnel (P9, D16), in an nft table of its own. Linux answers for an address on whatever device a packet comes,
 * and where anything on the machine has switched forwarding on, it is a router into the tunnel, too. So the device's addresses are
 * dropped on all other devices, and nothing is forwarded into a client's device but what comes from the machine's own bridges, which are its
 * containers and virtual machines: not from a bridge with a default route, and not with a sender that lives elsewhere (`fib`, since IPv6 has
 * no rp_filter, and IPv4's may be off).
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

  /** Whatever else forwards into the device from now on is said by other rules. */
  async leaveForwarding(): Promise<void> {
    if (this.#guarded !== undefined) await this.set({ ...this.#guarded, forwards: true })
  }

  /** Again, for the machine's default routes may be elsewhere. */
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

/** Removes the table, of this run or of one that was killed. Says whether there was one. */
export const removeGuard = async (): Promise<boolean> => {
  try {
    await runCommand('nft', ['delete', 'table', 'inet', TABLE])
    return true
  } catch (error) {
    if (error instanceof CommandError) return false
    throw error
  }
}

/** Devices with a default route: whoever comes from there is no part of this machine. */
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

import { formatPrefix, type Prefix } from '../../../core/net/prefix.ts'
import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import type { Comparison } from '../../../core/upkeep/reconciler.ts'
import { CommandError, runCommand } from '../process/run-command.ts'
import type { HostPart } from './host-part.ts'
import { NftTable } from './nft-table.ts'
import { uplinks } from './uplinks.ts'

/** Name of the nft table. */
const TABLE = 'portreeve-guard'

export interface GuardedDevice {
  device: string
  /** Addresses of the device, without prefix length. */
  addresses: readonly string[]
  /** Whether other rules decide what is forwarded into the device, as at a gateway; the guard then does not. */
  forwards: boolean
  /** Ranges that belong to tunnels: what is sent there is dropped in silence, as if nobody were there. */
  own: readonly Prefix[]
}

/**
 * Keeps neighbours of the machine out of the tunnel (P9, D16), by an nft table of its own. Linux answers for an address
 * on every device, and forwards into the tunnel if forwarding is on for any reason. So packets to the tunnel device's
 * addresses are dropped on all other devices, and only packets from the machine's own bridges (its containers and
 * virtual machines) are forwarded into a client's device: not from a bridge with a default route, and not with a source
 * address that is routed elsewhere (`fib`, since IPv6 has no rp_filter, and IPv4's may be off).
 */
export class DeviceGuard implements HostPart {
  readonly name = 'filter against neighbours'
  #guarded: GuardedDevice | undefined
  #applied = ''
  readonly #table = new NftTable(TABLE)

  /** Sets what is wanted. */
  want(guarded: GuardedDevice): void {
    this.#guarded = guarded
  }

  /** Leaves decisions on forwarding into the device to other rules. */
  leaveForwarding(): void {
    if (this.#guarded !== undefined) this.#guarded = { ...this.#guarded, forwards: true }
  }

  async compare(): Promise<Comparison> {
    if (this.#guarded === undefined) return { lacking: [], problems: [] }
    const lacking = (await this.#table.isIntact()) ? [] : [`the nft table ${TABLE}`]
    return { lacking, problems: [], isOutdated: ruleset(this.#guarded, await uplinks()) !== this.#applied }
  }

  async repair(): Promise<void> {
    if (this.#guarded === undefined) return
    const wanted = ruleset(this.#guarded, await uplinks())
    if (wanted === this.#applied && (await this.#table.isIntact())) return
    await this.#table.replace(wanted)
    this.#applied = wanted
  }

  async clear(): Promise<void> {
    this.#guarded = undefined
    if (this.#applied === '') return
    this.#applied = ''
    await removeGuard()
  }

  problemOf(error: unknown): HostProblem {
    return {
      code: 'neighbours_unfiltered',
      said: `neighbours of this machine can reach the tunnel’s addresses: nft is missing or refuses the rules (${error instanceof Error ? error.message : String(error)})`,
      remedy: 'Install nftables, with a kernel that has nf_tables.',
      blocks: false,
    }
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

const ruleset = ({ device, addresses, forwards, own: ranges }: GuardedDevice, outer: readonly string[]): string => {
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
${ranges.map((range) => `    ${range.address.length === 4 ? 'ip' : 'ip6'} daddr ${formatPrefix(range)} drop\n`).join('')}    reject with icmpx admin-prohibited
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

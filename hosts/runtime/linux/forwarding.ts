import type { PrefixPair } from '../../../core/net/address-ranges.ts'
import { formatPrefix } from '../../../core/net/prefix.ts'
import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import type { ForwardingOptions } from '../../../core/runtime/network-configuration.ts'
import type { Comparison } from '../../../core/upkeep/reconciler.ts'
import { CommandError, runCommand } from '../process/run-command.ts'
import { ClosingRules } from './closing-rules.ts'
import { ForwardingSwitches, type ForwardedFamily } from './forwarding-switches.ts'
import type { HostPart } from './host-part.ts'
import { NftTable } from './nft-table.ts'

/** Settings of a gateway's forwarding, with the source addresses that are accepted from the tunnel device. */
interface ForwardingWanted extends ForwardingOptions {
  tunnel: PrefixPair
}

const TABLE = 'portreeve'

/** ICMP accepted at the gateway's tunnel addresses: pings, and errors about the gateway's answers. */
const PINGS_AND_ERRORS = [
  'icmp type { echo-request, echo-reply, destination-unreachable }',
  'icmpv6 type { echo-request, echo-reply, destination-unreachable, packet-too-big }',
]

/**
 * Forwarding of a gateway, by an nft table of its own: from the tunnel device for tunnel addresses, and back for
 * answers. Packets from the tunnel to this machine itself have a grant already, since a granted prefix may cover the
 * machine; the input chain drops the others: foreign source addresses, broadcast and anycast, and all but the gateway's
 * services at its tunnel addresses. A family that the machine did not forward before stays closed to other traffic,
 * until another program switches forwarding on. It is closed twice, by the table and by routing rules, so that a flush
 * of one opens nothing.
 */
export class Forwarding implements HostPart {
  readonly name = 'forwarding rules'
  readonly #switches: ForwardingSwitches
  readonly #table = new NftTable(TABLE)
  readonly #closing = new ClosingRules()
  #enabled: { device: string; options: ForwardingWanted } | undefined
  #applied = ''

  /** `record`: path of a file that records changes to the kernel's switches, to undo them after a crash. */
  constructor({ record }: { record?: string | undefined } = {}) {
    this.#switches = new ForwardingSwitches(record)
  }

  /** Sets what is wanted. */
  want(device: string, options: ForwardingWanted): void {
    if (!/^[^\s"/\\]{1,15}$/.test(device)) throw new Error(`not a device name: ${device}`)
    this.#enabled = { device, options }
  }

  async compare(): Promise<Comparison> {
    if (this.#enabled === undefined) return { lacking: [], problems: [] }
    const { device, options } = this.#enabled
    // Another program (container runtime, hypervisor, operator) may have switched forwarding on: a family opens again.
    await this.#switches.leaveToOthers()
    const lacking = [
      ...((await this.#table.isIntact()) ? [] : [`the nft table ${TABLE}`]),
      ...(await this.#closing.lacking()),
      ...(await this.#switches.lacking()),
    ]
    return {
      lacking,
      isIpv6Only: lacking.every((text) => text === 'forwarding of IPv6'),
      problems: await this.#switches.problems(device),
      isOutdated: ruleset(device, this.#switches, options) !== this.#applied,
    }
  }

  async repair(): Promise<void> {
    if (this.#enabled === undefined) return
    const { device, options } = this.#enabled
    const before = await chains()
    await this.#switches.take(FAMILIES.filter((family) => before.has(chainOf(family))))
    // The rules are applied before the switches: otherwise everything would be forwarded for a moment.
    await this.#closing.set(device, this.#switches)
    const wanted = ruleset(device, this.#switches, options)
    if (wanted !== this.#applied || !(await this.#table.isIntact())) await this.#table.replace(wanted)
    this.#applied = wanted
    await this.#switches.turnOn(device)
  }

  async clear(): Promise<void> {
    if (this.#enabled === undefined) return
    this.#enabled = undefined
    this.#applied = ''
    await this.#switches.turnOff()
    await this.#closing.clear()
    await this.#table.remove()
  }

  /** Undoes what a run that crashed has left, by its record and by the chains of its table. Returns whether there was a table. */
  async clearLeft(): Promise<boolean> {
    const left = await chains()
    await this.#switches.take(FAMILIES.filter((family) => left.has(chainOf(family))))
    await this.#switches.turnOff()
    await this.#closing.clear()
    await this.#table.remove()
    return left.size > 0
  }

  problemOf(error: unknown): HostProblem {
    return {
      code: 'forwarding_failed',
      said: `packets of clients cannot be forwarded: ${error instanceof Error ? error.message : String(error)}`,
      remedy:
        'Install nftables, with a kernel that has nf_tables and NAT, and look whether the process has CAP_NET_ADMIN.',
      blocks: true,
    }
  }
}

const FAMILIES = ['ipv4', 'ipv6'] as const
/**
 * Name of the chain that closes a family to other traffic; found by the next start, it tells that a run has crashed.
 */
const chainOf = (family: ForwardedFamily): string => `closed_${family}`

/** Returns the names of the table's chains, whether of this run or of one that crashed. */
const chains = async (): Promise<ReadonlySet<string>> => {
  let text: string
  try {
    text = await runCommand('nft', ['-j', 'list', 'table', 'inet', TABLE])
  } catch (error) {
    if (error instanceof CommandError && /No such file or directory/.test(error.stderr)) return new Set()
    throw error
  }
  const { nftables = [] }: { nftables?: { chain?: { name?: string } }[] } = JSON.parse(text)
  return new Set(nftables.flatMap(({ chain }) => (chain?.name === undefined ? [] : [chain.name])))
}

const ruleset = (
  device: string,
  { closed, routers }: Pick<ForwardingSwitches, 'closed' | 'routers'>,
  { masqueradeIpv4, masqueradeIpv6, servicePort, tunnel }: ForwardingWanted,
): string => {
  const [ipv4, ipv6] = tunnel.map(formatPrefix)
  const tun = `"${device}"`
  // The table is replaced in one transaction; it is declared first because deleting an absent table is an error.
  return `
table inet ${TABLE} {
}
delete table inet ${TABLE}
table inet ${TABLE} {
  chain forward {
    type filter hook forward priority filter
    policy accept
    iifname ${tun} oifname ${tun} drop
    iifname ${tun} ip saddr ${ipv4} accept
    iifname ${tun} ip6 saddr ${ipv6} accept
    iifname ${tun} drop
    oifname ${tun} ct state established,related accept
    oifname ${tun} drop
${closed.map((family) => `    meta nfproto ${family} jump ${chainOf(family)}\n`).join('')}  }
${closed.map((family) => `  chain ${chainOf(family)} {\n${family === 'ipv4' ? theirs(routers) : ''}    drop\n  }\n`).join('')}
  chain input {
    type filter hook input priority filter
    policy accept
    iifname != ${tun} accept
    meta nfproto ipv4 ip saddr != ${ipv4} drop
    meta nfproto ipv6 ip6 saddr != ${ipv6} drop
    fib daddr type != local drop
    meta nfproto ipv4 ip daddr != ${ipv4} accept
    meta nfproto ipv6 ip6 daddr != ${ipv6} accept
${PINGS_AND_ERRORS.map((kinds) => `    ${kinds} accept\n`).join('')}    meta l4proto { tcp, udp } th dport ${servicePort} accept
    drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    policy accept
${masqueradeIpv4 ? `    ip saddr ${ipv4} oifname != ${tun} masquerade\n` : ''}${
    masqueradeIpv6 ? `    ip6 saddr ${ipv6} oifname != ${tun} masquerade\n` : ''
  }  }
}
`
}

/** Returns rules that exempt devices which forwarded before the gateway started. */
const theirs = (routers: readonly string[]): string =>
  routers.map((device) => `    iifname "${device}" return\n`).join('')

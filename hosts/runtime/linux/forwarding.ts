import { formatPrefix } from '../../../core/net/prefix.ts'
import { TUNNEL_ADDRESSES } from '../../../core/net/reserved-range.ts'
import type { ForwardingOptions } from '../../../core/runtime/network-configuration.ts'
import { CommandError, runCommand } from '../process/run-command.ts'
import { ForwardingSwitches, type ForwardedFamily } from './forwarding-switches.ts'

/** Source addresses accepted from the tunnel device. */
const [TUNNEL_IPV4, TUNNEL_IPV6] = [formatPrefix(TUNNEL_ADDRESSES[0]), formatPrefix(TUNNEL_ADDRESSES[1])]

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
 * until another program switches forwarding on.
 */
export class Forwarding {
  readonly #switches: ForwardingSwitches
  #enabled: { device: string; options: ForwardingOptions } | undefined
  #watch: NodeJS.Timeout | undefined

  /** `record`: path of a file that records changes to the kernel's switches, to undo them after a crash. */
  constructor({ record }: { record?: string | undefined } = {}) {
    this.#switches = new ForwardingSwitches(record)
  }

  async enable(device: string, options: ForwardingOptions): Promise<void> {
    if (!/^[^\s"/\\]{1,15}$/.test(device)) throw new Error(`not a device name: ${device}`)
    const before = await chains()
    await this.#switches.take(FAMILIES.filter((family) => before.has(chainOf(family))))
    this.#enabled = { device, options }
    // The rules are applied before the switches: otherwise everything would be forwarded for a moment.
    await this.#apply()
    await this.#switches.turnOn(device)
    this.#watch ??= setInterval(() => void this.#look().catch(() => undefined), WATCH_MS).unref()
  }

  async clear(): Promise<void> {
    if (this.#enabled === undefined) return
    this.#enabled = undefined
    clearInterval(this.#watch)
    this.#watch = undefined
    await this.#switches.turnOff()
    if ((await chains()).size > 0) await runCommand('nft', ['delete', 'table', 'inet', TABLE])
  }

  /**
   * Opens a family again if another program (container runtime, hypervisor, operator) has switched its forwarding on.
   */
  async #look(): Promise<void> {
    if ((await this.#switches.leaveToOthers()) && this.#enabled !== undefined) await this.#apply()
  }

  async #apply(): Promise<void> {
    if (this.#enabled === undefined) return
    const { device, options } = this.#enabled
    await runCommand('nft', ['-f', '-'], ruleset(device, this.#switches, options))
  }
}

const WATCH_MS = 1_000
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
  { masqueradeIpv4, masqueradeIpv6, servicePort }: ForwardingOptions,
): string => {
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
    iifname ${tun} ip saddr ${TUNNEL_IPV4} accept
    iifname ${tun} ip6 saddr ${TUNNEL_IPV6} accept
    iifname ${tun} drop
    oifname ${tun} ct state established,related accept
    oifname ${tun} drop
${closed.map((family) => `    meta nfproto ${family} jump ${chainOf(family)}\n`).join('')}  }
${closed.map((family) => `  chain ${chainOf(family)} {\n${family === 'ipv4' ? theirs(routers) : ''}    drop\n  }\n`).join('')}
  chain input {
    type filter hook input priority filter
    policy accept
    iifname != ${tun} accept
    meta nfproto ipv4 ip saddr != ${TUNNEL_IPV4} drop
    meta nfproto ipv6 ip6 saddr != ${TUNNEL_IPV6} drop
    fib daddr type != local drop
    meta nfproto ipv4 ip daddr != ${TUNNEL_IPV4} accept
    meta nfproto ipv6 ip6 daddr != ${TUNNEL_IPV6} accept
${PINGS_AND_ERRORS.map((kinds) => `    ${kinds} accept\n`).join('')}    meta l4proto { tcp, udp } th dport ${servicePort} accept
    drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    policy accept
${masqueradeIpv4 ? `    ip saddr ${TUNNEL_IPV4} oifname != ${tun} masquerade\n` : ''}${
    masqueradeIpv6 ? `    ip6 saddr ${TUNNEL_IPV6} oifname != ${tun} masquerade\n` : ''
  }  }
}
`
}

/** Returns rules that exempt devices which forwarded before the gateway started. */
const theirs = (routers: readonly string[]): string =>
  routers.map((device) => `    iifname "${device}" return\n`).join('')

import { formatPrefix } from '../../../core/net/prefix.ts'
import { TUNNEL_ADDRESSES } from '../../../core/net/reserved-range.ts'
import type { ForwardingOptions } from '../../../core/runtime/network-configuration.ts'
import { CommandError, runCommand } from '../process/run-command.ts'
import { ForwardingSwitches, type ForwardedFamily } from './forwarding-switches.ts'

/** The only sources that may come out of the tunnel. */
const [TUNNEL_IPV4, TUNNEL_IPV6] = [formatPrefix(TUNNEL_ADDRESSES[0]), formatPrefix(TUNNEL_ADDRESSES[1])]

const TABLE = 'portreeve'

/** Pings at the gateway's tunnel addresses, and what errors say about its answers. */
const PINGS_AND_ERRORS = [
  'icmp type { echo-request, echo-reply, destination-unreachable }',
  'icmpv6 type { echo-request, echo-reply, destination-unreachable, packet-too-big }',
]

/**
 * A gateway's forwarding, in an nft table of its own: out of the tunnel device for the tunnel's addresses, and back for what
 * answers them. What comes out of the tunnel for this machine itself meets the flows' verdict first, as a prefix may be granted that covers
 * it; the input chain stops what no grant is for: other sources, broadcast and anycast, and all but the gateway's services where its tunnel
 * addresses are meant. A family that the host did not forward before is closed for everybody else, until somebody else has it forwarded.
 */
export class Forwarding {
  readonly #switches: ForwardingSwitches
  #enabled: { device: string; options: ForwardingOptions } | undefined
  #watch: NodeJS.Timeout | undefined

  /** `record` is a file in which what was changed is written down, for the start after a crash. */
  constructor({ record }: { record?: string | undefined } = {}) {
    this.#switches = new ForwardingSwitches(record)
  }

  async enable(device: string, options: ForwardingOptions): Promise<void> {
    if (!/^[^\s"/\\]{1,15}$/.test(device)) throw new Error(`not a device name: ${device}`)
    const before = await chains()
    await this.#switches.take(FAMILIES.filter((family) => before.has(chainOf(family))))
    this.#enabled = { device, options }
    // The rules come first, or everything would be forwarded for a moment.
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

  /** Whether somebody else forwards by now: a container runtime, a hypervisor, an operator. What is theirs is not held up. */
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
/** The chain that closes a family: says so to the next start after a crash, too. */
const chainOf = (family: ForwardedFamily): string => `closed_${family}`

/** The names of the table's chains, of this run or of one that crashed. */
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
  // Replaced in one transaction: declared first, as deleting what is not there is an error.
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

/** Devices that were routers by themselves before go on. */
const theirs = (routers: readonly string[]): string =>
  routers.map((device) => `    iifname "${device}" return\n`).join('')

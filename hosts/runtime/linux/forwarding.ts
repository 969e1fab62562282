import { existsSync, readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { formatPrefix } from '../../../core/net/prefix.ts'
import { TUNNEL_ADDRESSES } from '../../../core/net/reserved-range.ts'
import type { ForwardingOptions } from '../../../core/runtime/network-configuration.ts'
import { CommandError, runCommand } from '../run-command.ts'

/** The only sources that may come out of the tunnel. */
const [TUNNEL_IPV4, TUNNEL_IPV6] = [formatPrefix(TUNNEL_ADDRESSES[0]), formatPrefix(TUNNEL_ADDRESSES[1])]

const TABLE = 'portreeve'

interface Switch {
  /** Its chain in the table, where forwarding was off before: says so to the next start after a crash, too. */
  closedChain: string
  path: string
  family: 'ipv4' | 'ipv6'
}

const SWITCHES: readonly Switch[] = [
  { closedChain: 'closed_ipv4', path: '/proc/sys/net/ipv4/ip_forward', family: 'ipv4' },
  { closedChain: 'closed_ipv6', path: '/proc/sys/net/ipv6/conf/all/forwarding', family: 'ipv6' },
]

/** Pings at the gateway's tunnel addresses, and what errors say about its answers. */
const PINGS_AND_ERRORS = [
  'icmp type { echo-request, echo-reply, destination-unreachable }',
  'icmpv6 type { echo-request, echo-reply, destination-unreachable, packet-too-big }',
]

/**
 * A gateway's forwarding, in an nft table of its own: out of the tunnel device for the tunnel's addresses, and back for what
 * answers them. What comes out of the tunnel for this machine itself meets the flows' verdict first, as a prefix may be granted that covers
 * it; the input chain stops what no grant is for: other sources, broadcast and anycast, and all but the gateway's services where its tunnel
 * addresses are meant. Where the host was no router before, everything else stays unforwarded, although the switch is on.
 */
export class Forwarding {
  #enabled = false
  /** Devices whose router advertisements would have been ignored from then on. */
  #advertised: string[] = []

  async enable(device: string, options: ForwardingOptions): Promise<void> {
    if (!/^[^\s"/\\]{1,15}$/.test(device)) throw new Error(`not a device name: ${device}`)
    const before = await this.#chains()
    const closed: Switch[] = []
    const present = SWITCHES.filter(({ path }) => existsSync(path))
    for (const each of present) {
      const off = (await readFile(each.path, 'utf8')).trim() === '0'
      if (off || before.has(each.closedChain)) closed.push(each)
    }
    this.#enabled = true
    // The rules come first, or everything would be forwarded for a moment.
    await runCommand('nft', ['-f', '-'], ruleset(device, closed, options))
    await this.#keepAdvertisements(device)
    for (const { path } of present) await writeFile(path, '1')
  }

  async clear(): Promise<void> {
    if (!this.#enabled) return
    const chains = await this.#chains()
    for (const { closedChain, path } of SWITCHES) if (chains.has(closedChain)) await writeFile(path, '0')
    for (const path of this.#advertised) await writeFile(path, '1').catch(() => undefined) // the device may be gone
    this.#advertised = []
    if (chains.size > 0) await runCommand('nft', ['delete', 'table', 'inet', TABLE])
    this.#enabled = false
  }

  /** The names of the table's chains, of this run or of one that crashed. */
  async #chains(): Promise<ReadonlySet<string>> {
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

  /** A router ignores router advertisements, and would lose its own default route, unless accept_ra is 2. */
  async #keepAdvertisements(device: string): Promise<void> {
    const folder = '/proc/sys/net/ipv6/conf'
    if (!existsSync(folder)) return
    for (const name of readdirSync(folder)) {
      const path = `${folder}/${name}/accept_ra`
      if (name === device || name === 'all' || (await readFile(path, 'utf8').catch(() => '')).trim() !== '1') continue
      await writeFile(path, '2')
      this.#advertised.push(path)
    }
  }
}

const ruleset = (
  device: string,
  closed: readonly Switch[],
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
${closed.map(({ family, closedChain }) => `    meta nfproto ${family} jump ${closedChain}\n`).join('')}  }
${closed.map(({ closedChain }) => `  chain ${closedChain} {\n    drop\n  }\n`).join('')}
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

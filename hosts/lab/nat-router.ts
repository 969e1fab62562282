import { Namespace } from './namespace.ts'
import type { RunDirectory } from './run-directory.ts'

/**
 * Address translation of a router. `one-to-one`: the outside address is the machine's own, in both directions, as in
 * clouds. `preserving`: a port keeps its number outside, and only answers come in. `random`: each connection has a
 * random port outside, and only answers come in.
 */
export type Translation = 'one-to-one' | 'preserving' | 'random'

/** Place of a machine behind a router of its own, which translates IPv4 addresses. */
export interface BehindRouter {
  /** Name of the machine's device; `outside` by default. */
  device?: string
  /** Address of the machine, in a network of 24 bits whose first address is the router's. */
  inside: string
  /** Address of the router outside, in the lab's network of that name. */
  outside: string
  translation: Translation
  /** UDP port outside that is forwarded, and the machine's port behind it. */
  forward?: { from: number; to: number }
}

/** Has a router drop all UDP that it forwards, or let it through again. */
export const setUdpDrop = async (router: Namespace, drops: boolean): Promise<void> => {
  await router.mustRun('nft', drops ? ['add rule ip firewall datagrams drop'] : ['flush chain ip firewall datagrams'])
}

/** Name of both devices between a machine and its router, and of the router's device outside. */
const OUTSIDE = 'outside'
const INSIDE = 'inside'

/**
 * Joins a machine to a network by a router between: a namespace that forwards, translates by nftables, and drops what
 * comes from outside unasked, for itself as for the machine.
 */
export const joinByRouter = async (
  run: RunDirectory,
  machine: Namespace,
  { place, role, to }: { place: BehindRouter; role: string; to: { switches: Namespace; bridge: string; port: string } },
): Promise<Namespace> => {
  const router = await Namespace.create(run, role)
  await router.mustRun('sysctl', ['-qw', 'net.ipv4.ip_forward=1'])
  await router.veth({ device: OUTSIDE, to: to.switches, toDevice: to.port, toBridge: to.bridge })
  await router.address(OUTSIDE, `${place.outside}/24`)
  const { device = OUTSIDE } = place
  await machine.veth({ device, to: router, toDevice: INSIDE })
  const gateway = place.inside.replace(/\d+$/, '1')
  await router.address(INSIDE, `${gateway}/24`)
  await machine.address(device, `${place.inside}/24`)
  await machine.route({ to: 'default', via: gateway })
  await router.mustRun('nft', ['-f', '-'], { input: rules(place) })
  return router
}

const rules = ({ inside, outside, translation, forward }: BehindRouter): string => `
table ip translation {
  chain in {
    type nat hook prerouting priority dstnat
    ${translation === 'one-to-one' ? `iifname "${OUTSIDE}" ip daddr ${outside} dnat to ${inside}` : ''}
    ${forward === undefined ? '' : `iifname "${OUTSIDE}" udp dport ${forward.from} dnat to ${inside}:${forward.to}`}
  }
  chain out {
    type nat hook postrouting priority srcnat
    oifname "${OUTSIDE}" ${translation === 'one-to-one' ? `snat to ${outside}` : MASQUERADE[translation]}
  }
}
table ip firewall {
  chain datagrams {
  }
  chain through {
    type filter hook forward priority filter; policy drop
    meta l4proto udp jump datagrams
    iifname "${INSIDE}" accept
    ct state established,related accept
    ct status dnat accept
  }
  chain itself {
    type filter hook input priority filter; policy drop
    iifname { "lo", "${INSIDE}" } accept
    ct state established,related accept
  }
}
`

const MASQUERADE = { preserving: 'masquerade', random: 'masquerade fully-random' } as const

import { Namespace } from './namespace.ts'
import { joinByRouter, type BehindRouter } from './nat-router.ts'
import type { RunDirectory } from './run-directory.ts'
import { MACHINES, NETWORKS, SHORTCUTS, type MachineName } from './topology.ts'

export type Machines = Readonly<Record<MachineName, Namespace>>

/** Machines that are behind a router of their own instead of in the outside network. */
export type Routers = Partial<Readonly<Record<MachineName, BehindRouter>>>

/** Machines of the lab, and what joins them. */
export interface Network {
  machines: Machines
  switches: Namespace
  /** Routers of the machines that are behind one. */
  routers: Partial<Readonly<Record<MachineName, Namespace>>>
}

/**
 * Creates a namespace for each machine and each router, and one with the switches between them. Without routers there
 * are shortcuts to the site, too.
 */
export const buildNetwork = async (run: RunDirectory, routers: Routers = {}): Promise<Network> => {
  const routerOf: Partial<Record<MachineName, Namespace>> = {}
  const switches = await Namespace.create(run, 'switches')
  for (const network of Object.keys(NETWORKS)) await switches.bridge(network)
  const machines = await Promise.all(
    Object.entries(MACHINES).map(async ([name, { outside, site, dns }]) => {
      const namespace = await Namespace.create(run, name)
      await namespace.resolvConf(`nameserver ${dns}\n`)
      const place = routers[name as MachineName]
      if (place !== undefined) {
        const to = { switches, bridge: 'outside', port: outsidePort(name) }
        routerOf[name as MachineName] = await joinByRouter(run, namespace, { place, role: `router-${name}`, to })
      } else if (outside !== undefined) await join(namespace, switches, { name, network: 'outside', address: outside })
      if (site !== undefined) await join(namespace, switches, { name, network: 'site', address: site })
      return [name, namespace] as const
    }),
  )
  const known = Object.fromEntries(machines) as Machines
  const network = { machines: known, switches, routers: routerOf }
  if (Object.keys(routers).length > 0) return network
  for (const { machine, to, via } of SHORTCUTS) await known[machine].route({ to, via })
  return network
}

/** Returns the switch's port of a machine in the outside network, or of its router. */
export const outsidePort = (name: string): string => `o-${name}`

interface Joint {
  name: string
  network: keyof typeof NETWORKS
  address: string
}

/**
 * Joins a machine to a network's switch. The machine's device is named after the network, the switch's port after the
 * machine.
 */
const join = async (namespace: Namespace, switches: Namespace, { name, network, address }: Joint): Promise<void> => {
  const toDevice = network === 'site' ? `s-${name}` : outsidePort(name)
  await namespace.veth({ device: network, to: switches, toDevice, toBridge: network })
  await namespace.address(network, `${address}/${NETWORKS[network].prefix}`)
}

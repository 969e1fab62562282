import { Namespace } from '../../../hosts/lab/namespace.ts'
import type { RunDirectory } from '../../../hosts/lab/run-directory.ts'
import { FAR_MTU, ipv4Of, ipv6Of, NETWORKS, type Joint, type NetworkName } from './topology.ts'

/** Switches and routers of the bed, and the machines on them. */
export class BedNetwork {
  readonly #run: RunDirectory
  readonly #routers: Readonly<Record<'internet' | 'premises', Namespace>>

  private constructor(run: RunDirectory, routers: BedNetwork['routers']) {
    this.#run = run
    this.#routers = routers
  }

  static async build(run: RunDirectory): Promise<BedNetwork> {
    const [internet, premises] = await Promise.all([router(run, 'internet'), router(run, 'premises')])
    const network = new BedNetwork(run, { internet, premises })
    for (const [name, { router: role }] of Object.entries(NETWORKS)) {
      const at = network.routers[role]
      await at.bridge(name)
      await at.address(name, `${ipv4Of(name as NetworkName, 1)}/24`)
      await at.address(name, `${ipv6Of(name as NetworkName, 1)}/64`)
    }
    // IPv6 has no MTU below 1280: the smaller one is set for IPv4 routes alone.
    await premises.ip([
      'route',
      'change',
      '10.30.0.0/24',
      'dev',
      'far',
      'src',
      '10.30.0.1',
      'mtu',
      `lock`,
      `${FAR_MTU}`,
    ])
    return network
  }

  get routers(): Readonly<Record<'internet' | 'premises', Namespace>> {
    return this.#routers
  }

  /** Adds a machine to these networks; its default route is the router of the first. */
  async join(name: string, joints: readonly Joint[], nameServers: readonly string[]): Promise<Namespace> {
    const machine = await Namespace.create(this.#run, name)
    await allowIpv6(machine)
    await machine.resolvConf(nameServers.map((server) => `nameserver ${server}\n`).join(''))
    for (const [index, { network, host, families = 'dual' }] of joints.entries()) {
      const to = this.#routers[NETWORKS[network].router]
      await machine.veth({
        device: network,
        to,
        toDevice: `${network.slice(0, 3)}-${name}`.slice(0, 15),
        toBridge: network,
      })
      if (families !== 'ipv6') await machine.address(network, `${ipv4Of(network, host)}/24`)
      if (families !== 'ipv4') await machine.address(network, `${ipv6Of(network, host)}/64`)
      if (index > 0) continue
      if (families !== 'ipv6') await machine.route({ to: 'default', via: ipv4Of(network, 1) })
      if (families !== 'ipv4') await machine.ip(['-6', 'route', 'add', 'default', 'via', ipv6Of(network, 1)])
    }
    return machine
  }
}

const router = async (run: RunDirectory, name: string): Promise<Namespace> => {
  const namespace = await Namespace.create(run, name)
  await allowIpv6(namespace)
  await namespace.mustRun('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'])
  return namespace
}

/** Allows IPv6 on new devices, which containers often switch off. */
const allowIpv6 = async (namespace: Namespace): Promise<void> => {
  const off = ['all', 'default', 'lo'].map((name) => `net.ipv6.conf.${name}.disable_ipv6=0`)
  const quick = ['net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0']
  await namespace.mustRun('sysctl', ['-qw', ...off, ...quick])
}

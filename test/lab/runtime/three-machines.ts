import { Namespace } from '../../../hosts/lab/namespace.ts'
import type { RunDirectory } from '../../../hosts/lab/run-directory.ts'

/** A gateway between a server of its site (198.51.100.2, 2001:db8:1::2) and an outsider (203.0.113.2, 2001:db8:2::2). */
export interface ThreeMachines {
  gateway: Namespace
  server: Namespace
  outsider: Namespace
}

/** Makes the machines. Server and outsider route everything through the gateway: only its rules are in between. */
export const threeMachines = async (run: RunDirectory): Promise<ThreeMachines> => {
  const gateway = await Namespace.create(run, 'gateway')
  const server = await Namespace.create(run, 'server')
  const outsider = await Namespace.create(run, 'outsider')
  await gateway.veth({ device: 'eth0', to: server, toDevice: 'eth0' })
  await gateway.veth({ device: 'eth1', to: outsider, toDevice: 'eth0' })
  for (const [device, side, ipv4, ipv6] of [
    ['eth0', server, '198.51.100', '2001:db8:1:'],
    ['eth1', outsider, '203.0.113', '2001:db8:2:'],
  ] as const) {
    await gateway.address(device, `${ipv4}.1/24`)
    await gateway.address(device, `${ipv6}:1/64`)
    await side.address('eth0', `${ipv4}.2/24`)
    await side.address('eth0', `${ipv6}:2/64`)
    await side.route({ to: 'default', via: `${ipv4}.1` })
    await side.route({ to: 'default', via: `${ipv6}:1` })
  }
  return { gateway, server, outsider }
}

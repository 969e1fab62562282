// Scenario of a client that has IPv6 only, in a network whose router leads to IPv4 by NAT64 (RFC 6146, tayga) and whose
// name server synthesizes addresses (RFC 6147, unbound). Portal and gateway have IPv4 only.
import { join } from 'node:path'
import { eventually } from './eventually.ts'
import { Namespace } from './namespace.ts'
import { outsidePort } from './network.ts'
import type { Scenario } from './scenario.ts'
import { clientConnects, gatewayConnects, PORTAL_RUNS } from './setting-up.ts'
import { MACHINES } from './topology.ts'
import { expectThat, type World } from './world.ts'

const PAGE = 'http://gitlab.example.org/'
/** The well-known prefix 64:ff9b::/96 would not lead to the lab's addresses, which are not of the Internet. */
const PREFIX = '2001:db8:64:ff9b::'
const ROUTER = { inside: '2001:db8:64::1', outside: '203.0.113.64' }
const CLIENT = '2001:db8:64::20'
/** IPv4 addresses of the translator, which the router masquerades. */
const POOL = '192.168.255.0/24'

/** Moves the client into a network with IPv6 only, behind a router with NAT64 and DNS64. */
const moveClient = async ({ lab }: World): Promise<void> => {
  const { client } = lab.machines
  const router = await Namespace.create(lab.run, 'router-nat64')
  await router.mustRun('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'])
  await router.veth({ device: 'outside', to: lab.switches, toDevice: outsidePort('nat64'), toBridge: 'outside' })
  await router.address('outside', `${ROUTER.outside}/24`)
  await client.ip(['link', 'del', 'outside'])
  await client.veth({ device: 'outside', to: router, toDevice: 'inside' })
  await router.address('inside', `${ROUTER.inside}/64`)
  await client.address('outside', `${CLIENT}/64`)
  await client.route({ to: 'default', via: ROUTER.inside })
  await client.resolvConf(`nameserver ${ROUTER.inside}\n`)

  const tayga = await lab.run.write(
    'tayga.conf',
    `tun-device nat64
ipv4-addr 192.168.255.1
prefix ${PREFIX}/96
dynamic-pool ${POOL}
data-dir ${lab.run.path}
`,
  )
  await router.mustRun('tayga', ['--config', tayga, '--mktun'])
  await router.ip(['link', 'set', 'nat64', 'up'])
  await router.route({ to: POOL, device: 'nat64' })
  await router.route({ to: `${PREFIX}/96`, device: 'nat64' })
  await router.mustRun('nft', ['-f', '-'], { input: MASQUERADE })
  router.spawn('tayga', ['--config', tayga, '--nodetach'], { name: 'tayga', log: join(lab.run.path, 'tayga.log') })

  const unbound = await lab.run.write('unbound-dns64.conf', unboundConfig(lab.run.path))
  const names = router.spawn('unbound', ['-d', '-c', unbound], { name: 'unbound' })
  await names.line((line) => line.includes('start of service'))
}

const MASQUERADE = `
table ip translation {
  chain out {
    type nat hook postrouting priority srcnat
    ip saddr ${POOL} oifname "outside" masquerade
  }
}
`

const unboundConfig = (folder: string): string => `
server:
  directory: "${folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  verbosity: 1
  interface: ${ROUTER.inside}
  access-control: ::/0 allow
  module-config: "dns64 iterator"
  dns64-prefix: ${PREFIX}/96
  do-not-query-localhost: no
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: ${MACHINES.upstream.outside}
`

export const NAT64: Scenario = {
  needsProvider: false,
  steps: [
    ...PORTAL_RUNS,
    {
      name: 'the client is in a network with IPv6 only, behind NAT64 and DNS64',
      run: async (world) => {
        await moveClient(world)
        const { portal, client } = world.lab.machines
        const [address] = await world.resolve('portal.example.org', 'AAAA')
        expectThat(address?.startsWith(PREFIX) === true, `the portal's name leads to ${address ?? 'nothing'}`)
        for (const machine of [portal, world.lab.machines['gateway-1']]) {
          const found = await machine.ip(['-6', 'address', 'show', 'scope', 'global'])
          expectThat(found === '', `a machine that is to have IPv4 only has ${found}`)
        }
        const own = await client.ip(['-4', 'address', 'show', 'scope', 'global'])
        expectThat(own === '', `the client has ${own}`)
        return `${CLIENT}; to it the portal is ${address ?? ''}`
      },
    },
    gatewayConnects({ at: MACHINES['gateway-1'].outside }),
    clientConnects({ at: CLIENT }),
    {
      name: 'a page comes through the tunnel, to a gateway that has IPv4 only',
      run: async (world) => {
        const seen = await world.page(PAGE)
        expectThat(seen.server === 'web', `it is the page of ${seen.server}`)
        const path = await eventually(async () => (await world.clientStatus()).gateways[0]?.path ?? undefined, {
          what: 'a path in the client’s status',
          timeoutMs: 5_000,
        })
        expectThat(path.startsWith(`[${PREFIX}`), `the path is ${path}`)
        return `${seen.ms} ms with connection set-up; path ${path}`
      },
    },
  ],
}

// Runs in a namespace, see upkeep.test.ts: a gateway's or a client's network, kept in force by the product's own parts.
// Arguments: the role, the state folder, and for a client the prefixes of its resources. Prints `ready`, the problems
// whenever they change, and on each SIGUSR1 which families of a probe out of the tunnel were answered by the server at
// 198.51.100.2 and 2001:db8:1::2. Undoes everything and ends on SIGUSR2.
import { SITE_SERVICE_PORT } from '../../../core/dns/site-service.ts'
import {
  createClock,
  createNetworkConfiguration,
  createTunDevices,
  createUpkeep,
} from '../../../hosts/runtime/index.ts'
import { buildPacket, describePacket } from '../../kit/packet-builder.ts'

const PROBE_MS = 400
const SOURCES = { ipv4: '100.64.0.5', ipv6: 'fd00:2021:1111::5' } as const
const TARGETS = { ipv4: '198.51.100.2', ipv6: '2001:db8:1::2' } as const
const FAMILIES = ['ipv4', 'ipv6'] as const

const [, , role = 'gateway', stateFolder = '', ...prefixes] = process.argv
const isGateway = role === 'gateway'
const name = isGateway ? 'tun-gateway' : 'tun-client'
const answered = new Map<number, (family: string) => void>()
const device = await createTunDevices().open({
  name,
  mtu: 1280,
  onBatch: (packets) => {
    for (const packet of packets) {
      const text = describePacket(packet)
      const [, id] = /^pong (\d+)/.exec(text) ?? []
      if (id !== undefined) answered.get(Number(id))?.(text.includes('2001:db8:1::2') ? 'ipv6' : 'ipv4')
    }
  },
  onError: (error) => {
    throw error
  },
})
const clock = createClock()
const upkeep = createUpkeep({ role, clock })
upkeep.watch(() => process.stdout.write(`problems ${JSON.stringify(upkeep.problems())}\n`))
const network = createNetworkConfiguration({ role: isGateway ? 'gateway' : 'client', stateFolder, upkeep })
await network.setAddresses(name, isGateway ? ['100.64.0.1', 'fd00:2021:1111::1'] : ['100.64.0.9', 'fd00:2021:1111::9'])
await network.setRoutes(name, isGateway ? ['100.64.0.0/11', 'fd00:2021:1111::/107'] : prefixes)
const options = { masqueradeIpv4: true, masqueradeIpv6: true, servicePort: SITE_SERVICE_PORT }
if (isGateway) await network.enableForwarding(name, options)

let probes = 0
process.on('SIGUSR1', () => {
  const probe = ++probes
  const found = new Set<string>()
  const finish = (): void => {
    clearTimeout(timer)
    if (answered.delete(probe))
      process.stdout.write(`probe ${probe}: ${[...found].toSorted().join(' ') || 'nothing'}\n`)
  }
  const timer = setTimeout(finish, PROBE_MS)
  answered.set(probe, (family) => {
    found.add(family)
    if (found.size === FAMILIES.length) finish()
  })
  device.write(
    FAMILIES.map((family) =>
      buildPacket({ kind: 'echoRequest', source: SOURCES[family], destination: TARGETS[family], sourcePort: probe }),
    ),
  )
})
process.on('SIGUSR2', () => {
  void network
    .clear()
    .then(() => device.close())
    .then(() => process.exit(0))
})
process.stdout.write('ready\n')

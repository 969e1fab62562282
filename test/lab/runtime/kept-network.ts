// Runs in a namespace, see upkeep.test.ts: a gateway's or a client's network, kept in force by the product's own parts.
// Arguments: the role, the state folder, and for a client the prefixes of its resources. Prints `ready`, the problems
// whenever they change, and on each SIGUSR1 which families of a probe out of the tunnel were answered by the server at
// 198.51.100.2 and 2001:db8:1::2. Takes addresses of other ranges on SIGHUP, and prints `moved`; the next one takes it
// back. A client leaves the Internet resource on SIGCONT, and prints `routes` and how many connections ended; the next one takes
// it back. Undoes everything and ends on SIGUSR2.
import { DEFAULT_RANGES, toldRanges } from '../../../core/net/address-ranges.ts'
import { formatPrefix } from '../../../core/net/prefix.ts'
import { SITE_SERVICE_PORT } from '../../../core/dns/site-service.ts'
import {
  createClock,
  createNetworkConfiguration,
  createTunDevices,
  createUpkeep,
} from '../../../hosts/runtime/index.ts'
import { addressesAt } from '../../../hosts/portal/store/tunnel-addresses.ts'
import { buildPacket, describePacket } from '../../kit/packet-builder.ts'

const PROBE_MS = 400
const OTHER_RANGES = toldRanges({
  devices_ipv4: '10.200.0.0/16',
  devices_ipv6: 'fd12:3456:789a::/64',
  mapped_ipv4: '10.201.0.0/16',
  mapped_ipv6: 'fd12:3456:789a:1::/64',
})
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
const options = { masqueradeIpv4: true, masqueradeIpv6: true, servicePort: SITE_SERVICE_PORT }
let ranges = DEFAULT_RANGES
const configure = async (): Promise<void> => {
  await network.setAddresses(name, Object.values(addressesAt(isGateway ? 1 : 9, ranges)), ranges)
  await setRoutes()
  if (isGateway) await network.enableForwarding(name, options)
}
let routed = prefixes
let changes = 0
const setRoutes = async (): Promise<void> => {
  const ended = await network.setRoutes(name, isGateway ? ranges.tunnel.map(formatPrefix) : routed)
  process.stdout.write(`routes ${++changes}: ended ${ended}\n`)
}
await configure()
process.on('SIGCONT', () => {
  routed = routed === prefixes ? prefixes.filter((prefix) => !prefix.endsWith('/0')) : prefixes
  void setRoutes()
})
process.on('SIGHUP', () => {
  ranges = ranges === DEFAULT_RANGES ? OTHER_RANGES : DEFAULT_RANGES
  void configure().then(() => process.stdout.write(`moved to ${formatPrefix(ranges.tunnel[0])}\n`))
})

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
      buildPacket({
        kind: 'echoRequest',
        source: addressesAt(5, ranges)[family],
        destination: TARGETS[family],
        sourcePort: probe,
      }),
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

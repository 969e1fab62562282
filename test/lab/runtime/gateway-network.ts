// Runs in a gateway's namespace, see network-configuration.test.ts. Forwards for the tunnel, sends probes out of the
// tunnel device, to networks and to the gateway itself, where a server answers on every address, and prints which
// probes were answered. With the argument `clear` it undoes everything at its end, with `clear-on-signal` on SIGUSR2;
// otherwise it waits to be killed. The second argument is its state folder.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { SITE_SERVICE_PORT } from '../../../core/dns/site-service.ts'
import { createNetworkConfiguration, createTunDevices } from '../../../hosts/runtime/index.ts'
import { buildPacket, describePacket, type PacketParts } from '../../kit/packet-builder.ts'

const DEVICE = 'tun-gateway'
const WAIT_MS = 30_000
const OTHER_PORT = 9_999
const CLIENT = { ipv4: '100.64.0.5', ipv6: 'fd00:2021:1111::5' }
const GATEWAY = { ipv4: '100.64.0.1', ipv6: 'fd00:2021:1111::1' }

const udp = (source: string, destination: string, destinationPort: number): PacketParts => ({
  kind: 'udp',
  source,
  destination,
  destinationPort,
})
const ping = (source: string, destination: string): PacketParts => ({ kind: 'echoRequest', source, destination })

/**
 * Packets out of the tunnel. Those that must be refused come first: had they passed, their answers would be here first.
 */
const PROBES: readonly (PacketParts & { name: string })[] = [
  { name: 'spoofed 4', ...ping('192.0.2.99', '198.51.100.2') },
  { name: 'spoofed 6', ...ping('2001:db8:9::9', '2001:db8:1::2') },
  { name: 'another port 4', ...udp(CLIENT.ipv4, GATEWAY.ipv4, OTHER_PORT) },
  { name: 'another port 6', ...udp(CLIENT.ipv6, GATEWAY.ipv6, OTHER_PORT) },
  { name: 'broadcast', ...udp(CLIENT.ipv4, '198.51.100.255', OTHER_PORT) },
  { name: 'anycast', ...udp(CLIENT.ipv6, '2001:db8:1::', OTHER_PORT) },
  { name: 'network 4', ...ping(CLIENT.ipv4, '198.51.100.2') },
  { name: 'network 6', ...ping(CLIENT.ipv6, '2001:db8:1::2') },
  { name: 'ping 4', ...ping(CLIENT.ipv4, GATEWAY.ipv4) },
  { name: 'ping 6', ...ping(CLIENT.ipv6, GATEWAY.ipv6) },
  { name: 'resolver 4', ...udp(CLIENT.ipv4, GATEWAY.ipv4, SITE_SERVICE_PORT) },
  { name: 'resolver 6', ...udp(CLIENT.ipv6, GATEWAY.ipv6, SITE_SERVICE_PORT) },
  { name: 'machine 4', ...udp(CLIENT.ipv4, '198.51.100.1', OTHER_PORT) },
  { name: 'machine 6', ...udp(CLIENT.ipv6, '2001:db8:1::1', OTHER_PORT) },
]
const HONEST = 8
const FIRST_PORT = 20_000

/** Echoes datagrams on all addresses of the machine. */
const echo = async (port: number): Promise<void> => {
  for (const type of ['udp4', 'udp6'] as const) {
    const socket = createSocket({ type, ipv6Only: type === 'udp6' })
    socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address))
    socket.bind(port)
    await once(socket, 'listening')
  }
}

const main = async (): Promise<void> => {
  const answered = new Set<string>()
  let done = (): void => undefined
  const device = await createTunDevices().open({
    name: DEVICE,
    mtu: 1280,
    onBatch: (packets) => {
      for (const packet of packets) {
        // Each probe has a port, or an identifier, of its own.
        const [, at = ''] = /(?:^pong | > \S+:)(2\d{4})\b/.exec(describePacket(packet)) ?? []
        const probe = PROBES[Number(at) - FIRST_PORT]
        if (probe !== undefined) answered.add(probe.name)
      }
      if (answered.size === HONEST) done()
    },
    onError: (error) => {
      throw error
    },
  })
  await Promise.all([OTHER_PORT, SITE_SERVICE_PORT].map(echo))
  const [, , until, stateFolder] = process.argv
  const network = createNetworkConfiguration({ role: 'gateway', ...(stateFolder !== undefined && { stateFolder }) })
  await network.setAddresses(DEVICE, [GATEWAY.ipv4, GATEWAY.ipv6])
  await network.setRoutes(DEVICE, ['100.64.0.0/11', 'fd00:2021:1111::/107'])
  await network.enableForwarding(DEVICE, {
    masqueradeIpv4: true,
    masqueradeIpv6: true,
    servicePort: SITE_SERVICE_PORT,
  })
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, WAIT_MS)
    done = () => {
      clearTimeout(timer)
      resolve()
    }
    device.write(PROBES.map((probe, at) => buildPacket({ ...probe, sourcePort: FIRST_PORT + at })))
  })
  process.stdout.write(`${JSON.stringify({ answered: [...answered], dropped: device.dropped?.() })}\n`)
  if (until === 'clear-on-signal') await once(process, 'SIGUSR2')
  else if (until !== 'clear') return
  await network.clear()
  await device.close()
  process.exit(0)
}

await main()

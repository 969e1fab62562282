// Runs in a gateway's namespace, see network-configuration.test.ts. Forwards for the tunnel, sends echo requests out of the tunnel
// device from an address of the tunnel's and from one that is not, and prints which of them were answered. `clear` as the argument
// undoes everything in the end, otherwise it waits to be killed.
import { checksumOf, sumWords } from '../../../core/net/checksum.ts'
import { parseAddress } from '../../../core/net/ip-address.ts'
import { createNetworkConfiguration, createTunDevices } from '../../../hosts/runtime/index.ts'

const DEVICE = 'tun-gateway'
const WAIT_MS = 3_000

interface Probe {
  name: string
  source: string
  destination: string
}

const PROBES: readonly Probe[] = [
  { name: 'tunnel 4', source: '100.64.0.5', destination: '198.51.100.2' },
  { name: 'tunnel 6', source: 'fd00:2021:1111::5', destination: '2001:db8:1::2' },
  { name: 'spoofed 4', source: '192.0.2.99', destination: '198.51.100.2' },
  { name: 'spoofed 6', source: '2001:db8:9::9', destination: '2001:db8:1::2' },
]

const echoRequest = ({ source, destination }: Probe, id: number): Uint8Array => {
  const [from, to] = [parseAddress(source) ?? new Uint8Array(4), parseAddress(destination) ?? new Uint8Array(4)]
  const ipv4 = from.length === 4
  const icmp = Uint8Array.of(ipv4 ? 8 : 128, 0, 0, 0, 0, id, 0, 1, 1, 2, 3, 4)
  const pseudo = ipv4 ? 0 : sumWords(Uint8Array.of(...from, ...to), 0, 32, 58 + icmp.length)
  const sum = checksumOf(sumWords(icmp, 0, icmp.length, pseudo))
  icmp[2] = sum >>> 8
  icmp[3] = sum & 0xff
  if (!ipv4) return Uint8Array.of(0x60, 0, 0, 0, 0, icmp.length, 58, 64, ...from, ...to, ...icmp)
  const header = Uint8Array.of(0x45, 0, 0, 20 + icmp.length, 0, 0, 0, 0, 64, 1, 0, 0, ...from, ...to)
  const headerSum = checksumOf(sumWords(header, 0, 20))
  header[10] = headerSum >>> 8
  header[11] = headerSum & 0xff
  return Uint8Array.of(...header, ...icmp)
}

const main = async (): Promise<void> => {
  const answered = new Set<string>()
  let done = (): void => undefined
  const device = await createTunDevices().open({
    name: DEVICE,
    mtu: 1280,
    onBatch: (packets) => {
      for (const packet of packets) {
        const [icmp, reply] = (packet[0] ?? 0) >>> 4 === 4 ? [20, 0] : [40, 129]
        const probe = packet[icmp] === reply ? PROBES[packet[icmp + 5] ?? -1] : undefined
        if (probe !== undefined) answered.add(probe.name)
      }
      if (answered.size === 2) done()
    },
    onError: (error) => {
      throw error
    },
  })
  const network = createNetworkConfiguration()
  await network.setAddresses(DEVICE, ['100.64.0.1', 'fd00:2021:1111::1'])
  await network.setRoutes(DEVICE, ['100.64.0.0/11', 'fd00:2021:1111::/107'])
  await network.enableForwarding(DEVICE, { masqueradeIpv4: true, masqueradeIpv6: true })
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, WAIT_MS)
    done = () => {
      clearTimeout(timer)
      resolve()
    }
    // The spoofed ones first: had they been forwarded, their answers would be here first.
    device.write(PROBES.map((probe, id) => echoRequest(probe, id)).toReversed())
  })
  process.stdout.write(`${JSON.stringify({ answered: [...answered].sort(), dropped: device.dropped?.() })}\n`)
  if (process.argv[2] !== 'clear') return
  await network.clear()
  await device.close()
}

await main()

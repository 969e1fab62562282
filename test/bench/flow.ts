import { ClientFlows } from '../../core/flow/client/client-flows.ts'
import { encodeControlFrame } from '../../core/flow/control-frame.ts'
import { GatewayFlows } from '../../core/flow/gateway/gateway-flows.ts'
import { instant } from '../../core/runtime/time.ts'
import { ADA, cidr, dns, GATEWAY, proxies } from '../kit/flow-bench.ts'
import { buildPacket } from '../kit/packet-builder.ts'
import { ratePerSecond, type Figure } from './figure.ts'

const NOW = instant(0)
const PACKETS = 256
const PAYLOAD = new Uint8Array(1_240)

/**
 * Measures the packet engine alone: verdict, NAT and copy of 1,280-byte packets of 256 flows, in batches of 64, without
 * devices or encryption.
 */
export const benchFlow = async (): Promise<Figure[]> => [
  ...benchClient(),
  ...benchGateway(),
  { name: 'client, first packets of new flows', value: newFlows(), unit: 'packets/s' },
]

const batchesTo = (destination: string): Uint8Array[][] => {
  const source = destination.includes(':') ? ADA.ipv6 : ADA.ipv4
  const packets = Array.from({ length: PACKETS }, (_, at) =>
    buildPacket({
      source,
      destination,
      sourcePort: 10_000 + at,
      flags: 'A',
      payload: PAYLOAD.subarray(0, source.includes(':') ? 1_220 : 1_240),
    }),
  )
  return [0, 64, 128, 192].map((from) => packets.slice(from, from + 64))
}

/** Packets a second of a machine that takes batches in turn and whose outputs are read. */
const rate = (machine: { poll: () => unknown }, feeds: (() => void)[]): number => {
  let next = 0
  const batches = ratePerSecond(() => {
    feeds[next++ % feeds.length]?.()
    while (machine.poll() !== undefined);
  })
  return batches * 64
}

const clientWithResources = (): ClientFlows => {
  const client = new ClientFlows()
  client.handle({ type: 'interfaceConfigured', ...ADA }, NOW)
  const resources = Array.from({ length: 1_000 }, (_, at) => cidr(`net-${at}`, `10.${at >> 8}.${at & 255}.0/24`))
  client.handle({ type: 'resourcesChanged', resources: [...resources, cidr('six', '2001:db8::/32')] }, NOW)
  const peer = { peer: 'gateway', peerIpv4: GATEWAY.ipv4, peerIpv6: GATEWAY.ipv6 }
  client.handle({ type: 'connected', resourceId: 'net-7', ...peer }, NOW)
  client.handle({ type: 'connected', resourceId: 'six', ...peer }, NOW)
  return client
}

const benchClient = (): Figure[] => {
  const client = clientWithResources()
  const towards = (destination: string) =>
    rate(
      client,
      batchesTo(destination).map((packets) => () => client.handle({ type: 'tunPackets', packets }, NOW)),
    )
  return [
    { name: 'client, TUN to tunnel, IPv4', value: towards('10.0.7.1'), unit: 'packets/s' },
    { name: 'client, TUN to tunnel, IPv6', value: towards('2001:db8::1'), unit: 'packets/s' },
  ]
}

const newFlows = (): number => {
  const client = clientWithResources()
  const packets = Array.from({ length: 60_000 }, (_, at) =>
    buildPacket({
      source: ADA.ipv4,
      destination: `10.0.7.${at % 250}`,
      sourcePort: 1_024 + (at % 60_000),
      destinationPort: at & 1_023,
    }),
  )
  let next = 0
  return ratePerSecond(() => {
    const packet = packets[next++ % packets.length]
    if (packet !== undefined) client.handle({ type: 'tunPackets', packets: [packet] }, NOW)
    while (client.poll() !== undefined);
  })
}

const benchGateway = (): Figure[] => {
  const gateway = new GatewayFlows()
  gateway.handle({ type: 'interfaceConfigured', ...GATEWAY }, NOW)
  gateway.handle({ type: 'peerAdded', peer: 'ada', ...ADA }, NOW)
  gateway.handle({ type: 'granted', peer: 'ada', resource: dns('wiki', '*.example.org') }, NOW)
  const frame = encodeControlFrame({
    type: 'assignedIps',
    resource: 'wiki',
    domain: 'a.example.org',
    mappedIps: proxies(0),
  })
  gateway.handle({ type: 'tunnelPacket', peer: 'ada', packet: frame }, NOW)
  gateway.handle({ type: 'resolved', lookup: 0, ipv4: ['10.0.0.1'], ipv6: ['2001:db8::1'] }, NOW)

  const outbound = (destination: string) =>
    rate(
      gateway,
      batchesTo(destination).map((packets) => () => {
        for (const packet of packets) gateway.handle({ type: 'tunnelPacket', peer: 'ada', packet }, NOW)
      }),
    )
  const answers = batchesTo('100.96.0.0').map((packets) =>
    packets.map((_, at) =>
      buildPacket({
        source: '10.0.0.1',
        destination: ADA.ipv4,
        sourcePort: 443,
        destinationPort: 10_000 + at,
        flags: 'A',
        payload: PAYLOAD,
      }),
    ),
  )
  return [
    { name: 'gateway, tunnel to TUN with NAT, IPv4', value: outbound('100.96.0.0'), unit: 'packets/s' },
    { name: 'gateway, tunnel to TUN with NAT, IPv6', value: outbound('fd00:2021:1111:8000::'), unit: 'packets/s' },
    {
      name: 'gateway, TUN to tunnel with NAT, IPv4',
      value: rate(
        gateway,
        answers.map((packets) => () => gateway.handle({ type: 'tunPackets', packets }, NOW)),
      ),
      unit: 'packets/s',
    },
  ]
}

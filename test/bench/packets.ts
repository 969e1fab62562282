// Measures the cost of a packet in the packet engine, and its growth from one to ten thousand peers or resources. There
// are three ways to spread the packets:
// - "one busy": all packets are of one flow, the other peers are idle. Shows the cost of mere numbers.
// - "mix": Zipf's law, the busiest of 10,000 has a tenth of the packets, the first hundred half. Resembles a busy
// gateway.
// - "in turn": each packet is of another peer than the last 9,999, so that no data is in a processor cache: the worst
// case.
// The benchmark's own work hardly adds to the cost: the order of peers is a list of two bytes each. Only whole packets
// need a peer's id, eight bytes of a list, as from the transport's own table.
import { ClientFlows } from '../../core/flow/client/client-flows.ts'
import { GatewayFlows } from '../../core/flow/gateway/gateway-flows.ts'
import { OFFLOAD_HEADER_BYTES } from '../../core/net/offload.ts'
import { Counters } from '../../core/runtime/counters.ts'
import { endpoint } from '../../core/runtime/endpoint.ts'
import { integerBelow } from '../../core/runtime/random.ts'
import { after, DAY, instant } from '../../core/runtime/time.ts'
import { FrameSealer } from '../../hosts/runtime/lane/frame-sealer.ts'
import { LanePeers } from '../../hosts/runtime/lane/lane-peers.ts'
import { loadAddon, type Addon, type Port } from '../../hosts/runtime/native/addon.ts'
import { EndpointEncoder } from '../../hosts/runtime/socket-address.ts'
import { cidr, GATEWAY } from '../kit/flow-bench.ts'
import { buildPacket } from '../kit/packet-builder.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { costsInTurn, growth, type Figure, type Work } from './figure.ts'

/** A moment that is not a whole number, like the clock's. */
const NOW = instant(1_000.25)
const SIZES = [1, 10, 100, 1_000, 10_000]
const SPREADS = ['one busy', 'mix', 'in turn'] as const
const GOAL = 'under 25'
const BATCH = 16
const PAYLOAD = new Uint8Array(1_240)
const WHOLE = { checksum: 'complete', segmentBytes: 0 } as const
/** Offsets of addresses and ports in an IPv4 packet without options. */
const [SOURCE_AT, DESTINATION_AT, PORTS_AT] = [12, 16, 20]

type Spread = (typeof SPREADS)[number]

/** Takes packets. All are written into the same bytes, as bursts are read into the same buffer. */
interface Engine {
  /** Takes a packet of the peer or resource with this index. */
  pass: (at: number) => void
}

/**
 * Measures a gateway's packets from clients to the network: whole ones of 1,280 bytes, and the fast path of
 * super-packets.
 */
export const benchGatewayPackets = async (): Promise<Figure[]> => [
  ...spreadOver('gateway, whole packets, peers', (size) => gatewayWithPeers(size, 'whole')),
  ...spreadOver('gateway, short way, peers', (size) => gatewayWithPeers(size, 'short')),
  ...spreadOver('gateway, whole packets, resources of a peer', gatewayWithResources),
]

/** Measures a client's packets from applications to resources. */
export const benchClientPackets = async (): Promise<Figure[]> =>
  spreadOver('client, whole packets, resources', clientWithResources)

/**
 * Measures a gateway's packets from the network to clients as the native lane moves them, from the device's bytes to
 * sealed messages, without system calls. Returns no figures if the addon is not built.
 */
export const benchSealedPackets = async (): Promise<Figure[]> => {
  const addon = addonIfAny()
  if (addon === undefined) return []
  return spreadOver('gateway, sealed by the native lane, peers', (size) => sealingGateway(size, addon))
}

const addonIfAny = (): Addon | undefined => {
  try {
    const addon = loadAddon()
    return addon.cipher() === 0 ? undefined : addon
  } catch {
    return undefined
  }
}

const spreadOver = (name: string, make: (size: number) => Engine): Figure[] => {
  const engines = SIZES.map(make)
  for (const [index, { pass }] of engines.entries()) {
    // Every flow exists before the measurement.
    for (let at = 0; at < (SIZES[index] ?? 0); at++) pass(at)
  }
  return SPREADS.flatMap((spread) => {
    const works = engines.map((engine, index) => workOf(engine, picksOf(spread, SIZES[index] ?? 1)))
    return growth(`${name}, ${spread}:`, { sizes: SIZES, values: costsInTurn(works), unit: 'ns', goal: GOAL })
  })
}

const workOf = ({ pass }: Engine, picks: Uint16Array): Work => {
  let next = 0
  return () => {
    for (let count = 0; count < BATCH; count++) pass(picks[next++ % picks.length] ?? 0)
    return BATCH
  }
}

const PICKS = 65_536

/** Index of the peer or resource of each packet, in order. */
const picksOf = (spread: Spread, size: number): Uint16Array => {
  if (spread === 'one busy') return new Uint16Array(PICKS).fill(size >> 1)
  // A stride without a common factor visits all of them, and never a neighbour in memory next.
  if (spread === 'in turn') return Uint16Array.from({ length: size }, (_, at) => (at * 7_919) % size)
  const sums: number[] = []
  for (let rank = 1; rank <= size; rank++) sums.push((sums.at(-1) ?? 0) + 1 / rank)
  const random = new SeededRandom('mix')
  return Uint16Array.from({ length: PICKS }, () => {
    const drawn = (integerBelow(random, 1_000_000) / 1_000_000) * (sums.at(-1) ?? 1)
    let [low, high] = [0, size - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) > drawn) high = middle
      else low = middle + 1
    }
    return (low * 7_919) % size
  })
}

const peerOf = (at: number) => ({
  peer: `0b9c3f7e-1d2a-4c5b-8e6f-${at.toString(16).padStart(12, '0')}`,
  ipv4: `100.64.${(at + 2) >> 8}.${(at + 2) & 255}`,
  ipv6: `fd00:2021:1111::${(at + 2).toString(16)}`,
})

/** A gateway with peers that have a grant and a flow each. */
const gatewayWithPeers = (size: number, way: 'whole' | 'short'): Engine => {
  const gateway = newGateway()
  const peers = Array.from({ length: size }, (_, at) => peerOf(at))
  for (const { peer, ipv4, ipv6 } of peers) {
    gateway.handle({ type: 'peerAdded', peer, ipv4, ipv6 }, NOW)
    gateway.handle({ type: 'granted', peer, resource: cidr('net', '192.0.2.0/24') }, NOW)
  }
  const packet = buildPacket({ source: '100.64.0.2', destination: '192.0.2.1', flags: 'A', payload: PAYLOAD })
  const ids = peers.map(({ peer }) => peer)
  const write = (at: number): void => {
    packet[SOURCE_AT + 2] = (at + 2) >> 8
    packet[SOURCE_AT + 3] = (at + 2) & 255
  }
  const whole = (at: number): void => {
    write(at)
    gateway.handle({ type: 'tunnelPacket', peer: ids[at] ?? '', packet }, NOW)
    while (gateway.poll() !== undefined);
  }
  if (way === 'whole') return { pass: whole }
  return {
    // A flow whose verdict has left the cache is decided by the whole machine, as the lane does.
    pass: (at) => {
      write(at)
      // Numbers of peers are given in order.
      if (!gateway.passFromTunnel(at, packet, 'complete', NOW)) whole(at)
    },
  }
}

/** Packets that are sealed at once. */
const BURST = 64

/**
 * A gateway whose peers have keys in the lane and a flow each. Does the work of `PacketLane` for a burst, without
 * device, socket and reports.
 */
const sealingGateway = (size: number, addon: Addon): Engine => {
  const random = new SeededRandom('sealing')
  const lane = addon.createLane()
  const flows = newGateway()
  let sent = 0
  const sendUdp: Addon['sendUdp'] = (_port, _bytes, _table, count) => {
    sent += count
    return count
  }
  const sealer = new FrameSealer({ addon: { ...addon, sendUdp }, lane, drops: new Counters() })
  const words = new EndpointEncoder('ipv4').encode(endpoint('192.0.2.200', 51_820))?.slice() ?? new Uint32Array(0)
  const destination = { socket: {} as Port, words }
  const lanePeers = new LanePeers({
    addon,
    lane,
    numbers: flows.numbers,
    resolve: () => destination,
    report: () => undefined,
  })
  for (let at = 0; at < size; at++) {
    const { peer, ipv4, ipv6 } = peerOf(at)
    // Any unique number will do; these are scattered like the random ones of a handshake.
    const index = Math.imul(at + 1, 0x9e3779b1) >>> 0
    const keys = {
      remoteIndex: at,
      sendKey: random.bytes(32),
      receiveKey: random.bytes(32),
      expiresAt: after(NOW, DAY),
    }
    lanePeers.take({ type: 'installKeys', peer, keys: { index, ...keys } })
    lanePeers.take({ type: 'useKeys', peer, index, path: endpoint('192.0.2.200', 51_820) })
    flows.handle({ type: 'peerAdded', peer, ipv4, ipv6 }, NOW)
    flows.handle({ type: 'granted', peer, resource: cidr('net', '192.0.2.0/24') }, NOW)
    const first = buildPacket({ source: ipv4, destination: '192.0.2.1', sourcePort: 1_024, destinationPort: 443 })
    flows.handle({ type: 'tunnelPacket', peer, packet: first }, NOW)
    while (flows.poll() !== undefined);
  }
  const answer = { source: '192.0.2.1', destination: '100.64.0.2', sourcePort: 443, destinationPort: 1_024 }
  const packet = buildPacket({ ...answer, flags: 'A', payload: PAYLOAD })
  const length = OFFLOAD_HEADER_BYTES + packet.length
  const frames = new Uint8Array(BURST * length)
  for (let at = 0; at < BURST; at++) frames.set(packet, at * length + OFFLOAD_HEADER_BYTES)
  let count = 0
  return {
    pass: (at) => {
      const offset = count * length
      const bytes = frames.subarray(offset + OFFLOAD_HEADER_BYTES, offset + length)
      bytes[DESTINATION_AT + 2] = (at + 2) >> 8
      bytes[DESTINATION_AT + 3] = (at + 2) & 255
      const peer = flows.passFromTun(bytes, WHOLE, NOW) ?? decided(flows, bytes)
      const way = peer === undefined ? undefined : lanePeers.wayTo(peer, NOW)
      if (way === undefined) throw new Error('no way to the peer')
      sealer.add(frames, { offset, length }, way, NOW)
      lanePeers.traffic.sent(way.handle, length)
      lanePeers.traffic.touch(way.handle)
      if (++count < BURST) return
      count = sent = 0
      sealer.flush(NOW)
      if (sent !== BURST) throw new Error(`${sent} of ${BURST} frames were sealed`)
    },
  }
}

/**
 * Passes a packet without a cached verdict to the flows' machine, which then caches one; returns the number of its
 * peer.
 */
const decided = (flows: GatewayFlows, packet: Uint8Array): number | undefined => {
  flows.handle({ type: 'tunPackets', packets: [packet] }, NOW)
  const output = flows.poll()
  return output?.type === 'sendPacket' ? flows.numbers.find(output.peer) : undefined
}

const networkAt = (at: number): string => `10.${at >> 8}.${at & 255}.0/24`

/** Packets to the network from the peer with an index. */
const packetsTo = (source: string): ((at: number) => Uint8Array) => {
  const packet = buildPacket({ source, destination: '10.0.0.7', flags: 'A', payload: PAYLOAD })
  return (at) => {
    packet[DESTINATION_AT + 1] = at >> 8
    packet[DESTINATION_AT + 2] = at & 255
    packet[PORTS_AT] = 0x20 | (at >> 8)
    packet[PORTS_AT + 1] = at & 255
    return packet
  }
}

const gatewayWithResources = (size: number): Engine => {
  const gateway = newGateway()
  const { peer, ipv4, ipv6 } = peerOf(0)
  gateway.handle({ type: 'peerAdded', peer, ipv4, ipv6 }, NOW)
  for (let at = 0; at < size; at++) {
    gateway.handle({ type: 'granted', peer, resource: cidr(`net-${at}`, networkAt(at)) }, NOW)
  }
  const packetTo = packetsTo(ipv4)
  return {
    pass: (at) => {
      gateway.handle({ type: 'tunnelPacket', peer, packet: packetTo(at) }, NOW)
      while (gateway.poll() !== undefined);
    },
  }
}

const clientWithResources = (size: number): Engine => {
  const client = new ClientFlows()
  const { ipv4, ipv6 } = peerOf(0)
  client.handle({ type: 'interfaceConfigured', ipv4, ipv6 }, NOW)
  const resources = Array.from({ length: size }, (_, at) => cidr(`net-${at}`, networkAt(at)))
  client.handle({ type: 'resourcesChanged', resources }, NOW)
  for (const { id } of resources) {
    client.handle({ type: 'connected', resourceId: id, peer: 'g', peerIpv4: GATEWAY.ipv4, peerIpv6: GATEWAY.ipv6 }, NOW)
  }
  const packetTo = packetsTo(ipv4)
  return {
    pass: (at) => {
      client.handle({ type: 'tunPackets', packets: [packetTo(at)] }, NOW)
      while (client.poll() !== undefined);
    },
  }
}

const newGateway = (): GatewayFlows => {
  const gateway = new GatewayFlows()
  gateway.handle({ type: 'interfaceConfigured', ...GATEWAY }, NOW)
  return gateway
}

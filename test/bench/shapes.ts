// How the gateway's and the client's cost grows with how many there are. Each figure beside its growth, within one run.
import { ClientFlows } from '../../core/flow/client-flows.ts'
import { GatewayFlows } from '../../core/flow/gateway-flows.ts'
import { PeerTunnels } from '../../core/ice/peer-tunnels.ts'
import { after, instant, SECOND, unixTime } from '../../core/runtime/time.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import { cidr, GATEWAY } from '../kit/flow-bench.ts'
import { buildPacket } from '../kit/packet-builder.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { ratePerSecond, type Figure } from './figure.ts'

const NOW = instant(1_000)
const MANY = 10_000
/** Each has made its handshake, both sides of it in this process. */
const IDLE = 1_000
const PAYLOAD = new Uint8Array(1_240)

const peerAddresses = (at: number) => ({
  ipv4: `100.${64 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`,
  ipv6: `fd00:2021:1111::${(at + 1).toString(16)}`,
})
const networkAt = (at: number): string => `10.${at >> 8}.${at & 255}.0/24`

/** Memory that a peer with keys, a session, a path and a grant takes at a gateway while nothing moves. */
export const benchIdlePeers = async (): Promise<Figure[]> => {
  const before = usedBytes()
  const held = idlePeers(IDLE)
  const usedAfter = usedBytes()
  const perPeer = (usedAfter - before) / IDLE
  const established = held.established()
  return [
    { name: `gateway, memory per idle peer, of ${IDLE}`, value: perPeer / 1_024, unit: 'KiB' },
    { name: 'gateway, peers with a session of those', value: established, unit: 'peers' },
  ]
}

/** A gateway's answers to initiations, each of another client, on one core. */
export const benchHandshakes = async (): Promise<Figure[]> => {
  const count = 2_000
  const random = new SeededRandom('handshakes')
  const transport = new WireGuardTransport({ load: { arrived: () => false } })
  const unixAt = (now: number) => unixTime(Date.UTC(2026, 0, 5) + now)
  const keys = transport.generateKeys(random)
  const gateway = transport.createTunnel({ privateKey: keys.privateKey, random, unixAt })
  const initiations: Uint8Array[] = []
  for (let at = 0; at < count; at++) {
    const own = transport.generateKeys(random)
    gateway.handle({ type: 'peerAdded', peer: `peer ${at}`, publicKey: own.publicKey }, NOW)
    const client = transport.createTunnel({ privateKey: own.privateKey, random, unixAt })
    client.handle({ type: 'peerAdded', peer: 'gateway', publicKey: keys.publicKey, path: 'g' }, NOW)
    client.handle({ type: 'connectRequested', peer: 'gateway' }, NOW)
    const output = client.poll()
    if (output?.type === 'sendDatagram') initiations.push(output.datagram)
  }
  const start = performance.now()
  let answers = 0
  for (const [at, datagram] of initiations.entries()) {
    gateway.handle({ type: 'datagramReceived', path: `c${at}`, datagram }, after(NOW, 10 * SECOND))
    while (gateway.poll() !== undefined) answers += 1
  }
  const seconds = (performance.now() - start) / 1_000
  if (answers !== count) throw new Error(`${answers} answers`)
  return [{ name: 'gateway, handshakes answered on one core', value: count / seconds, unit: '/s' }]
}

/** What a packet costs with one peer and one resource, and with ten thousand of each. */
export const benchGrowth = async (): Promise<Figure[]> => {
  const shapes = [
    { name: 'gateway, packets, peers', make: gatewayWithPeers, sizes: [1, 100, MANY] },
    // Granting goes through all that a peer holds: ten thousand at one peer take minutes to set up.
    { name: 'gateway, packets, resources of one peer', make: gatewayWithResources, sizes: [1, 100, 1_000] },
    { name: 'client, packets, resources', make: clientWithResources, sizes: [1, 100, 1_000] },
  ]
  return shapes.flatMap(({ name, make, sizes }) => {
    const works = sizes.map((size) => make(size))
    // Taken in turns, and the best of each: what else the machine does then falls on all alike.
    const best = sizes.map(() => 0)
    for (let round = 0; round < 3; round++) {
      for (const [index, work] of works.entries()) {
        best[index] = Math.max(best[index] ?? 0, ratePerSecond(work, 200))
      }
    }
    const nanoseconds = best.map((rate) => 1e9 / rate / BATCH)
    const growth = ((nanoseconds.at(-1) ?? 0) / (nanoseconds[0] ?? 1) - 1) * 100
    return [
      ...sizes.map((size, index) => ({ name: `${name}: ${size}`, value: nanoseconds[index] ?? 0, unit: 'ns' })),
      { name: `${name}: growth`, value: growth, unit: '%' },
    ]
  })
}

const BATCH = 64

const gatewayWithPeers = (size: number): (() => void) => {
  const gateway = newGateway()
  for (let at = 0; at < size; at++) {
    gateway.handle({ type: 'peerAdded', peer: `p${at}`, ...peerAddresses(at) }, NOW)
    gateway.handle({ type: 'granted', peer: `p${at}`, resource: cidr('net', '192.0.2.0/24') }, NOW)
  }
  // The same flows of the same number of peers, spread over all that there are.
  const batches = Array.from({ length: 16 }, (_, batch) =>
    Array.from({ length: BATCH }, (_, index) => {
      const at = size === 1 ? 0 : Math.floor(((batch * BATCH + index) * size) / (16 * BATCH))
      const source = peerAddresses(at).ipv4
      const sourcePort = 1_024 + batch * BATCH + index
      return {
        peer: `p${at}`,
        packet: buildPacket({ source, destination: '192.0.2.1', sourcePort, flags: 'A', payload: PAYLOAD }),
      }
    }),
  )
  let next = 0
  return () => {
    for (const { peer, packet } of batches[next++ % batches.length] ?? []) {
      gateway.handle({ type: 'tunnelPacket', peer, packet }, NOW)
    }
    while (gateway.poll() !== undefined);
  }
}

const gatewayWithResources = (size: number): (() => void) => {
  const gateway = newGateway()
  gateway.handle({ type: 'peerAdded', peer: 'p0', ...peerAddresses(0) }, NOW)
  for (let at = 0; at < size; at++) {
    gateway.handle({ type: 'granted', peer: 'p0', resource: cidr(`net-${at}`, networkAt(at)) }, NOW)
  }
  return packetsOfNewFlows(size, (packet) => gateway.handle({ type: 'tunnelPacket', peer: 'p0', packet }, NOW), gateway)
}

const clientWithResources = (size: number): (() => void) => {
  const client = new ClientFlows()
  client.handle({ type: 'interfaceConfigured', ...peerAddresses(0) }, NOW)
  const resources = Array.from({ length: size }, (_, at) => cidr(`net-${at}`, networkAt(at)))
  client.handle({ type: 'resourcesChanged', resources }, NOW)
  for (const { id } of resources) {
    client.handle({ type: 'granted', resourceId: id, peer: 'g', peerIpv4: GATEWAY.ipv4, peerIpv6: GATEWAY.ipv6 }, NOW)
  }
  return packetsOfNewFlows(size, (packet) => client.handle({ type: 'tunPackets', packets: [packet] }, NOW), client)
}

/** A thousand flows in turn, to as many of the networks as there are. */
const packetsOfNewFlows = (
  size: number,
  take: (packet: Uint8Array) => void,
  machine: { poll: () => unknown },
): (() => void) => {
  const packets = Array.from({ length: 1_024 }, (_, index) => {
    const at = Math.floor((index * size) / 1_024)
    const destination = `10.${at >> 8}.${at & 255}.7`
    return buildPacket({
      source: peerAddresses(0).ipv4,
      destination,
      sourcePort: 1_024 + index,
      flags: 'A',
      payload: PAYLOAD,
    })
  })
  let next = 0
  return () => {
    for (let count = 0; count < BATCH; count++) take(packets[next++ % packets.length] ?? PAYLOAD)
    while (machine.poll() !== undefined);
  }
}

const newGateway = (): GatewayFlows => {
  const gateway = new GatewayFlows()
  gateway.handle({ type: 'interfaceConfigured', ...GATEWAY }, NOW)
  return gateway
}

const idlePeers = (count: number): { established: () => number; kept: unknown } => {
  const random = new SeededRandom('idle')
  const unixAt = (now: number) => unixTime(Date.UTC(2026, 0, 5) + now)
  const transport = new WireGuardTransport({ load: { arrived: () => false } })
  const keys = transport.generateKeys(random)
  const tunnel = transport.createTunnel({ privateKey: keys.privateKey, random, unixAt })
  const tunnels = new PeerTunnels({ role: 'controlled', random, tunnel })
  const flows = newGateway()
  let sessions = 0
  for (let at = 0; at < count; at++) {
    const peer = `peer-${at}`
    const own = transport.generateKeys(random)
    const presharedKey = random.bytes(32)
    const local = { username: `l${at}`, password: `password of ${at}, there` }
    const remote = { username: `r${at}`, password: `password of ${at}, here` }
    tunnels.handle({ type: 'peerAdded', peer, publicKey: own.publicKey, presharedKey, local, remote }, NOW)
    flows.handle({ type: 'peerAdded', peer, ...peerAddresses(at) }, NOW)
    flows.handle({ type: 'granted', peer, resource: cidr('net', '192.0.2.0/24') }, NOW)
    // A client that says hello and is not kept.
    const client = transport.createTunnel({ privateKey: own.privateKey, random, unixAt })
    client.handle({ type: 'peerAdded', peer: 'g', publicKey: keys.publicKey, presharedKey, path: 'g' }, NOW)
    client.handle({ type: 'connectRequested', peer: 'g' }, NOW)
    const path = `192.0.2.1:${at}`
    for (let round = 0; round < 2; round++) {
      for (let output = client.poll(); output !== undefined; output = client.poll()) {
        if (output.type === 'sendDatagram') {
          tunnels.handle({ type: 'datagramReceived', path, datagram: output.datagram }, NOW)
        }
      }
      for (let output = tunnels.poll(); output !== undefined; output = tunnels.poll()) {
        if (output.type === 'sendDatagram') {
          client.handle({ type: 'datagramReceived', path: 'g', datagram: output.datagram }, NOW)
        } else if (output.type === 'sessionEstablished') sessions += 1
      }
    }
    while (flows.poll() !== undefined);
  }
  return { established: () => sessions, kept: [tunnels, flows] }
}

/** After collection where the process lets us ask for it. */
const usedBytes = (): number => {
  const { gc } = globalThis as { gc?: () => void }
  gc?.()
  gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

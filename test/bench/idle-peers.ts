// Measures the memory of a gateway for an idle client: its keys, a path that ICE found, a session that both ends have
// used, and a grant. The gateway is a process of its own; the clients are real ones in this process, which are let go
// once they are connected.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { LocalCandidates } from '../../core/ice/local-candidates.ts'
import { PeerTunnels } from '../../core/ice/peer-tunnels.ts'
import { DEFAULT_MTU } from '../../core/runtime/mtu.ts'
import { instant, unixTime, type Instant } from '../../core/runtime/time.ts'
import { loadAddon } from '../../hosts/runtime/native/addon.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { endpoint, type Endpoint } from '../../core/runtime/endpoint.ts'
import type { IdlePeer, Said, Sent, Told } from './child/idle-gateway.ts'
import { growth, type Figure } from './figure.ts'

/**
 * Numbers of peers: the first thousand warm up memory that is allocated once; each further step gives the cost of its
 * peers.
 */
const [WARM, STEPS] = [1_000, [4_000, 7_000, 10_000]]
const AT_ONCE = 250
/** Rounds of datagrams, this far apart, after which every client is connected. */
const [ROUNDS, ROUND_MS] = [12, 25]
const KIB = 1_024

type Memory = Extract<Said, { type: 'memory' }>

/** Measures both kinds of lane; for the native lane, memory that its thread holds for a peer is counted too. */
export const benchIdlePeers = async (): Promise<Figure[]> => [
  ...(await ofLane('script')),
  ...(hasAddon() ? await ofLane('native') : []),
]

const ofLane = async (kind: 'script' | 'native'): Promise<Figure[]> => {
  const gateway = await IdleGateway.start(kind)
  try {
    await gateway.connect(0, WARM)
    const first = await gateway.measure()
    const measured = [{ peers: WARM, memory: first }]
    for (const peers of STEPS) {
      await gateway.connect(measured.at(-1)?.peers ?? 0, peers)
      measured.push({ peers, memory: await gateway.measure() })
    }
    const last = measured.at(-1) ?? { peers: WARM, memory: first }
    const perPeer = (of: (memory: Memory) => number, from = measured[0], to = last): number =>
      (of(to.memory) - of(from?.memory ?? first)) / (to.peers - (from?.peers ?? 0)) / KIB
    const rss = ({ rss: bytes }: Memory): number => bytes
    const name = `gateway, ${kind} lane, idle peers`
    const values = measured.slice(1).map((to, index) => perPeer(rss, measured[index], to))
    return [
      ...growth(`${name}, memory of the process for each up to`, { sizes: STEPS, values, unit: 'KiB' }),
      { name: `${name}, for each of all`, value: perPeer(rss), unit: 'KiB', goal: 'under 16' },
      { name: `${name}, of that JavaScript's`, value: perPeer(({ heap, external }) => heap + external), unit: 'KiB' },
      { name: `${name}, with a session`, value: last.memory.sessions, unit: 'peers' },
    ]
  } finally {
    gateway.stop()
  }
}

class IdleGateway {
  readonly #child: ChildProcess
  readonly #ready: Extract<Said, { type: 'ready' }>
  readonly #random = new SeededRandom('idle clients')
  readonly #transport = new WireGuardTransport()
  #now = 0

  private constructor(child: ChildProcess, ready: Extract<Said, { type: 'ready' }>) {
    this.#child = child
    this.#ready = ready
  }

  static async start(kind: string): Promise<IdleGateway> {
    const script = fileURLToPath(new URL('child/idle-gateway.js', import.meta.url))
    const child = fork(script, [kind], { stdio: 'inherit', serialization: 'advanced' })
    const [said] = (await once(child, 'message')) as [Said]
    if (said.type !== 'ready') throw new Error(`the gateway said ${said.type}`)
    return new IdleGateway(child, said)
  }

  /** Connects the clients with these numbers, some at a time. */
  async connect(from: number, to: number): Promise<void> {
    for (let first = from; first < to; first += AT_ONCE) {
      const clients = new Map<Endpoint, PeerTunnels>()
      const peers = Array.from({ length: Math.min(AT_ONCE, to - first) }, (_, at) => this.#client(first + at, clients))
      let arriving = await this.#tell({ type: 'peers', now: this.#now, peers })
      for (let round = 0; round < ROUNDS; round++) {
        this.#now += ROUND_MS
        const datagrams = exchange(clients, arriving, instant(this.#now))
        arriving = await this.#tell({ type: 'datagrams', now: this.#now, datagrams })
      }
    }
  }

  async measure(): Promise<Memory> {
    const said = await this.#ask({ type: 'measure' })
    if (said.type !== 'memory') throw new Error(`the gateway said ${said.type}`)
    return said
  }

  stop(): void {
    this.#child.disconnect()
  }

  #client(at: number, clients: Map<Endpoint, PeerTunnels>): IdlePeer {
    const random = this.#random
    const own = this.#transport.generateKeys(random)
    const presharedKey = random.bytes(32)
    const [client, gateway] = ['c', 'g'].map((end) => ({
      username: `${end}${at}`,
      password: `${end}, the password of ${at}`.padEnd(22),
    }))
    if (client === undefined || gateway === undefined) throw new Error('unreachable')
    const unixAt = (now: Instant) => unixTime(Date.UTC(2026, 0, 5) + now)
    const tunnel = this.#transport.createTunnel({ privateKey: own.privateKey, random, unixAt })
    const tunnels = new PeerTunnels({ role: 'controlling', random, tunnel, mtu: DEFAULT_MTU })
    const locals = new LocalCandidates()
    locals.setPorts({ ipv4: 10_000 + at })
    locals.setAddresses(['198.51.100.1'])
    const now = instant(this.#now)
    const { publicKey, candidates } = this.#ready
    tunnels.handle({ type: 'localCandidatesChanged', candidates: locals.candidates }, now)
    tunnels.handle({ type: 'peerAdded', peer: 'g', publicKey, presharedKey, local: client, remote: gateway }, now)
    tunnels.handle({ type: 'remoteCandidatesAdded', peer: 'g', candidates }, now)
    clients.set(endpoint('198.51.100.1', 10_000 + at), tunnels)
    return {
      peer: `0b9c3f7e-1d2a-4c5b-8e6f-${at.toString(16).padStart(12, '0')}`,
      ipv4: `100.64.${(at + 2) >> 8}.${(at + 2) & 255}`,
      ipv6: `fd00:2021:1111::${(at + 2).toString(16)}`,
      publicKey: own.publicKey,
      presharedKey,
      local: gateway,
      remote: client,
      candidates: locals.lines,
    }
  }

  async #tell(told: Told): Promise<Sent[]> {
    const said = await this.#ask(told)
    if (said.type !== 'datagrams') throw new Error(`the gateway said ${said.type}`)
    return said.datagrams
  }

  async #ask(told: Told): Promise<Said> {
    this.#child.send(told)
    const [said] = (await once(this.#child, 'message')) as [Said]
    return said
  }
}

/** Delivers datagrams to the clients and returns the datagrams that they send in answer. */
const exchange = (clients: ReadonlyMap<Endpoint, PeerTunnels>, arriving: readonly Sent[], now: Instant): Sent[] => {
  for (const { path, datagram } of arriving) {
    clients.get(path)?.handle({ type: 'datagramReceived', path: endpoint('192.0.2.1', 52_625), datagram }, now)
  }
  const sent: Sent[] = []
  for (const [path, client] of clients) {
    client.wake(now)
    for (let output = client.poll(); output !== undefined; output = client.poll()) {
      if (output.type === 'sendDatagram') sent.push({ path, datagram: output.bytes })
    }
  }
  return sent
}

const hasAddon = (): boolean => {
  try {
    return loadAddon().cipher() !== 0
  } catch {
    return false
  }
}

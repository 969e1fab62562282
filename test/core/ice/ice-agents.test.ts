import { expect } from 'chai'
import * as fc from 'fast-check'
import { beforeEach, describe, it } from 'mocha'
import { formatCandidate, hostCandidates } from '../../../core/ice/candidate.ts'
import { encodeAnswer, encodeCheck, type IceRole } from '../../../core/ice/connectivity-check.ts'
import { IceAgents, type IceAgentsInput, type IceAgentsOutput } from '../../../core/ice/ice-agents.ts'
import { decodeStun } from '../../../core/stun/stun-message.ts'
import type { DatagramSocket } from '../../../core/runtime/datagram-socket.ts'
import { drive, type Driven } from '../../../core/runtime/drive.ts'
import type { Datagram } from '../../../core/runtime/datagram-socket.ts'
import { endpoint, type Family } from '../../../core/runtime/endpoint.ts'
import { splitPath, type TunnelPath } from '../../../core/runtime/path.ts'
import { after } from '../../../core/runtime/time.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'
import { VirtualNetwork, type VirtualHost } from '../../kit/virtual-network.ts'

const CLIENT = { username: 'zegv', password: 'czskz6fyfoa6bfv7sqx5ld' }
const GATEWAY = { username: '4zlx', password: 'hcqpxsvioeww7s4udf2ynq' }

/** ICE agents of one side on a machine of the virtual network. */
class Side {
  readonly events: {
    type: string
    at: number
    path?: TunnelPath
    reason?: string
    datagramBytes?: number | undefined
  }[] = []
  readonly host: VirtualHost
  readonly agents: IceAgents
  readonly #driven: Driven<IceAgentsInput>
  readonly #sockets = new Map<Family, DatagramSocket>()
  sent = 0
  isUdpBlocked = false
  /** Time in milliseconds that somebody else takes to answer this machine; undefined where nobody does. */
  otherAnswersAfterMs: number | undefined

  constructor(network: VirtualNetwork, host: VirtualHost, role: IceRole) {
    const { clock } = network
    this.host = host
    const isUdpBlocked = () => this.isUdpBlocked
    this.agents = new IceAgents({ role, random: new SeededRandom(host.name), probes: [1_440, 1_408], isUdpBlocked })
    this.#driven = drive<IceAgentsInput, IceAgentsOutput>(this.agents, {
      clock,
      perform: (output) => {
        if (output.type === 'sendDatagram') {
          this.sent++
          this.send({ ...output, to: splitPath(output.to).to })
        } else if (output.type !== 'pathUnanswered') this.events.push({ ...output, at: clock.now() })
        else if (this.otherAnswersAfterMs !== undefined) {
          const at = after(clock.now(), this.otherAnswersAfterMs)
          clock.wake(at, () => this.tell({ type: 'networkAnswered' }))
        }
      },
    })
    for (const family of ['ipv4', 'ipv6'] as const) {
      const socket = host.bind({
        family,
        port: 52625,
        onError: () => undefined,
        onBatch: (batch) => {
          for (const { from: path, bytes: datagram } of batch) this.tell({ type: 'datagramReceived', path, datagram })
        },
      })
      this.#sockets.set(family, socket)
    }
    this.locals()
  }

  tell(input: IceAgentsInput): void {
    this.#driven.dispatch(input)
  }

  locals(): void {
    this.tell({ type: 'localCandidatesChanged', candidates: this.candidates() })
  }

  candidates() {
    return hostCandidates(this.host.addresses, { ipv4: 52625, ipv6: 52625 })
  }

  lines(): string[] {
    return this.candidates().map(formatCandidate)
  }

  send(datagram: Datagram): void {
    this.#sockets.get(datagram.to.startsWith('[') ? 'ipv6' : 'ipv4')?.send([datagram])
  }
}

describe('ICE agents', () => {
  let clock: VirtualClock
  let network: VirtualNetwork
  let client: Side
  let gateway: Side

  beforeEach(() => {
    clock = new VirtualClock()
    network = new VirtualNetwork({ clock, random: new SeededRandom('network') })
    network.setEverywhere({ latencyMs: 20 })
    client = new Side(network, network.host('client', ['192.0.2.10', '2001:db8::10']), 'controlling')
    gateway = new Side(network, network.host('gateway', ['198.51.100.20', '2001:db8:1::20']), 'controlled')
  })

  const connect = () => {
    client.tell({ type: 'peerAdded', peer: 'g', local: CLIENT, remote: GATEWAY })
    gateway.tell({ type: 'peerAdded', peer: 'c', local: GATEWAY, remote: CLIENT })
    client.tell({ type: 'remoteCandidatesAdded', peer: 'g', candidates: gateway.lines() })
    gateway.tell({ type: 'remoteCandidatesAdded', peer: 'c', candidates: client.lines() })
  }

  /** Sends packets from both ends every 100 ms for a while. */
  const traffic = (milliseconds: number) => {
    const end = clock.now() + milliseconds
    while (clock.now() < end) {
      client.tell({ type: 'trafficSeen', peer: 'g' })
      clock.advance(100)
    }
  }

  it('ICE agents find the best path within a few round trips and agree on it', () => {
    connect()
    clock.advance(300)
    expect(client.agents.path('g')).to.equal('[2001:db8:1::20]:52625')
    expect(gateway.agents.path('c')).to.equal('[2001:db8::10]:52625')
    expect(client.events[0]?.at).to.be.at.most(1_000 + 60)
  })

  it('ICE agents use the family that works where the better one is blocked', () => {
    gateway.host.addresses = ['198.51.100.20']
    const lines = [...gateway.lines(), 'candidate:a 1 udp 2130706431 2001:db8:1::20 52625 typ host']
    connect()
    client.tell({ type: 'remoteCandidatesAdded', peer: 'g', candidates: lines })
    clock.advance(2_000)
    expect(client.agents.path('g')).to.equal('198.51.100.20:52625')
  })

  it('ICE agents find a client whose addresses the gateway was not told', () => {
    client.tell({ type: 'peerAdded', peer: 'g', local: CLIENT, remote: GATEWAY })
    gateway.tell({ type: 'peerAdded', peer: 'c', local: GATEWAY, remote: CLIENT })
    client.tell({
      type: 'remoteCandidatesAdded',
      peer: 'g',
      candidates: ['candidate:a 1 udp 5 198.51.100.20 52625 typ host'],
    })
    clock.advance(500)
    expect(gateway.agents.path('c')).to.equal('192.0.2.10:52625')
  })

  it('ICE agents change to a better path that appears later', () => {
    connect()
    const [six, four] = gateway.lines()
    client.tell({ type: 'remoteCandidatesRemoved', peer: 'g', candidates: [six ?? ''] })
    clock.advance(500)
    expect(client.agents.path('g')).to.equal('198.51.100.20:52625')
    client.tell({ type: 'remoteCandidatesAdded', peer: 'g', candidates: [six ?? '', four ?? ''] })
    clock.advance(500)
    expect(client.agents.path('g')).to.equal('[2001:db8:1::20]:52625')
    expect(gateway.agents.path('c')).to.equal('[2001:db8::10]:52625')
  })

  it('H2 ICE agents notice within 3 s that the peer is dead while traffic flows, and give up later', () => {
    connect()
    traffic(5_000)
    gateway.host.up = false
    const died = clock.now()
    traffic(3_000)
    const lost = client.events.find(({ type }) => type === 'pathLost')
    expect(lost?.at).to.be.within(died, died + 3_000)
    clock.advance(20_000)
    expect(client.events.at(-1)).to.include({ type: 'failed', reason: 'path-lost' })
    const sent = client.sent
    clock.advance(60_000)
    expect(client.sent).to.equal(sent)
  })

  it('H2 ICE agents notice within 0.9 s of traffic that the peer is dead where somebody else answers', () => {
    client.otherAnswersAfterMs = 40
    connect()
    traffic(5_000)
    gateway.host.up = false
    const died = clock.now()
    traffic(3_000)
    expect(client.events.find(({ type }) => type === 'pathLost')?.at).to.be.within(died + 500, died + 900)
  })

  it('H2 ICE agents notice within 0.4 s that the peer is dead where the portal has lost it too, also while nothing is sent', () => {
    client.otherAnswersAfterMs = 40
    connect()
    traffic(2_000)
    clock.advance(60_000)
    gateway.host.up = false
    const died = clock.now()
    client.tell({ type: 'peerDoubted', peer: 'g' })
    clock.advance(1_000)
    expect(client.events.find(({ type }) => type === 'pathLost')?.at).to.be.within(died + 100, died + 400)
  })

  it('H3 ICE agents keep a peer that only the portal has lost, however often that is, and whatever is lost on the way', () => {
    client.otherAnswersAfterMs = 5
    network.setEverywhere({ latencyMs: 30, jitterMs: 40, loss: 0.2 })
    connect()
    traffic(20_000)
    for (let time = 0; time < 300; time++) {
      client.tell({ type: 'peerDoubted', peer: 'g' })
      traffic(1_000)
    }
    expect(client.events.map(({ type }) => type)).to.not.include('pathLost')
  })

  it('H2 ICE agents do not leave a silent path early where nobody else answers: this machine may be cut off itself', () => {
    connect()
    traffic(5_000)
    gateway.host.up = false
    client.tell({ type: 'peerDoubted', peer: 'g' })
    const silent = clock.now()
    traffic(1_500)
    gateway.host.up = true
    traffic(3_000)
    const told = client.events.filter(({ at }) => at > silent)
    expect(told.map(({ type }) => type)).to.deep.equal(['pathDoubted', 'pathAnswers'])
  })

  for (const [way, ends] of [
    ['to the gateway', ['client', 'gateway']],
    ['to the client', ['gateway', 'client']],
  ] as const) {
    it(`H8 ICE agents keep the path for five minutes where half of all datagrams ${way} is lost, and somebody else answers`, () => {
      client.otherAnswersAfterMs = 40
      connect()
      traffic(2_000)
      const [from, to] = ends.map((end) => (end === 'client' ? client.host : gateway.host))
      if (from === undefined || to === undefined) throw new Error('there are two ends')
      network.lose(from, to, 0.5)
      traffic(300_000)
      expect(client.events.map(({ type }) => type)).to.not.include('pathLost')
    })
  }

  it('H2 ICE agents notice a dead peer within 3 s of the first unanswered packet where the tunnel was idle', () => {
    connect()
    clock.advance(60_000)
    gateway.host.up = false
    clock.advance(1_000)
    const asked = clock.now()
    traffic(3_000)
    expect(client.events.find(({ type }) => type === 'pathLost')?.at).to.be.within(asked, asked + 3_000)
  })

  it('H9 the client’s agent doubts a silent path within a second, and says when it answers again', () => {
    connect()
    traffic(2_000)
    gateway.host.up = false
    const silent = clock.now()
    traffic(1_000)
    gateway.host.up = true
    traffic(1_000)
    const told = client.events.filter(({ at }) => at > silent)
    expect(told.map(({ type }) => type)).to.deep.equal(['pathDoubted', 'pathAnswers'])
    expect(told[0]?.at).to.be.at.most(silent + 1_000)
    expect(gateway.events.filter(({ at }) => at > silent)).to.deep.equal([])
  })

  it('ICE agents take another living path at once where only one is dead', () => {
    connect()
    traffic(2_000)
    gateway.host.addresses = ['198.51.100.20']
    traffic(3_000)
    expect(client.agents.path('g')).to.equal('198.51.100.20:52625')
    expect(client.events.map(({ type }) => type)).to.not.include('pathLost')
  })

  it('H9 the client’s agent leaves a silent path within 2 s of packets while UDP counts as blocked, and later otherwise', () => {
    connect()
    traffic(2_000)
    gateway.host.addresses = ['198.51.100.20']
    traffic(1_700)
    expect(client.agents.path('g')).to.equal('[2001:db8:1::20]:52625')
    client.isUdpBlocked = true
    traffic(200)
    expect(client.agents.path('g')).to.equal('198.51.100.20:52625')
    expect(client.events.map(({ type }) => type)).to.not.include('pathLost')
  })

  it('ICE agents come back when the peer does, before they gave up', () => {
    connect()
    traffic(2_000)
    gateway.host.up = false
    traffic(6_000)
    gateway.host.up = true
    traffic(3_000)
    expect(client.agents.path('g')).to.equal('[2001:db8:1::20]:52625')
  })

  it('H8 ICE agents keep the path at 20 % loss for an hour, though somebody else answers', () => {
    client.otherAnswersAfterMs = 60
    network.setEverywhere({ latencyMs: 30, jitterMs: 40, loss: 0.2 })
    const connectedAt = clock.now()
    connect()
    clock.advance(2_000)
    traffic(3_600_000)
    const [doubts, others] = [true, false].map((isDoubt) =>
      client.events.filter(({ type }) => (type === 'pathDoubted' || type === 'pathAnswers') === isDoubt),
    )
    const besides = (others ?? []).filter(({ type }) => type !== 'pathChosen')
    // The first path that answers is used at once, and left for the best one, which is measured anew.
    expect(besides.map(({ type, datagramBytes }) => [type, datagramBytes])).to.deep.equal([
      ['pathCarries', 1_440],
      ['pathCarries', undefined],
      ['pathCarries', 1_440],
    ])
    expect(others?.at(-1)?.at, 'nothing changes after that, nor the path').to.be.below(connectedAt + 2_000)
    // WebSockets are opened where a doubt lasts for half a second, and no server answers either.
    const lasted = (doubts ?? []).map(({ type, at }, index) =>
      type === 'pathAnswers' ? at - (doubts?.[index - 1]?.at ?? 0) : 0,
    )
    expect(lasted.length).to.be.greaterThan(100)
    expect(Math.max(...lasted)).to.be.below(1_000)
    expect(lasted.filter((milliseconds) => milliseconds >= 500).length, `of ${lasted.length}`).to.be.at.most(3)
  }).timeout(300_000)

  it('H7 ICE agents follow a client whose address changes', () => {
    connect()
    traffic(2_000)
    client.host.addresses = ['203.0.113.99']
    client.locals()
    traffic(2_000)
    expect(client.agents.path('g')).to.equal('198.51.100.20:52625')
    expect(gateway.agents.path('c')).to.equal('203.0.113.99:52625')
  })

  const alone = () => {
    client.tell({ type: 'peerAdded', peer: 'g', local: CLIENT, remote: GATEWAY })
    gateway.tell({ type: 'peerAdded', peer: 'c', local: GATEWAY, remote: CLIENT })
    client.tell({ type: 'remoteCandidatesAdded', peer: 'g', candidates: gateway.lines() })
  }

  const moveTo = (address: string) => {
    client.host.addresses = [address]
    client.locals()
  }

  it('H7 ICE agents follow a client from one NAT to the next, to the fortieth as to the first', () => {
    alone()
    for (let place = 1; place <= 40; place++) {
      moveTo(`203.0.113.${place}`)
      traffic(1_000)
      expect(gateway.agents.path('c')).to.equal(`203.0.113.${place}:52625`)
    }
    expect(gateway.agents.counters()).to.not.have.any.keys('too-many-candidates', 'no-room-for-path')
  })

  it('T9 H7 ICE agents follow a client although an attacker repeats one of its checks again and again from elsewhere', () => {
    alone()
    moveTo('203.0.113.1')
    traffic(1_000)
    const datagram = encodeCheck({
      transactionId: new Uint8Array(12),
      local: CLIENT,
      remote: GATEWAY,
      role: 'controlling',
      tieBreaker: new Uint8Array(8),
      priority: 1,
      nominate: false,
    })
    let source = 0
    for (const place of ['203.0.113.2', '203.0.113.3', '203.0.113.4']) {
      for (let at = 0; at < 40; at++) {
        gateway.tell({ type: 'datagramReceived', path: endpoint('192.0.2.66', ++source), datagram })
      }
      // The path in use is not given up for the others.
      expect(gateway.agents.path('c')).to.equal(client.host.addresses.map((address) => `${address}:52625`).join())
      moveTo(place)
      traffic(1_000)
      expect(gateway.agents.path('c')).to.equal(`${place}:52625`)
    }
  })

  it('T10 ICE agents know how much the path carries in each direction, and forget it with the path', () => {
    network.setEverywhere({ latencyMs: 20, mtu: 1_460 })
    connect()
    clock.advance(300)
    // 1,408 bytes and IPv6's headers of 48.
    const said = ({ events }: Side) =>
      events.flatMap((event) => ('datagramBytes' in event ? [event.datagramBytes] : []))
    expect([said(client), said(gateway)]).to.deep.equal([[1_408], [1_408]])
    // A path of the other family, which carries more.
    network.setEverywhere({ latencyMs: 20, mtu: 1_500 })
    client.tell({ type: 'remoteCandidatesRemoved', peer: 'g', candidates: gateway.lines().slice(0, 1) })
    clock.advance(300)
    expect(client.agents.path('g')).to.equal('198.51.100.20:52625')
    expect(said(client)).to.deep.equal([1_408, undefined, 1_440])
    client.tell({ type: 'peerRemoved', peer: 'g' })
    expect(said(client)).to.deep.equal([1_408, undefined, 1_440, undefined])
  })

  it('T10 ICE agents believe no answer to a probe of an end that does not support probes', () => {
    client.tell({ type: 'peerAdded', peer: 'g', local: CLIENT, remote: GATEWAY })
    const stranger = network.host('stranger', ['198.51.100.30'])
    const socket = stranger.bind({
      family: 'ipv4',
      port: 52625,
      onError: () => undefined,
      onBatch: (batch) => {
        for (const { from, bytes } of batch) {
          const decoded = decodeStun(bytes)
          if (decoded.type !== 'decoded' || decoded.message.kind !== 'request') continue
          const { transactionId } = decoded.message
          const answer = encodeAnswer({ transactionId, source: from, local: GATEWAY, asksForSize: false })
          socket.send([{ to: from, bytes: answer }])
        }
      },
    })
    client.tell({
      type: 'remoteCandidatesAdded',
      peer: 'g',
      candidates: ['candidate:a 1 udp 5 198.51.100.30 52625 typ host'],
    })
    clock.advance(10_000)
    expect(client.events.map(({ type }) => type)).to.deep.equal(['pathChosen'])
  })

  it('ICE agents are quiet when idle', () => {
    connect()
    clock.advance(30_000)
    const sent = client.sent + gateway.sent
    clock.advance(60_000)
    // Per direction and 60 s: 4 slow checks of the path in use with their answers, and 6 of the other one by either side.
    expect(client.sent + gateway.sent - sent).to.be.at.most(40)
  })

  it('ICE agents give up where the gateway names no candidate', () => {
    client.tell({ type: 'peerAdded', peer: 'g', local: CLIENT, remote: GATEWAY })
    clock.advance(10_000)
    expect(client.events).to.deep.equal([
      { type: 'failed', reason: 'no-remote-candidates', tried: [], peer: 'g', at: 11_000 },
    ])
  })

  it('P9 ICE agents answer nothing to a sender without the credentials', () => {
    gateway.tell({ type: 'peerAdded', peer: 'c', local: GATEWAY, remote: CLIENT })
    const check = {
      transactionId: new Uint8Array(12),
      local: CLIENT,
      remote: GATEWAY,
      role: 'controlling' as const,
      tieBreaker: new Uint8Array(8),
      priority: 1,
      nominate: true,
    }
    const to = endpoint('198.51.100.20', 52625)
    client.send({ to, bytes: encodeCheck({ ...check, remote: { ...GATEWAY, password: 'wrong' } }) })
    client.send({ to, bytes: encodeCheck({ ...check, remote: { username: 'none', password: GATEWAY.password } }) })
    client.send({ to, bytes: encodeCheck({ ...check, local: { ...CLIENT, username: 'none' } }) })
    clock.advance(1_000)
    expect(gateway.sent).to.equal(0)
    expect(gateway.agents.counters()).to.deep.equal({ 'wrong-integrity': 1, nobody: 2 })
    client.send({ to, bytes: encodeCheck(check) })
    clock.advance(1_000)
    expect(gateway.sent).to.be.greaterThan(0)
  })

  it('P9 ICE agents answer nothing after the peer was removed', () => {
    connect()
    clock.advance(1_000)
    gateway.tell({ type: 'peerRemoved', peer: 'c' })
    const sent = gateway.sent
    clock.advance(5_000)
    expect(gateway.sent).to.equal(sent)
  })

  it('P9 ICE agents answer nothing to random bytes, and survive them', () => {
    connect()
    clock.advance(1_000)
    const { sent } = gateway
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (datagram) => {
        gateway.tell({ type: 'datagramReceived', path: endpoint('203.0.113.5', 5), datagram })
        if (datagram.length < 20) return
        const stun = datagram.slice()
        stun.set([0, 1, 0, stun.length - 20, 0x21, 0x12, 0xa4, 0x42])
        gateway.tell({ type: 'datagramReceived', path: endpoint('203.0.113.5', 5), datagram: stun })
      }),
    )
    expect(gateway.sent).to.equal(sent)
  })

  it('ICE agents bound the memory that a peer can take', () => {
    connect()
    const many = Array.from({ length: 500 }, (_, n) => `candidate:a 1 udp 5 192.0.2.1 ${n + 1} typ host`)
    client.tell({ type: 'remoteCandidatesAdded', peer: 'g', candidates: many })
    clock.advance(500)
    expect(client.agents.counters()['too-many-candidates']).to.equal(470)
  })
})

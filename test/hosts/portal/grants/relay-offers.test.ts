import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import type { RelayCredentialsQuestion } from '../../../../core/contract/relay-provider.ts'
import type { Relay } from '../../../../core/control/messages.ts'
import { stampedRelayCredentials } from '../../../../core/crypto/relay-credentials.ts'
import { endpoint } from '../../../../core/runtime/endpoint.ts'
import { DAY, HOUR, MINUTE, SECOND } from '../../../../core/runtime/time.ts'
import type { PresentRelay } from '../../../../hosts/portal/decide/relay-choice.ts'
import { keyOf, type PeerFrame } from '../../../kit/control-peer.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

const STAMP_SECRET = 'example-relay-stamp-secret'

/** A provider with the credentials of registered relays, whose stamp secret is the same. */
const STAMPED = {
  relays: () => [],
  credentials: ({ publicKey, expiresAt }: RelayCredentialsQuestion) =>
    stampedRelayCredentials({ publicKey, expiry: expiresAt / SECOND, stampSecret: STAMP_SECRET }),
}
const relay = (number: number, more: Partial<PresentRelay> = {}): PresentRelay => ({
  id: `00000000-0000-4000-9000-${String(number).padStart(12, '0')}`,
  provider: 'stamped',
  name: `relay-${number}`,
  endpoints: [endpoint(`192.0.2.${number}`, 3478), endpoint(`2001:db8::${number}`, 3478)],
  ...more,
})
const [ONE, TWO, THREE] = [relay(1), relay(2), relay(3)] as const

const BERLIN = { latitude: 52.5, longitude: 13.4 }
const PARIS = { latitude: 48.9, longitude: 2.4 }
const SYDNEY = { latitude: -33.9, longitude: 151.2 }

type Presence = { connected: Relay[]; disconnected_ids: string[] }

const presences = (frames: readonly PeerFrame[]): Presence[] =>
  frames.filter(({ event }) => event === 'relays_presence').map(({ payload }) => payload as Presence)
const relaysIn = (frames: readonly PeerFrame[]): Relay[] =>
  frames.filter(({ event }) => event === 'init').flatMap(({ payload }) => (payload as { relays: Relay[] }).relays)
const ids = (entries: readonly Relay[]): string[] => [...new Set(entries.map(({ id }) => id))].toSorted()

describe('relays that peers are offered', () => {
  let bench: PortalBench
  let company: Company

  const start = (options: ConstructorParameters<typeof PortalBench>[0] = {}): void => {
    bench = new PortalBench({
      relayProviders: { stamped: STAMPED },
      selectors: { random: new RandomSelector({ random: new SeededRandom(1) }) },
      ...options,
    })
    company = new Company(bench)
  }
  beforeEach(() => start())

  const present = (...relays: PresentRelay[]): void => bench.dispatch({ type: 'relaysChanged', relays })
  const bothJoin = (features: string[] = []): BenchPeer[] => [
    company.clientJoins({}, features),
    company.gatewayJoins(0, {}, features),
  ]

  it('H12 the init of clients and gateways has an entry for each address of a relay, with credentials of the peer’s own', () => {
    present(ONE)
    for (const [peer, name] of [
      [company.clientJoins(), 'laptop'],
      [company.gatewayJoins(0), 'gw-1'],
    ] as const) {
      const entries = relaysIn(peer.heard())
      expect(entries.map(({ addr }) => addr)).to.deep.equal(ONE.endpoints)
      for (const entry of entries) {
        if (entry.type !== 'turn') throw new Error('no relay')
        const { expires_at: expiry, ...rest } = entry
        const known = stampedRelayCredentials({ publicKey: keyOf(name), expiry, stampSecret: STAMP_SECRET })
        expect(rest).to.deep.equal({ type: 'turn', id: ONE.id, addr: entry.addr, ...known })
        expect(expiry * SECOND - bench.clock.unix()).to.be.within(DAY / 2, DAY)
      }
    }
  })

  it('a peer that connects again has the same credentials, so that it keeps its allocations', () => {
    present(ONE)
    const first = company.clientJoins()
    const entries = relaysIn(first.heard())
    first.leave()
    expect(relaysIn(company.clientJoins().heard())).to.deep.equal(entries)
  })

  it('H12 peers are told at once when a relay comes, and when one goes, of no more than what is different', () => {
    const peers = bothJoin()
    for (const peer of peers) expect(relaysIn(peer.heard())).to.deep.equal([])
    present(ONE)
    for (const peer of peers) {
      const [told, ...others] = presences(peer.heard())
      expect(others).to.deep.equal([])
      expect(told?.disconnected_ids).to.deep.equal([])
      expect(ids(told?.connected ?? [])).to.deep.equal([ONE.id])
    }
    present(ONE, TWO)
    for (const peer of peers)
      expect(presences(peer.heard()).map(({ connected }) => ids(connected))).to.deep.equal([[TWO.id]])
    present(TWO)
    for (const peer of peers)
      expect(presences(peer.heard())).to.deep.equal([{ disconnected_ids: [ONE.id], connected: [] }])
  })

  it('a peer that has two relays keeps them when others come, and gets one of those when it loses one', () => {
    present(ONE, TWO)
    const peers = bothJoin()
    for (const peer of peers) expect(ids(relaysIn(peer.heard()))).to.deep.equal([ONE.id, TWO.id])
    present(ONE, TWO, THREE)
    for (const peer of peers) expect(presences(peer.heard())).to.deep.equal([])
    present(ONE, THREE)
    for (const peer of peers) {
      const [told] = presences(peer.heard())
      expect(told?.disconnected_ids).to.deep.equal([TWO.id])
      expect(ids(told?.connected ?? [])).to.deep.equal([THREE.id])
    }
  })

  it('hundreds of peers are told in turns, each once, and of the relays that there are in the end', () => {
    present(ONE)
    const peers = Array.from({ length: 120 }, (_, at) => {
      const device = company.device(`device-${at}`, company.actor.id)
      return company.clientJoins({ peerId: device.id, publicKey: device.publicKey })
    })
    for (const peer of peers) peer.heard()
    present(TWO)
    expect(peers.filter((peer) => presences(peer.heard()).length === 1).length).to.be.within(1, 119)
    present(THREE)
    bench.clock.advance(SECOND)
    for (const peer of peers) {
      const told = presences(peer.heard())
      expect(told).to.have.length(1)
      expect(told[0]?.connected.map(({ id }) => id)).to.include(THREE.id)
    }
    bench.clock.advance(SECOND)
    expect(peers.flatMap((peer) => presences(peer.heard()))).to.deep.equal([])
  })

  it('a relay of which one address falls silent is told without it', () => {
    present(ONE)
    const peer = company.clientJoins()
    peer.heard()
    present({ ...ONE, endpoints: ONE.endpoints.slice(0, 1) })
    const [told] = presences(peer.heard())
    expect(told?.connected.map(({ addr }) => addr)).to.deep.equal([ONE.endpoints[0]])
  })

  it('the two nearest relays are offered where places are known, and those of unknown places after them', () => {
    start({ places: { '203.0.113.1': BERLIN, '203.0.113.2': SYDNEY } })
    present(relay(1, { place: SYDNEY }), relay(2), relay(3, { place: PARIS }), relay(4, { place: BERLIN }))
    const first = (remoteIp: string): string[] => {
      const peer = company.clientJoins({ remoteIp })
      const entries = relaysIn(peer.heard())
      peer.leave()
      return [...new Set(entries.map(({ id }) => id))]
    }
    expect(first('203.0.113.1')).to.deep.equal([relay(4).id, relay(3).id])
    expect(first('203.0.113.2')[0]).to.equal(relay(1).id)
  })

  it('relays whose distance is unknown are spread over the peers evenly, and stay where they are', () => {
    const relays = [1, 2, 3, 4, 5].map((number) => relay(number))
    present(...relays)
    const devices = Array.from({ length: 60 }, (_, at) => company.device(`device-${at}`, company.actor.id))
    const chosen = (): string[][] =>
      devices.map((device) => {
        const peer = company.clientJoins({ peerId: device.id, publicKey: device.publicKey })
        const told = ids(relaysIn(peer.heard()))
        peer.leave()
        return told
      })
    const before = chosen()
    for (const { id } of relays) expect(before.flat().filter((each) => each === id).length).to.be.within(10, 40)
    const [gone] = relays
    present(...relays.slice(1))
    for (const [at, now] of chosen().entries()) {
      const stayed = before[at]?.filter((id) => id !== gone?.id) ?? []
      expect(now).to.include.members(stayed)
    }
  })

  it('H10 a relay of one account is offered to its peers only', () => {
    present(relay(1, { accountId: company.account.id }), relay(2, { accountId: bench.id() }))
    for (const peer of bothJoin()) expect(ids(relaysIn(peer.heard()))).to.deep.equal([relay(1).id])
  })

  it('X2 a relay whose plugin makes no credentials is not offered, others are, and the plugin is asked again', () => {
    let isWell = false
    const failing = {
      ...STAMPED,
      credentials: (question: RelayCredentialsQuestion) => {
        if (!isWell) throw new Error('no credentials today')
        return STAMPED.credentials(question)
      },
    }
    start({ relayProviders: { stamped: STAMPED, failing } })
    present(relay(1, { provider: 'failing' }), relay(2, { provider: 'gone' }), THREE)
    const peers = bothJoin()
    for (const peer of peers) expect(ids(relaysIn(peer.heard()))).to.deep.equal([THREE.id])
    bench.clock.advance(11 * SECOND)
    for (const peer of peers) expect(presences(peer.heard())).to.deep.equal([])
    isWell = true
    bench.clock.advance(11 * SECOND)
    for (const peer of peers)
      expect(presences(peer.heard()).map(({ connected }) => ids(connected))).to.deep.equal([[ONE.id]])
  })

  it('peers hear of a relay’s WebSocket only if they know of such', () => {
    const websocketUrl = 'wss://relay.example.org/relay'
    present(relay(1, { websocketUrl }))
    for (const peer of bothJoin()) {
      const frames = peer.heard()
      expect(JSON.stringify(frames)).not.to.include('websocket_url')
      expect(presences(frames)).to.deep.equal([])
    }
    start()
    present(relay(1, { websocketUrl }))
    for (const peer of bothJoin(['relay_websocket'])) {
      const [told] = presences(peer.heard())
      expect(told?.connected).to.have.length(2)
      for (const entry of told?.connected ?? []) expect(entry).to.include({ websocket_url: websocketUrl })
    }
  })

  it('new credentials come long before the old ones expire', () => {
    present(ONE)
    const peer = company.clientJoins()
    let expiry = (relaysIn(peer.heard())[0] as { expires_at: number }).expires_at
    for (let hours = 0; hours < 48; hours++) {
      for (let beat = 0; beat < 120; beat++) {
        bench.clock.advance(30 * SECOND)
        peer.say('heartbeat', {}, 'phoenix')
      }
      for (const { connected } of presences(peer.heard())) {
        expect(ids(connected)).to.deep.equal([ONE.id])
        const next = (connected[0] as { expires_at: number }).expires_at
        expect(next).to.equal(expiry + (12 * HOUR) / SECOND)
        expiry = next
      }
      expect(expiry * SECOND - bench.clock.unix()).to.be.greaterThan(11 * HOUR)
    }
  })

  it('a peer that says that it has no relay is offered others, and the same where there are no others', () => {
    present(ONE, TWO)
    const peer = company.clientJoins()
    peer.heard()
    expect(ids(presences(peer.say('no_relays', {}).heard())[0]?.connected ?? [])).to.deep.equal([ONE.id, TWO.id])
    present(ONE, TWO, THREE, relay(4))
    peer.heard()
    const [told] = presences(peer.say('no_relays', {}).heard())
    expect(told?.disconnected_ids.toSorted()).to.deep.equal([ONE.id, TWO.id])
    expect(ids(told?.connected ?? [])).to.deep.equal([THREE.id, relay(4).id])
    expect(bench.machine.timesAskedForRelays).to.equal(2)
  })

  it('a peer that asks where there is no relay is told so, and is told when one comes', () => {
    const peer = company.clientJoins()
    peer.heard()
    expect(presences(peer.say('no_relays', {}).heard())).to.deep.equal([{ disconnected_ids: [], connected: [] }])
    present(ONE)
    expect(presences(peer.heard()).map(({ connected }) => ids(connected))).to.deep.equal([[ONE.id]])
  })

  describe('for a gateway that had none when it was asked', () => {
    const asks = (client: BenchPeer): void => {
      client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
    }
    const asked = (frames: readonly PeerFrame[]) =>
      frames
        .filter(({ event }) => event === 'create_authorization')
        .map(({ payload }) => (payload as { ref: string }).ref)

    it('H12 it is asked again as soon as it has relays, about the same grant', () => {
      const [client, gateway] = bothJoin() as [BenchPeer, BenchPeer]
      asks(client)
      const [ref, ...others] = asked(gateway.heard())
      expect(others).to.deep.equal([])
      gateway.say('no_relays', {})
      expect(gateway.events()).to.deep.equal(['relays_presence'])
      bench.clock.advance(40)
      present(ONE)
      const frames = gateway.heard()
      expect(frames.map(({ event }) => event)).to.deep.equal(['relays_presence', 'create_authorization'])
      expect(asked(frames)).to.deep.equal([ref])
      gateway.say('authorization_created', { ref })
      expect(client.events()).to.include('authorization_created')
      gateway.say('authorization_created', { ref })
      expect(client.events()).to.deep.equal([])
      expect(bench.authorizations.size).to.equal(1)
      expect(bench.machine.counts()).to.include({ grants: 1, requests: 0 })
      present(ONE, TWO)
      expect(asked(gateway.heard())).to.deep.equal([])
    })

    it('it is asked again at once where there are relays that it had dropped, even after the first deadline', () => {
      present(ONE)
      const [client, gateway] = bothJoin() as [BenchPeer, BenchPeer]
      asks(client)
      gateway.heard()
      bench.clock.advance(2 * SECOND)
      gateway.say('no_relays', {})
      const [ref] = asked(gateway.heard())
      gateway.say('authorization_created', { ref })
      expect(client.events()).to.include('authorization_created')
    })

    it('a gateway that always says that it has none is not asked for ever', () => {
      present(ONE)
      const [client, gateway] = bothJoin() as [BenchPeer, BenchPeer]
      asks(client)
      for (let round = 0; round < 20; round++) gateway.say('no_relays', {})
      expect(asked(gateway.heard())).to.have.length(6)
      bench.clock.advance(MINUTE / 2)
      expect(client.events()).to.include('authorization_creation_failed')
    })
  })
})

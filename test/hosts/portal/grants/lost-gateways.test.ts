import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { DIALECTS } from '../../../../core/control/events.ts'
import { FEATURES } from '../../../../core/control/messages.ts'
import { iceCredentials } from '../../../../core/crypto/pair-secrets.ts'
import { SECOND } from '../../../../core/runtime/time.ts'
import { keyOf } from '../../../kit/control-peer.ts'
import { Company, PortalBench, type Connecting } from '../../../kit/portal-bench.ts'
import { ReleasedPeer } from '../../../kit/released-peer.ts'

const HOST = 'candidate:1 1 udp 2130706175 192.0.2.7 52625 typ host ufrag abcd'
const HOST_IPV6 = 'candidate:2 1 udp 2130706431 2001:db8::7 52625 typ host ufrag abcd'
const REFLEXIVE = 'candidate:3 1 udp 1694498559 203.0.113.7 52625 typ srflx raddr 0.0.0.0 rport 0 ufrag abcd'
const RELAYED = 'candidate:4 1 udp 50331391 192.0.2.30 49160 typ relay raddr 0.0.0.0 rport 0 ufrag abcd'
const ALL = [HOST, HOST_IPV6, REFLEXIVE, RELAYED]

describe('H12 a gateway whose connection to the portal has ended', () => {
  let bench: PortalBench
  let company: Company
  let gateway: ReleasedPeer
  beforeEach(() => {
    bench = new PortalBench()
    company = new Company(bench)
    gateway = gatewayJoins()
  })

  const gatewayJoins = (as: Partial<Connecting> = {}) =>
    ReleasedPeer.join({
      bench,
      role: 'gateway',
      dialect: 'v2',
      as: { peerId: company.gateways[0].id, tokenId: company.gatewayToken.id, ...as },
      candidates: ALL,
      needsRelays: false,
    })
  const clientJoins = (dialect: (typeof DIALECTS)[number] = 'v2') =>
    ReleasedPeer.join({
      bench,
      role: 'client',
      dialect,
      as: { peerId: company.client.id, tokenId: company.clientToken.id },
      needsRelays: false,
    })
  /** A client that is connected to the gateway. */
  const served = (dialect?: (typeof DIALECTS)[number]) => {
    const client = clientJoins(dialect)
    client.request(company.resource.id)
    gateway.turn()
    client.turn()
    return client
  }
  const invalidated = (client: ReleasedPeer) => client.take('invalidate_ice_candidates').map(({ payload }) => payload)

  for (const dialect of DIALECTS) {
    it(`H12 a ${dialect} client is told a second later to drop all candidates of a gateway that was killed, once`, () => {
      const client = served(dialect)
      gateway.die()
      bench.clock.advance(SECOND - 1)
      expect(invalidated(client)).to.deep.equal([])
      bench.clock.advance(1)
      expect(invalidated(client)).to.deep.equal([{ gateway_id: company.gateways[0].id, candidates: ALL }])
      bench.clock.advance(60 * SECOND)
      expect(invalidated(client)).to.deep.equal([])
    })
  }

  it('H2 a client that asks for it is told at once of a gateway that serves it and whose connection ended, others are not', () => {
    const client = company.clientJoins({}, [FEATURES.gatewayGone])
    const ask = () =>
      client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
    const gone = () => client.heard().filter(({ event }) => event === 'gateway_gone')
    gateway.die()
    expect(gone(), 'before it is served').to.deep.equal([])
    gateway = gatewayJoins()
    ask()
    gateway.turn()
    gateway.die()
    expect(gone().map(({ payload }) => payload)).to.deep.equal([{ gateway_id: company.gateways[0].id }])
    gateway = gatewayJoins()
    const released = served()
    gateway.die()
    expect(released.take('gateway_gone')).to.deep.equal([])
  })

  it('H12 the portal checks a lost gateway at its own candidates, in the name of its client', () => {
    served()
    gateway.die()
    const [check] = bench.checks
    const { client, gateway: ofGateway } = iceCredentials({ client: company.client, gateway: company.gateways[0] })
    expect(check?.gatewayId).to.equal(company.gateways[0].id)
    expect(check?.checks).to.deep.equal(
      ['192.0.2.7:52625', '[2001:db8::7]:52625', '203.0.113.7:52625'].map((endpoint) => ({
        endpoint,
        client,
        gateway: ofGateway,
      })),
    )
  })

  it('H3 a client keeps a gateway that has lost only its portal and answers a check', () => {
    const client = served()
    gateway.die()
    bench.dispatch({ type: 'gatewayAnswered', gatewayId: company.gateways[0].id })
    bench.clock.advance(60 * SECOND)
    expect(invalidated(client)).to.deep.equal([])
  })

  it('H3 a portal that was too busy to hear an answer in time waits for it once more', () => {
    const client = served()
    gateway.die()
    bench.clock.stall(1_500)
    bench.clock.advance(0)
    expect(invalidated(client)).to.deep.equal([])
    bench.dispatch({ type: 'gatewayAnswered', gatewayId: company.gateways[0].id })
    bench.clock.advance(60 * SECOND)
    expect(invalidated(client)).to.deep.equal([])
  })

  it('H3 a client keeps a gateway that is connected again within a second', () => {
    const client = served()
    gateway.die()
    bench.clock.advance(SECOND / 2)
    gateway = gatewayJoins()
    bench.clock.advance(60 * SECOND)
    expect(invalidated(client)).to.deep.equal([])
  })

  it('H12 a gateway that was taken for dead, comes back and answers a check is named again, so that its clients can leave it', () => {
    const client = served()
    const here = { gateway_id: company.gateways[0].id, candidates: ALL }
    const named = () => client.take('ice_candidates').map(({ payload }) => payload)
    const diesAndComesBack = () => {
      gateway.die()
      bench.clock.advance(2 * SECOND)
      expect(invalidated(client)).to.deep.equal([here])
      named()
      bench.checks.length = 0
      gateway = gatewayJoins()
      expect(bench.checks.map(({ gatewayId }) => gatewayId)).to.deep.equal([here.gateway_id])
    }
    diesAndComesBack()
    expect(named(), 'it may have been started anew').to.deep.equal([])
    bench.dispatch({ type: 'gatewayAnswered', gatewayId: here.gateway_id })
    expect(named()).to.deep.equal([here])
    diesAndComesBack()
    bench.remove(['policies', company.policy])
    gateway.turn()
    bench.dispatch({ type: 'gatewayAnswered', gatewayId: here.gateway_id })
    expect(named(), 'without a grant').to.deep.equal([])
  })

  it('H3 a client keeps a gateway of which the portal only hears nothing any more, and whose connection it closes', () => {
    const client = served()
    gateway.freeze()
    bench.clock.advance(60 * SECOND)
    expect(bench.closed.get(gateway.connection.connection)).to.equal('idle')
    bench.clock.advance(10 * SECOND)
    expect(invalidated(client)).to.deep.equal([])
  })

  it('H3 a client that has come back since the gateway was lost is told nothing, as a proxy may have cut both off', () => {
    served().die()
    const before = served()
    gateway.die()
    before.die()
    const client = clientJoins()
    bench.clock.advance(60 * SECOND)
    expect(invalidated(client)).to.deep.equal([])
  })

  it('a client of Portreeve’s own finds a dead gateway by itself and is told nothing', () => {
    const client = company.clientJoins()
    client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
    gateway.turn()
    expect(client.events()).to.include('ice_candidates')
    gateway.die()
    bench.clock.advance(2 * SECOND)
    expect(client.events()).not.to.include('invalidate_ice_candidates')
    expect(bench.checks).to.deep.equal([])
  })

  it('H12 a client is told at once to leave a gateway that was started anew with another key, before it is told of the new one', () => {
    const client = served()
    gateway.die()
    bench.patch('gateways', company.gateways[0], { publicKey: keyOf('started anew') })
    expect(invalidated(client)).to.deep.equal([{ gateway_id: company.gateways[0].id, candidates: ALL }])
    gateway = gatewayJoins()
    client.request(company.resource.id)
    gateway.turn()
    expect(client.take('authorization_created').at(-1)?.payload.gateway_public_key).to.equal(keyOf('started anew'))
    bench.clock.advance(2 * SECOND)
    expect(invalidated(client)).to.deep.equal([])
  })

  it('candidates that the gateway has invalidated itself are not named again, and a client without a grant is told nothing', () => {
    const client = served()
    gateway.say('broadcast_invalidated_ice_candidates', {
      client_ids: [company.client.id],
      candidates: [HOST, RELAYED],
    })
    expect(invalidated(client)).to.have.length(1)
    gateway.die()
    bench.clock.advance(SECOND)
    expect(invalidated(client).map(({ candidates }) => candidates as string[])).to.deep.equal([[HOST_IPV6, REFLEXIVE]])
    gateway = gatewayJoins()
    bench.clock.advance(5 * SECOND)
    client.request(company.resource.id)
    gateway.turn()
    bench.remove(['policies', company.policy])
    gateway.turn()
    gateway.die()
    bench.clock.advance(2 * SECOND)
    expect(invalidated(client)).to.deep.equal([])
  })

  it('of very many candidates of a gateway, 64 are remembered for a client, and eight are checked', () => {
    const client = served()
    const many = Array.from({ length: 100 }, (_, n) => HOST.replace('52625', String(10_000 + n)))
    gateway.say('broadcast_ice_candidates', { client_ids: [company.client.id], candidates: many })
    gateway.die()
    expect(bench.checks[0]?.checks).to.have.length(8)
    bench.clock.advance(SECOND)
    expect(invalidated(client)[0]?.candidates).to.have.length(64)
  })
})

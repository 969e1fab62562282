import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import type { RelayCredentialsQuestion } from '../../../../core/contract/relay-provider.ts'
import { DIALECTS, type Dialect } from '../../../../core/control/events.ts'
import { stampedRelayCredentials } from '../../../../core/crypto/relay-credentials.ts'
import { endpoint } from '../../../../core/runtime/endpoint.ts'
import { SECOND } from '../../../../core/runtime/time.ts'
import { condition } from '../../../kit/extensions.ts'
import { Company, PortalBench, type Connecting } from '../../../kit/portal-bench.ts'
import { ReleasedPeer } from '../../../kit/released-peer.ts'

const NAMES = {
  v2: {
    create: 'create_authorization',
    created: 'authorization_created',
    failed: 'authorization_creation_failed',
  },
  v1: { create: 'authorize_flow', created: 'flow_created', failed: 'flow_creation_failed' },
} as const

const CANDIDATES = ['candidate:1 1 udp 2130706175 192.0.2.9 52625 typ host ufrag efgh']

describe('H12 released peers at the portal', () => {
  let bench: PortalBench
  let company: Company
  beforeEach(() => {
    bench = new PortalBench({ conditions: { never: NEVER }, relayProviders: { stamped: STAMPED } })
    company = new Company(bench)
  })

  const client = (dialect: Dialect, as: Partial<Connecting> = {}, needsRelays = false) =>
    ReleasedPeer.join({
      bench,
      role: 'client',
      dialect,
      as: { peerId: company.client.id, tokenId: company.clientToken.id, ...as },
      needsRelays,
    })
  const gateway = (dialect: Dialect, as: Partial<Connecting> = {}, needsRelays = false) =>
    ReleasedPeer.join({
      bench,
      role: 'gateway',
      dialect,
      as: { peerId: company.gateways[0].id, tokenId: company.gatewayToken.id, ...as },
      needsRelays,
    })

  for (const ofClient of DIALECTS) {
    for (const ofGateway of DIALECTS) {
      it(`H12 a ${ofClient} client is let to a resource by a ${ofGateway} gateway, exchanges candidates and loses the resource again`, () => {
        const [server, laptop] = [gateway(ofGateway), client(ofClient)]
        laptop.request(company.resource.id)
        const [create] = server.take(NAMES[ofGateway].create)
        expect(create?.payload.resource.id).to.equal(company.resource.id)
        const [created] = laptop.take(NAMES[ofClient].created)
        expect(created?.payload).to.include({ site_id: company.site.id, gateway_id: company.gateways[0].id })
        expect(created?.payload.preshared_key).to.equal(create?.payload.client.preshared_key)
        expect(laptop.take('ice_candidates')).to.have.length(1)
        laptop.say('new_gateway_ice_candidates', { gateway_id: company.gateways[0].id, candidates: CANDIDATES })
        laptop.say('invalidate_gateway_ice_candidates', { gateway_id: company.gateways[0].id, candidates: CANDIDATES })
        const told = { client_id: company.client.id, candidates: CANDIDATES }
        expect(server.take('ice_candidates').map(({ payload }) => payload)).to.deep.equal([told])
        expect(server.take('invalidate_ice_candidates').map(({ payload }) => payload)).to.deep.equal([told])
        const resource = bench.patch('resources', company.resource, { name: 'Renamed', filters: [TCP] })
        expect(laptop.take('resource_created_or_updated')[0]?.payload).to.include({ name: 'Renamed' })
        expect(server.take('resource_updated')[0]?.payload.filters).to.have.length(1)
        bench.remove(['policies', company.policy])
        const pair = { client_id: company.client.id, resource_id: resource.id }
        expect(server.take('reject_access').map(({ payload }) => payload)).to.deep.equal([pair])
        expect(laptop.take('resource_deleted').map(({ payload }) => payload)).to.deep.equal([resource.id])
      })
    }
  }

  for (const dialect of DIALECTS) {
    it(`H12 a ${dialect} client is told why it is denied, and that no gateway is there`, () => {
      const laptop = client(dialect)
      laptop.request(company.resource.id)
      expect(laptop.take(NAMES[dialect].failed)[0]?.payload).to.deep.equal({
        resource_id: company.resource.id,
        reason: 'offline',
      })
      bench.patch('policies', company.policy, { conditions: [{ condition: 'never', settings: {} }] })
      bench.clock.advance(2_000)
      laptop.request(company.resource.id)
      expect(laptop.take(NAMES[dialect].failed)[0]?.payload).to.deep.equal({
        resource_id: company.resource.id,
        reason: 'forbidden',
        violated_properties: ['current_utc_datetime'],
      })
    })

    it(`H12 nothing that Portreeve adds to the protocol reaches a ${dialect} peer`, () => {
      const [server, laptop] = [gateway(dialect), client(dialect)]
      laptop.request(company.resource.id)
      const told = [...server.heard, ...laptop.heard].map(({ payload }) => JSON.stringify(payload)).join()
      for (const added of ['gateway_name', 'site_records', 'site_findings', 'signed_in_as', 'client_facts', 'stun:']) {
        expect(told).not.to.include(`"${added}"`)
      }
      bench.remove(['policies', company.policy])
      expect(server.take('reject_access')[0]?.payload).not.to.have.property('ref')
    })
  }

  for (const dialect of DIALECTS) {
    it(`H12 a ${dialect} gateway without a relay asks for one instead of answering, and its client gets in as soon as one comes`, () => {
      const needsRelays = true
      const server = gateway(dialect, {}, needsRelays)
      const laptop = client(dialect, {}, needsRelays)
      expect(laptop.take('relays_presence')).to.have.length(1)
      laptop.request(company.resource.id)
      server.turn()
      expect(laptop.take(NAMES[dialect].created)).to.deep.equal([])
      bench.dispatch({ type: 'relaysChanged', relays: [RELAY] })
      const told = [...server.take('relays_presence'), ...laptop.take('relays_presence')]
      expect(told.at(-1)?.payload.connected.map(({ addr }: { addr: string }) => addr)).to.deep.equal(RELAY.endpoints)
      expect(laptop.take(NAMES[dialect].created)).to.have.length(1)
      const [later] = client(dialect, { peerId: company.device('phone', company.actor.id).id }, needsRelays).take(
        'init',
      )
      expect(later?.payload.relays).to.have.length(2)
      expect(Object.keys(later?.payload.relays[0])).not.to.include('websocket_url')
    })
  }

  for (const dialect of DIALECTS) {
    it(`H12 ${dialect} peers stay connected for an hour by their own heartbeats`, () => {
      const peers = [gateway(dialect), client(dialect)]
      bench.clock.advance(3_600 * SECOND)
      expect([...bench.closed]).to.deep.equal([])
      for (const peer of peers) peer.die()
    })

    it(`H12 a ${dialect} client that asks every 2 s is told once, when its slow gateway has answered, and gets the next gateway if that never does`, () => {
      const [slow, laptop] = [gateway(dialect), client(dialect)]
      slow.freeze()
      laptop.want(company.resource.id)
      bench.clock.advance(2_900)
      slow.turn()
      expect(laptop.take(NAMES[dialect].created)).to.have.length(1)
      bench.clock.advance(20 * SECOND)
      expect(laptop.take(NAMES[dialect].created)).to.deep.equal([])
      const other = gateway(dialect, { peerId: company.gateways[1].id })
      const further = company.network('192.0.2.0/28')
      company.allow(company.group.id, further.id)
      laptop.want(further.id)
      bench.clock.advance(1_500)
      other.turn()
      expect(laptop.take(NAMES[dialect].created)[0]?.payload).to.include({ gateway_id: company.gateways[1].id })
    })
  }

  it('H12 candidates of a client from before March 2026 reach each gateway that it names, once', () => {
    const [server, laptop] = [gateway('v2'), client('v1', { version: '1.5.6' })]
    laptop.request(company.resource.id)
    server.turn()
    const ids = [company.gateways[0].id, company.gateways[0].id.toUpperCase(), company.gateways[1].id]
    const broadcast = { gateway_ids: ids, candidates: CANDIDATES }
    laptop.say('broadcast_ice_candidates', broadcast)
    laptop.say('broadcast_invalidated_ice_candidates', broadcast)
    expect(server.take('ice_candidates')).to.have.length(1)
    expect(server.take('invalidate_ice_candidates')).to.have.length(1)
  })

  it('H12 a request for access to a device, which some v1 clients send by mistake, does nothing', () => {
    const [server, laptop] = [gateway('v1'), client('v1')]
    laptop.heard.splice(0)
    server.heard.splice(0)
    for (const payload of [{ ipv4: '100.64.3.4' }, null, {}]) laptop.say('request_device_access', payload)
    expect([...laptop.heard, ...server.heard]).to.deep.equal([])
    expect(bench.decisions).to.deep.equal([])
  })

  it('H12 v1 clients that do not read the name sites are told of gateway groups, and never of both', () => {
    const server = gateway('v1')
    const spoken: [string, 'sites' | 'gateway_groups'][] = [
      ['Debian/12.0.0 headless-client/1.5.5 (x86_64; 6.1.0)', 'gateway_groups'],
      ['Debian/12.0.0 headless-client/1.5.6 (x86_64; 6.1.0)', 'sites'],
      ['Windows/10.0.22631 gui-client/1.5.9', 'gateway_groups'],
      ['Windows/10.0.22631 gui-client/1.5.10', 'sites'],
      ['Mac OS/15.1.0 apple-client/1.5.10 (arm64; 24.1.0)', 'gateway_groups'],
      ['iOS/18.1.0 apple-client/1.5.11 (arm64; 24.1.0)', 'sites'],
      ['Android/14 android-client/1.5.7', 'gateway_groups'],
      ['Android/14 android-client/1.6.0', 'sites'],
      ['Android/14 connlib/1.4.0', 'gateway_groups'],
      ['nonsense', 'gateway_groups'],
    ]
    for (const [userAgent, name] of spoken) {
      const laptop = client('v1', { userAgent })
      const [init] = laptop.take('init')
      expect(Object.keys(init?.payload.resources[0]), userAgent).to.include(name)
      bench.patch('resources', company.resource, { name: userAgent })
      const [updated] = laptop.take('resource_created_or_updated')
      expect(updated?.payload[name], userAgent).to.deep.equal([{ id: company.site.id, name: 'Main' }])
      laptop.request(company.resource.id)
      server.turn()
      const id = name === 'sites' ? 'site_id' : 'gateway_group_id'
      expect(laptop.take('flow_created')[0]?.payload[id], userAgent).to.equal(company.site.id)
      laptop.die()
    }
  })

  it('versions of different products are not compared, and those of one are', () => {
    const server = gateway('v2', { version: '1.5.2' })
    const outcome = (as: Partial<Connecting>, product: 'portreeve' | 'released') => {
      const peer = bench.connect('client', {
        peerId: company.client.id,
        tokenId: company.clientToken.id,
        product,
        ...as,
      })
      peer.say('phx_join', null)
      peer.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
      server.turn()
      const answer = peer.heard().find(({ event }) => event.startsWith('authorization_cre'))
      peer.leave()
      bench.clock.advance(5_000)
      return answer?.event === 'authorization_created' ? 'granted' : (answer?.payload.reason as string)
    }
    expect(outcome({ version: '1.0.0' }, 'portreeve')).to.equal('granted')
    expect(outcome({ version: '3.0.0' }, 'portreeve')).to.equal('granted')
    expect(outcome({ version: '1.5.11' }, 'released')).to.equal('granted')
    expect(outcome({ version: '1.9.0' }, 'released')).to.equal('version_mismatch')
    expect(outcome({ version: '2.0.0' }, 'released')).to.equal('version_mismatch')
  })
})

const NEVER = condition({ evaluate: () => ({ holds: false, reason: 'never' }) })
const STAMPED = {
  relays: () => [],
  credentials: ({ publicKey, expiresAt }: RelayCredentialsQuestion) =>
    stampedRelayCredentials({ publicKey, expiry: expiresAt / SECOND, stampSecret: 'example' }),
}
const RELAY = {
  id: '00000000-0000-4000-9000-000000000001',
  provider: 'stamped',
  name: 'relay-1',
  endpoints: [endpoint('192.0.2.1', 3478), endpoint('2001:db8::1', 3478)],
}
const TCP = { protocol: 'tcp' as const, ports: ['443'] }

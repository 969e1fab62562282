import { expect } from 'chai'
import * as fc from 'fast-check'
import { beforeEach, describe, it } from 'mocha'
import { Facts, type Fact } from '../../../../core/contract/facts.ts'
import { HOUR, MINUTE, SECOND, unixTime } from '../../../../core/runtime/time.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { exampleMessages } from '../../../core/control/examples.ts'
import { MAX_FRAME_FROM_PORTAL_CHARACTERS } from '../../../../core/control/frame.ts'
import { DEFAULT_LIMITS, type Limits } from '../../../../hosts/portal/grants/limits.ts'
import { condition } from '../../../kit/extensions.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

/** A condition that holds until a moment, its setting; without one for ever. */
const untilMoment = condition<{ until?: number }>({
  evaluate: ({ settings: { until }, at }) =>
    until === undefined
      ? { holds: true, reason: 'always' }
      : at < until
        ? { holds: true, reason: 'not over', until: unixTime(until) }
        : { holds: false, reason: 'over' },
})

/** A condition that holds from a moment on. */
const fromMoment = condition<{ from: number }>({
  evaluate: ({ settings: { from }, at }) =>
    at >= from ? { holds: true, reason: 'begun' } : { holds: false, reason: 'not begun', again: unixTime(from) },
})

/** A condition that holds at one address. */
const atAddress = condition<{ ip: string }, { address: Fact<string> }>(
  {
    evaluate: ({ settings: { ip }, facts }) =>
      facts.address.value === ip ? { holds: true, reason: 'there' } : { holds: false, reason: 'elsewhere' },
  },
  { address: Facts.client.address },
)

const byProvider = condition(
  { evaluate: () => ({ holds: true, reason: 'by anyone' }) },
  { providerId: Facts.signIn.providerId },
)

const broken = condition({
  evaluate: () => {
    throw new Error('out of order')
  },
})

const verified = condition<unknown, { isVerified: Fact<boolean> }>(
  { evaluate: ({ facts }) => ({ holds: facts.isVerified.value, reason: 'as it is' }) },
  { isVerified: Facts.device.isVerified },
)

const PROVIDER = {
  name: 'Provider',
  type: 'oidc',
  settings: {},
  isDefault: false,
  isDisabled: false,
  clientTokenLifetimeSeconds: 3600,
  sessionLifetimeSeconds: 3600,
  emailDomains: ['*'],
  createdAt: unixTime(0),
  updatedAt: unixTime(0),
}

const conditions = {
  verified,
  until: untilMoment,
  from: fromMoment,
  at: atAddress,
  provider: byProvider,
  broken,
}

describe('PortalState', () => {
  let bench: PortalBench
  let company: Company

  beforeEach(() => {
    bench = new PortalBench({ conditions, selectors: { random: new RandomSelector({ random: new SeededRandom(3) }) } })
    company = new Company(bench)
  })

  const ask = (client: BenchPeer, wish: object = {}) =>
    client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [], ...wish })

  /** Lets the gateway acknowledge its request, and returns that request. */
  const acknowledge = (gateway: BenchPeer) => {
    const creates = gateway.heard().filter(({ event }) => event === 'create_authorization')
    for (const { payload } of creates) gateway.say('authorization_created', { ref: payload.ref })
    return creates.map(({ payload }) => payload)
  }

  /** A client and a gateway with an authorization between them. */
  const authorised = ({ features = [] as string[] } = {}) => {
    const gateway = company.gatewayJoins(0, {}, features)
    const client = company.clientJoins()
    client.heard()
    ask(client)
    const [create] = acknowledge(gateway)
    const [created] = client.heard()
    expect(created?.event).to.equal('authorization_created')
    return { gateway, client, create, created: created?.payload }
  }

  const rejection = () => ({ client_id: company.client.id, resource_id: company.resource.id })

  describe('requests', () => {
    it('P1 a request is denied without an enabled policy that matches, with every reason written down', () => {
      const gateway = company.gatewayJoins()
      const client = company.clientJoins()
      const foreign = company.bench.row('groups', { ...company.group, id: bench.id(), name: 'Others' })
      const other = company.allow(foreign.id, company.resource.id)
      bench.patch('policies', company.policy, { isDisabled: true })
      gateway.heard()
      client.heard()
      ask(client)
      expect(client.heard()).to.deep.equal([
        {
          topic: 'client',
          event: 'authorization_creation_failed',
          payload: { resource_id: company.resource.id, reason: 'not_found' },
          ref: null,
        },
      ])
      expect(gateway.heard()).to.deep.equal([])
      const [decision] = bench.decisions
      expect(decision).to.deep.include({ verdict: 'denied', reason: 'not_found', clientId: company.client.id })
      const { policies } = (decision ?? { details: { policies: [] } }).details as {
        policies: { policyId: string; outcome: string }[]
      }
      expect(policies.map(({ policyId, outcome }) => [policyId, outcome])).to.have.deep.members([
        [company.policy.id, 'disabled'],
        [other.id, 'not_a_member'],
      ])
    })

    it('P2 a request needs all conditions of a policy, and any one policy', () => {
      const gateway = company.gatewayJoins()
      const client = company.clientJoins()
      client.heard()
      const [yes, no] = [
        { condition: 'at', settings: { ip: '203.0.113.45' } },
        { condition: 'at', settings: { ip: '192.0.2.1' } },
      ]
      bench.patch('policies', company.policy, { conditions: [yes, no] })
      ask(client)
      expect(client.heard().at(-1)?.payload).to.deep.equal({
        resource_id: company.resource.id,
        reason: 'forbidden',
        violated_properties: ['remote_ip'],
      })
      company.allow(company.group.id, company.resource.id, [yes])
      ask(client)
      acknowledge(gateway)
      expect(client.events()).to.include('authorization_created')
    })

    it('P4 a request is denied on an unknown fact, an unknown condition and one that fails, and says so', () => {
      const client = company.clientJoins({}, ['denial_details'])
      const unjudged = 'a condition of this policy cannot be judged at the moment; tell an admin'
      for (const [condition, reason, forAdmins] of [
        ['provider', 'you did not sign in with an identity provider', 'the fact sign_in.provider_id is unknown'],
        ['no-such', unjudged, 'no plugin provides the condition "no-such"'],
        ['broken', unjudged, 'it failed: Error: out of order'],
      ] as const) {
        bench.patch('policies', company.policy, { conditions: [{ condition, settings: {} }] })
        client.heard()
        ask(client)
        const [failed] = client.heard()
        expect(failed?.payload.reason).to.equal('forbidden')
        expect(failed?.payload.details[0].conditions).to.deep.equal([{ condition, holds: false, reason }])
        expect(JSON.stringify(bench.decisions.at(-1)?.details)).to.contain(JSON.stringify(forAdmins).slice(1, -1))
      }
    })

    it('P9 a denied client learns no key or address, and no gateway learns of it', () => {
      const gateway = company.gatewayJoins()
      const client = company.clientJoins({}, ['denial_details'])
      bench.patch('policies', company.policy, { conditions: [{ condition: 'at', settings: { ip: '192.0.2.1' } }] })
      gateway.heard()
      client.heard()
      ask(client, { candidates: ['candidate:x'] })
      client.say('new_gateway_ice_candidates', { gateway_id: company.gateways[0].id, candidates: ['candidate:x'] })
      const told = JSON.stringify(client.heard())
      const [first] = company.gateways
      for (const secret of [
        first.id,
        first.publicKey,
        first.ipv4,
        first.ipv6,
        first.name,
        'preshared_key',
        'candidate',
      ])
        expect(told).to.not.include(secret)
      expect(gateway.heard()).to.deep.equal([])
      expect(bench.machine.counters()).to.include({ 'candidates-without-authorization': 1 })
    })

    it('P9 neither end learns of the other before the gateway has acknowledged', () => {
      const gateway = company.gatewayJoins()
      const client = company.clientJoins()
      client.heard()
      ask(client)
      expect(client.heard()).to.deep.equal([])
      acknowledge(gateway)
      expect(client.events()).to.deep.equal(['authorization_created'])
    })

    it('P10 a client is told of the resources that an enabled policy joins to a group, whatever its conditions, and of no others', () => {
      const hidden = company.network('192.0.2.0/24')
      const conditional = company.network('203.0.113.0/24')
      const disabled = company.network('198.51.100.7')
      company.allow(company.group.id, conditional.id, [{ condition: 'broken', settings: {} }])
      bench.patch('policies', company.allow(company.group.id, disabled.id), { isDisabled: true })
      const client = company.clientJoins()
      const [init] = client.heard()
      expect(init?.payload.resources.map(({ id }: { id: string }) => id)).to.have.members([
        company.resource.id,
        conditional.id,
      ])
      for (const resource of [hidden, disabled, { id: bench.id() }]) {
        ask(client, { resource_id: resource.id })
        expect(client.heard().at(-1)?.payload).to.deep.equal({ resource_id: resource.id, reason: 'not_found' })
        expect(bench.decisions.at(-1)).to.include({ verdict: 'denied', reason: 'not_found', resourceId: resource.id })
      }
    })

    it('P10 the resource of another account does not exist, nor do the policies on it', () => {
      const other = new Company(bench)
      const client = company.clientJoins()
      client.heard()
      ask(client, { resource_id: other.resource.id })
      expect(client.heard()[0]?.payload.reason).to.equal('not_found')
      expect(JSON.stringify(bench.decisions)).to.not.include(other.policy.id)
    })

    it('H1 a request stays with a gateway that the client is connected to, else asks the selector, and offers only who is there', () => {
      const [first, second] = [company.gatewayJoins(0), company.gatewayJoins(1)]
      const client = company.clientJoins()
      for (let round = 0; round < 20; round++) {
        ask(client, { connected_gateway_ids: [company.gateways[1].id] })
        expect(acknowledge(second)).to.have.length(1)
      }
      expect(acknowledge(first)).to.deep.equal([])
      second.leave()
      for (let round = 0; round < 20; round++) {
        ask(client, { connected_gateway_ids: [company.gateways[1].id] })
        expect(acknowledge(first)).to.have.length(1)
      }
    })

    it('H1 requests spread clients over the gateways of the site', () => {
      const gateways = [company.gatewayJoins(0), company.gatewayJoins(1)]
      const client = company.clientJoins()
      const counts = gateways.map(() => 0)
      for (let round = 0; round < 400; round++) {
        ask(client)
        gateways.forEach((gateway, index) => (counts[index] = (counts[index] ?? 0) + acknowledge(gateway).length))
        bench.clock.advance(SECOND)
        client.say('heartbeat', {}, 'phoenix')
        for (const gateway of gateways) gateway.say('heartbeat', {}, 'phoenix')
      }
      expect(counts[0]).to.be.within(150, 250)
      expect((counts[0] ?? 0) + (counts[1] ?? 0)).to.equal(400)
    })

    it('H1 a gateway is chosen at random where the selector is missing, fails, or names somebody else', () => {
      const selectors = {
        failing: {
          select: () => {
            throw new Error('out of order')
          },
        },
        foreign: { select: () => ({ gatewayId: 'somebody', reason: 'the best' }) },
      }
      for (const selector of ['missing', 'failing', 'foreign']) {
        bench = new PortalBench({ conditions, selectors })
        company = new Company(bench)
        bench.patch('sites', company.site, { selector })
        authorised()
        expect(bench.decisions[0]).to.have.nested.property('details.selection.reason')
        expect(JSON.stringify(bench.decisions[0])).to.include('"reason":"one of 1, drawn at random: ')
      }
    })

    it('a gateway that has not acknowledged within a second is replaced, within the same request', () => {
      const gateways = [company.gatewayJoins(0), company.gatewayJoins(1)] as const
      const client = company.clientJoins()
      for (const peer of [client, ...gateways]) peer.heard()
      ask(client)
      const slow = gateways.findIndex((gateway) => gateway.events().includes('create_authorization'))
      const [first, second] = slow === 0 ? gateways : [gateways[1], gateways[0]]
      bench.clock.advance(999)
      expect(second.heard()).to.deep.equal([])
      bench.clock.advance(1)
      expect(first.heard().map(({ event, payload }) => [event, payload])).to.deep.equal([
        ['reject_access', rejection()],
      ])
      acknowledge(second)
      expect(client.events()).to.deep.equal(['authorization_created'])
      expect(bench.authorizations.size).to.equal(1)
    })

    it('a request goes on to the next gateway at once where the one that was asked is gone', () => {
      const gateways = [company.gatewayJoins(0), company.gatewayJoins(1)] as const
      const client = company.clientJoins()
      for (const peer of [client, ...gateways]) peer.heard()
      ask(client)
      const asked = gateways.findIndex((gateway) => gateway.events().includes('create_authorization'))
      gateways[asked === 0 ? 0 : 1].leave()
      acknowledge(gateways[asked === 0 ? 1 : 0])
      expect(client.events()).to.deep.equal(['authorization_created'])
    })

    it('a request waits 15 s for the last gateway, then is denied as offline', () => {
      const gateway = company.gatewayJoins()
      const client = company.clientJoins()
      client.heard()
      ask(client)
      bench.clock.advance(14_999)
      expect(client.heard()).to.deep.equal([])
      bench.clock.advance(1)
      expect(client.heard()[0]?.payload).to.deep.equal({ resource_id: company.resource.id, reason: 'offline' })
      expect(gateway.events()).to.include('reject_access')
      expect(bench.decisions.at(-1)).to.include({ verdict: 'denied', reason: 'offline' })
      expect(bench.machine.counts()).to.include({ requests: 0, grants: 0 })
    })

    it('a request takes a late acknowledgement of the last gateway, and asks one that joins meanwhile', () => {
      company.gatewayJoins(0)
      const client = company.clientJoins()
      client.heard()
      ask(client)
      bench.clock.advance(3 * SECOND)
      const second = company.gatewayJoins(1)
      acknowledge(second)
      expect(client.events()).to.deep.equal(['authorization_created'])
    })

    it('a request is denied as offline where no gateway is there or all are unreachable, and as version_mismatch where none is compatible', () => {
      const client = company.clientJoins({ version: '1.5.11' }, ['unreachable_gateway_ids'])
      const reason = (wish: object = {}) => {
        client.heard()
        ask(client, wish)
        return client.heard()[0]?.payload.reason as string | undefined
      }
      expect(reason()).to.equal('offline')
      const old = company.gatewayJoins(0, { version: '1.3.9' })
      expect(reason()).to.equal('version_mismatch')
      old.leave()
      const fitting = company.gatewayJoins(0, { version: '1.6.0' })
      expect(reason({ unreachable_gateway_ids: [company.gateways[0].id] })).to.equal('offline')
      ask(client)
      acknowledge(fitting)
      expect(client.events()).to.include('authorization_created')
    })

    it('X1 no gateway of another tunnel transport is chosen, and a client that understands it is told why', () => {
      const denied = (features: string[]) => {
        const client = company.clientJoins({ transport: 'memory' }, features)
        client.heard()
        ask(client)
        const failed = client.heard().find(({ event }) => event === 'authorization_creation_failed')
        client.leave()
        return failed?.payload.reason as string | undefined
      }
      company.gatewayJoins(0)
      expect(denied([])).to.equal('version_mismatch')
      expect(denied(['transports'])).to.equal('transport_mismatch')
      expect(bench.decisions.at(-1)?.details).to.deep.include({
        cause: 'the client carries packets by memory, the connected gateways of the site by wireguard',
      })
      const fitting = company.gatewayJoins(1, { transport: 'memory' })
      const client = company.clientJoins({ transport: 'memory' })
      client.heard()
      ask(client)
      acknowledge(fitting)
      expect(client.events()).to.include('authorization_created')
    })

    it('a recorded decision says that it is for a name that was asked for, both a denial and a grant', () => {
      const client = company.clientJoins()
      ask(client, { for_name: true })
      const gateway = company.gatewayJoins(0)
      ask(client, { for_name: true })
      acknowledge(gateway)
      const [denied, granted] = bench.decisions
      expect([denied?.verdict, granted?.verdict]).to.deep.equal(['denied', 'granted'])
      expect(denied?.details).to.include({ forName: true })
      expect(granted?.details).to.include({ forName: true })
      const other = company.network('198.51.100.9/32')
      company.allow(company.group.id, other.id)
      ask(client, { resource_id: other.id })
      acknowledge(gateway)
      expect(bench.decisions[2]?.details).to.not.have.property('forName')
    })

    it('one request for a resource is in progress at a time, however often it is asked', () => {
      const gateway = company.gatewayJoins()
      const client = company.clientJoins()
      client.heard()
      for (let round = 0; round < 5; round++) ask(client)
      expect(acknowledge(gateway)).to.have.length(1)
      expect(client.events()).to.deep.equal(['authorization_created'])
    })

    it('a request is forgotten with the client that made it', () => {
      const gateway = company.gatewayJoins()
      const client = company.clientJoins()
      ask(client)
      client.leave()
      expect(gateway.events()).to.include.members(['create_authorization', 'reject_access'])
      expect(bench.machine.counts()).to.include({ requests: 0, grants: 0, clients: 0 })
    })

    it('an acknowledgement counts only for what was asked of its sender', () => {
      const [first, second] = [company.gatewayJoins(0), company.gatewayJoins(1)]
      const client = company.clientJoins()
      client.heard()
      ask(client, { connected_gateway_ids: [company.gateways[0].id] })
      const create = first.heard().find(({ event }) => event === 'create_authorization')
      const ref = create?.payload.ref as string
      second.say('authorization_created', { ref })
      for (const forged of [`${ref.slice(0, -1)}A`, ref.split('.')[0] ?? '', '', `.${ref}`])
        first.say('authorization_created', { ref: forged })
      expect(client.heard()).to.deep.equal([])
      first.say('authorization_created', { ref })
      expect(client.events()).to.deep.equal(['authorization_created'])
    })

    it('messages of a gateway to a client are kept until the client knows of it, and then passed on in order', () => {
      const gateway = company.gatewayJoins()
      const client = company.clientJoins()
      client.heard()
      ask(client)
      const client_ids = [company.client.id]
      gateway.say('broadcast_ice_candidates', { client_ids, candidates: ['a', 'b'] })
      gateway.say('broadcast_invalidated_ice_candidates', { client_ids, candidates: ['a'] })
      expect(client.heard()).to.deep.equal([])
      acknowledge(gateway)
      gateway.say('broadcast_ice_candidates', { client_ids, candidates: ['c'] })
      const heard = client.heard().map(({ event, payload }) => [event, payload.candidates])
      expect(heard).to.deep.equal([
        ['authorization_created', undefined],
        ['ice_candidates', ['a', 'b']],
        ['invalidate_ice_candidates', ['a']],
        ['ice_candidates', ['c']],
      ])
    })

    it('candidates that come with a request reach the gateway right after the grant, if it has no tunnel to the client yet', () => {
      const gateway = company.gatewayJoins()
      const client = company.clientJoins()
      gateway.heard()
      const hears = (connected: readonly string[]) => {
        ask(client, { connected_gateway_ids: connected, candidates: ['a', 'b'] })
        const heard = gateway.heard()
        for (const { event, payload } of heard)
          if (event === 'create_authorization') gateway.say('authorization_created', { ref: payload.ref })
        return heard.map(({ event, payload }) => [event, payload.client_id, payload.candidates])
      }
      const created = ['create_authorization', undefined, undefined]
      expect(hears([])).to.deep.equal([created, ['ice_candidates', company.client.id, ['a', 'b']]])
      expect(hears([company.gateways[0].id])).to.deep.equal([created])
    })

    it('a gateway that the client has turned away from is left', () => {
      const { gateway, client } = authorised()
      const other = company.gatewayJoins(1)
      ask(client, { connected_gateway_ids: [company.gateways[1].id] })
      acknowledge(other)
      expect(gateway.heard().map(({ event }) => event)).to.deep.equal(['reject_access'])
      expect([...bench.authorizations.values()].map(({ gatewayId }) => gatewayId)).to.deep.equal([
        company.gateways[1].id,
      ])
    })
  })

  describe('P12 bounds', () => {
    /** Starts the machine again with other bounds than the defaults. */
    const bounded = (limits: Partial<Limits>) => {
      bench = new PortalBench({
        conditions,
        selectors: { random: new RandomSelector({ random: new SeededRandom(3) }) },
        limits: { ...DEFAULT_LIMITS, ...limits },
      })
      company = new Company(bench)
    }

    it('P12 a request for what is granted already is answered with the same, and nothing is written down', () => {
      bounded({})
      const { gateway, client, create, created } = authorised()
      const second = company.gatewayJoins(1)
      const [before] = [...bench.authorizations.keys()]
      const decisions = bench.decisions.length
      for (let round = 0; round < 200; round++) {
        ask(client)
        const asked = acknowledge(gateway)
        expect(asked).to.deep.equal([create])
        expect(client.heard().map(({ payload }) => payload)).to.deep.equal([created])
      }
      expect(second.heard().map(({ event }) => event)).to.deep.equal(['init'])
      expect([...bench.authorizations.keys()]).to.deep.equal([before])
      expect(bench.decisions).to.have.length(decisions)
      expect(bench.machine.counts()).to.include({ grants: 1, requests: 0, withdrawals: 0 })
    })

    it('P12 a grant that its gateway does not confirm a second time stays in force, and the client is told that nobody answers', () => {
      bounded({})
      const { gateway, client } = authorised()
      ask(client)
      bench.clock.advance(15 * SECOND)
      gateway.say('heartbeat', {}, 'phoenix')
      expect(client.heard().map(({ payload }) => payload.reason)).to.deep.equal(['offline'])
      expect(bench.machine.counts()).to.include({ grants: 1, requests: 0 })
      const { candidates } = { candidates: ['candidate:x'] }
      gateway.say('broadcast_ice_candidates', { client_ids: [company.client.id], candidates })
      expect(client.events()).to.deep.equal(['ice_candidates'])
    })

    it('P12 a gateway’s reports about itself are held back until it has confirmed what is asked of it again', () => {
      bounded({})
      const { gateway, client } = authorised()
      ask(client)
      gateway.say('broadcast_ice_candidates', { client_ids: [company.client.id], candidates: ['candidate:x'] })
      expect(client.events()).to.deep.equal([])
      acknowledge(gateway)
      expect(client.events()).to.deep.equal(['authorization_created', 'ice_candidates'])
    })

    for (const [name, of] of [
      ['grants_per_device', 'this device has 2 grants'],
      ['grants_per_actor', 'have 2 grants together'],
      ['grants_per_account', 'the account has 2 grants'],
      ['grants_per_gateway', 'the gateways of the site have 2 grants each'],
      ['requests_per_minute', 'more than 2 new grants a minute'],
    ] as const) {
      it(`P12 requests beyond ${name} are denied, in words for the client and for the trail, and nothing ends`, () => {
        bounded({ [name]: 2 })
        const most = name === 'requests_per_minute' ? 10 : 2
        const gateway = company.gatewayJoins()
        const client = company.clientJoins({}, ['denial_details'])
        client.heard()
        for (let index = 0; index <= most; index++) {
          const resource = company.network(`198.51.100.${index}/32`)
          company.allow(company.group.id, resource.id)
          client.heard()
          ask(client, { resource_id: resource.id })
          acknowledge(gateway)
        }
        const [failed] = client.heard()
        expect(failed).to.deep.include({ event: 'authorization_creation_failed' })
        expect(failed?.payload.reason).to.equal('forbidden')
        expect(failed?.payload.limit).to.include(of).and.to.include(`limits.${name}`)
        const decision = bench.decisions.at(-1)
        expect(decision?.details).to.include({ cause: 'limits_exceeded', limit: failed?.payload.limit })
        expect(bench.machine.counts().grants).to.equal(most)
        expect(gateway.events()).to.deep.equal([])
      })
    }

    it('P12 a gateway with room is left to clients who find another one full', () => {
      bounded({ grants_per_gateway: 1 })
      const gateways = [company.gatewayJoins(0), company.gatewayJoins(1)]
      const client = company.clientJoins()
      for (const address of ['192.0.2.1/32', '192.0.2.2/32']) {
        const resource = company.network(address)
        company.allow(company.group.id, resource.id)
        ask(client, { resource_id: resource.id })
        for (const gateway of gateways) acknowledge(gateway)
      }
      expect(new Set([...bench.authorizations.values()].map(({ gatewayId }) => gatewayId)).size).to.equal(2)
    })

    it('P12 what a gateway is told when it connects stays below what gateways take, whatever is in the database', () => {
      bounded({})
      authorised()
      const rows = bench.rows()
      const [row] = rows.authorizations
      if (row === undefined) throw new Error('nothing was granted')
      const { grants_per_gateway: most } = DEFAULT_LIMITS
      rows.authorizations = Array.from({ length: most + 14_000 }, (_, index) => ({
        ...row,
        id: bench.id(),
        createdAt: unixTime(index),
        updatedAt: unixTime(index),
        decision: null,
      }))
      const revived = new PortalBench({ conditions, clock: new VirtualClock({ startUnix: bench.unix() }) })
      revived.load(rows)
      const peer = revived.connect('gateway', { peerId: company.gateways[0].id, tokenId: company.gatewayToken.id })
      const [init] = peer.say('phx_join', null).heard()
      expect(init?.payload.authorizations).to.have.length(most)
      expect(JSON.stringify(init).length).to.be.below(MAX_FRAME_FROM_PORTAL_CHARACTERS)
      expect(
        MAX_FRAME_FROM_PORTAL_CHARACTERS - JSON.stringify(init).length * (60_000 / most),
        'the most that may be set',
      ).to.be.above(0)
      expect(revived.authorizations.size).to.equal(most)
    })
  })

  describe('the end of access', () => {
    const soon = () => bench.unix() + 10 * MINUTE

    const keepAlive = (milliseconds: number, ...peers: BenchPeer[]) => {
      for (let left = milliseconds; left > 0; left -= 10 * SECOND) {
        bench.clock.advance(Math.min(left, 10 * SECOND))
        for (const peer of peers) peer.say('heartbeat', {}, 'phoenix')
      }
    }

    it('P3 access ends with the earliest of the conditions and the token', () => {
      const until = soon()
      bench.patch('policies', company.policy, {
        conditions: [
          { condition: 'until', settings: { until: until + HOUR } },
          { condition: 'until', settings: { until } },
        ],
      })
      expect(authorised().create.expires_at).to.equal(Math.floor(until / 1000))
      const token = company.token({ kind: 'client', actorId: company.actor.id, expiresAt: unixTime(until - MINUTE) })
      const client = company.clientJoins({ tokenId: token.id })
      ask(client, { connected_gateway_ids: [company.gateways[0].id] })
      const [row] = [...bench.authorizations.values()].slice(-1)
      expect(row?.expiresAt ?? 0).to.be.at.most(until)
    })

    it('P3 access lasts as long as the longest of the conforming policies', () => {
      const until = soon()
      bench.patch('policies', company.policy, { conditions: [{ condition: 'until', settings: { until } }] })
      const longer = company.allow(company.group.id, company.resource.id, [
        { condition: 'until', settings: { until: until + HOUR } },
      ])
      const { create } = authorised()
      expect(create.expires_at).to.equal(Math.floor((until + HOUR) / 1000))
      expect([...bench.authorizations.values()][0]?.policyId).to.equal(longer.id)
      const endless = company.allow(company.group.id, company.resource.id)
      bench.remove(['policies', longer])
      expect([...bench.authorizations.values()][0]).to.include({ policyId: endless.id, expiresAt: null })
    })

    it('P3 an expired grant is withdrawn at the gateway within a second of its time, and not before', () => {
      const until = soon()
      bench.patch('policies', company.policy, { conditions: [{ condition: 'until', settings: { until } }] })
      const { gateway, client } = authorised()
      keepAlive(10 * MINUTE - 1, gateway, client)
      expect(gateway.heard()).to.deep.equal([])
      bench.clock.advance(1 + SECOND)
      expect(gateway.heard().map(({ event, payload }) => [event, payload])).to.deep.equal([
        ['reject_access', rejection()],
      ])
      expect(bench.authorizations.size).to.equal(0)
      expect(bench.decisions.at(-1)).to.include({ verdict: 'denied', reason: 'withdrawn' })
    })

    it('P3 an expiring grant is issued anew before its end where another policy carries on', () => {
      const until = soon()
      bench.patch('policies', company.policy, { conditions: [{ condition: 'until', settings: { until } }] })
      company.allow(company.group.id, company.resource.id, [{ condition: 'from', settings: { from: until } }])
      const { gateway, client } = authorised()
      keepAlive(10 * MINUTE - 1, gateway, client)
      const [again] = gateway.heard()
      expect(again?.event).to.equal('create_authorization')
      expect(again?.payload.expires_at).to.equal(null)
      keepAlive(HOUR, gateway, client)
      expect(gateway.heard()).to.deep.equal([])
      expect(client.heard()).to.deep.equal([])
    })

    const removals: Record<string, () => void> = {
      membership: () => bench.remove(['memberships', company.membership]),
      policy: () => bench.remove(['policies', company.policy]),
      'policy, disabled': () => bench.patch('policies', company.policy, { isDisabled: true }),
      condition: () =>
        bench.patch('policies', company.policy, { conditions: [{ condition: 'at', settings: { ip: '192.0.2.9' } }] }),
      resource: () => bench.remove(['policies', company.policy], ['resources', company.resource]),
      'resource, moved': () => bench.patch('resources', company.resource, { address: '198.51.100.0/25' }),
      group: () =>
        bench.remove(['groups', company.group], ['memberships', company.membership], ['policies', company.policy]),
      'actor, disabled': () => bench.patch('actors', company.actor, { isDisabled: true }),
      device: () => bench.remove(['clients', company.client]),
      token: () => bench.remove(['tokens', company.clientToken]),
      'account, disabled': () => bench.patch('accounts', company.account, { isDisabled: true }),
      'provider, disabled': () => {
        const id = bench.id()
        const provider = bench.row('identity_providers', { ...PROVIDER, id, accountId: company.account.id })
        bench.patch('tokens', company.clientToken, { identityProviderId: id })
        bench.patch('identity_providers', provider, { isDisabled: true })
      },
      'device’s verification': () => {
        const verified = bench.patch('clients', company.client, { verifiedAt: unixTime(1) })
        bench.patch('policies', company.policy, { conditions: [{ condition: 'verified', settings: {} }] })
        bench.patch('clients', verified, { verifiedAt: null })
      },
      'policy, in shadow mode': () => bench.patch('policies', company.policy, { mode: 'shadow' }),
      'authorization itself': () => {
        const [row] = bench.authorizations.values()
        if (row !== undefined) bench.change([['authorizations', row.id, row]])
        if (row !== undefined) bench.remove(['authorizations', row])
      },
    }
    for (const [what, remove] of Object.entries(removals)) {
      it(`P6 access goes at the gateway with the ${what}`, () => {
        const { gateway } = authorised()
        remove()
        const rejections = gateway.heard().filter(({ event }) => event === 'reject_access')
        expect(rejections.map(({ payload }) => payload)).to.deep.equal([rejection()])
        expect(bench.authorizations.size).to.equal(0)
        expect(bench.machine.counts().grants).to.equal(0)
      })

      // A disabled account's gateway does not come back.
      if (what === 'account, disabled') continue
      it(`P6 a gateway that was away when the ${what} went is told, as soon as it is back`, () => {
        const { gateway } = authorised()
        gateway.leave()
        remove()
        const [init, reject, ...more] = company.gatewayJoins().heard()
        expect(init?.payload.authorizations).to.deep.equal([])
        expect([reject?.event, reject?.payload]).to.deep.equal(['reject_access', rejection()])
        expect(more).to.deep.equal([])
        expect(bench.machine.counts().withdrawals).to.equal(0)
      })
    }

    /** Starts a portal on the rows of one that ended right after the change, before it could act on it. */
    const restartedAfter = (change: () => void) => {
      const before = [...bench.authorizations.values()]
      change()
      const rows = { ...bench.rows(), authorizations: before }
      const options = { conditions, clock: new VirtualClock({ startUnix: bench.unix() }), seed: 2 }
      const revived = new PortalBench(options)
      revived.load(rows)
      return revived
    }
    const joins = (to: PortalBench) =>
      to
        .connect('gateway', { peerId: company.gateways[0].id, tokenId: company.gatewayToken.id })
        .say('phx_join', null)
        .heard()

    for (const [what, remove] of Object.entries(removals)) {
      if (what === 'account, disabled' || what === 'authorization itself') continue
      it(`P6 access goes with the ${what} where the portal ends right after the change and starts again`, () => {
        authorised()
        const revived = restartedAfter(remove)
        // The grants may belong to another process until the gateway connects here.
        expect(revived.machine.counts().grants).to.equal(0)
        const [init, reject] = joins(revived)
        expect(revived.machine.counts().grants).to.equal(0)
        expect(revived.authorizations.size).to.equal(0)
        expect(init?.payload.authorizations).to.deep.equal([])
        expect([reject?.event, reject?.payload]).to.deep.equal(['reject_access', rejection()])
      })
    }

    it('P6 a grant is issued anew under another policy where the portal ends right after the change and starts again', () => {
      authorised()
      const spare = company.allow(company.group.id, company.resource.id)
      const revived = restartedAfter(() => bench.remove(['policies', company.policy]))
      expect(joins(revived)[0]?.payload.authorizations).to.deep.equal([{ ...rejection(), expires_at: 4_102_444_800 }])
      expect([...revived.authorizations.values()].map(({ policyId }) => policyId)).to.deep.equal([spare.id])
    })

    it('a client that is not back after a restart is judged by what was known of it', () => {
      const office = [{ condition: 'at', settings: { ip: '203.0.113.45' } }]
      bench.patch('policies', company.policy, { conditions: office })
      authorised()
      const revived = restartedAfter(() => undefined)
      joins(revived)
      expect(revived.machine.counts().grants).to.equal(1)
      revived.patch('policies', company.policy, { conditions: office, description: 'touched' })
      expect(revived.machine.counts().grants).to.equal(1)
      revived.patch('policies', company.policy, { conditions: [{ condition: 'at', settings: { ip: '192.0.2.1' } }] })
      expect(revived.machine.counts().grants).to.equal(0)
    })

    it('an authorization keeps what it rests on: conditions, facts, plugin versions and the choice of the gateway', () => {
      bench.patch('policies', company.policy, { conditions: [{ condition: 'at', settings: { ip: '203.0.113.45' } }] })
      authorised()
      const [row] = bench.authorizations.values()
      const address = { value: '203.0.113.45', source: 'portal', since: bench.unix() }
      expect(row?.decision?.facts).to.deep.equal({ 'client.address': address })
      expect(row?.decision?.conditions).to.deep.equal([
        {
          condition: 'at',
          judgedBy: 'test-at 1.0.0',
          reads: ['client.address'],
          facts: { 'client.address': address },
          holds: true,
          reason: 'there',
        },
      ])
      expect(row?.decision?.gateway).to.be.a('string').and.not.equal('')
    })

    it('a gateway that was away is told of filters that changed meanwhile, and not of others', () => {
      const { gateway } = authorised()
      gateway.leave()
      company.gatewayJoins().leave()
      bench.patch('resources', company.resource, { filters: [{ protocol: 'tcp', ports: ['22'] }] })
      const again = company.gatewayJoins()
      expect(again.heard().map(({ event, payload }) => [event, payload.filters])).to.deep.equal([
        ['init', undefined],
        ['resource_updated', [{ protocol: 'tcp', port_range_start: 22, port_range_end: 22 }]],
      ])
      again.leave()
      expect(company.gatewayJoins().events()).to.deep.equal(['init'])
    })

    it('P6 access goes with the identity provider that the sign-in was by', () => {
      const provider = bench.row('identity_providers', {
        ...PROVIDER,
        id: bench.id(),
        accountId: company.account.id,
      })
      const token = company.token({ kind: 'client', actorId: company.actor.id, identityProviderId: provider.id })
      const gateway = company.gatewayJoins()
      const client = company.clientJoins({ tokenId: token.id })
      ask(client)
      acknowledge(gateway)
      client.heard()
      bench.patch('identity_providers', provider, { isDisabled: true })
      expect(gateway.events()).to.deep.equal(['reject_access'])
      expect(client.heard().map(({ payload }) => payload)).to.deep.equal([{ reason: 'token_expired' }])
    })

    it('P6 a grant is issued anew without a gap while another policy grants: the gateway is never told to stop', () => {
      const { gateway, client } = authorised()
      const spare = company.allow(company.group.id, company.resource.id)
      bench.remove(['policies', company.policy])
      expect(gateway.events()).to.deep.equal(['create_authorization'])
      expect(client.heard()).to.deep.equal([])
      expect([...bench.authorizations.values()].map(({ policyId }) => policyId)).to.deep.equal([spare.id])
    })

    const features = ['site_records', 'site_findings']
    for (const [gatewayHas, clientHas, siteRecords, siteFindings] of [
      [features, features, true, true],
      [[], features, false, undefined],
      [features, [], undefined, true],
      [[], [], undefined, undefined],
    ] as const) {
      it(`a client with ${clientHas.length} and a gateway with ${gatewayHas.length} additions are told what the other can do`, () => {
        const gateway = company.gatewayJoins(0, {}, [...gatewayHas])
        const client = company.clientJoins({}, [...clientHas])
        client.heard()
        ask(client)
        const [create] = acknowledge(gateway)
        const [created] = client.heard()
        expect(created?.payload.site_records).to.equal(siteRecords)
        expect(create?.site_findings).to.equal(siteFindings)
      })
    }

    it('P6 a withdrawal has to be acknowledged: it is sent again each second, and a gateway that does not confirm is dropped', () => {
      const { gateway } = authorised({ features: ['acknowledged_reject_access'] })
      bench.remove(['policies', company.policy])
      const [first] = gateway.heard()
      expect(first?.payload.ref).to.be.a('string')
      bench.clock.advance(SECOND)
      expect(gateway.events()).to.deep.equal(['reject_access'])
      gateway.say('access_rejected', { ref: first?.payload.ref as string })
      bench.clock.advance(5 * SECOND)
      expect(gateway.heard()).to.deep.equal([])
      expect(bench.machine.counts().withdrawals).to.equal(0)
    })

    it('P6 the connection of a gateway that confirms nothing is closed, so that it comes back and is told all', () => {
      const { gateway } = authorised({ features: ['acknowledged_reject_access'] })
      bench.remove(['policies', company.policy])
      bench.clock.advance(3 * SECOND)
      expect(gateway.events()).to.deep.equal(['reject_access', 'reject_access', 'reject_access'])
      expect(bench.closed.get(gateway.connection)).to.equal('withdrawal not acknowledged')
      const heard = company.gatewayJoins().heard()
      expect(heard.map(({ event }) => event)).to.deep.equal(['init', 'reject_access'])
    })

    it('P6 a withdrawal that was not acknowledged does not end what was granted afterwards', () => {
      const { gateway, client } = authorised({ features: ['acknowledged_reject_access'] })
      bench.patch('policies', company.policy, { isDisabled: true })
      gateway.heard()
      bench.patch('policies', company.policy, { isDisabled: false })
      ask(client)
      acknowledge(gateway)
      bench.clock.advance(10 * SECOND)
      expect(gateway.heard()).to.deep.equal([])
    })

    it('P6 a restart of the portal tells the gateway which grants stay, and others are gone', () => {
      const until = soon()
      const other = company.network('192.0.2.0/24')
      company.allow(company.group.id, other.id, [{ condition: 'until', settings: { until } }])
      const { gateway, client } = authorised()
      ask(client, { resource_id: other.id })
      acknowledge(gateway)
      expect(bench.authorizations.size).to.equal(2)
      bench.clock.advance(20 * MINUTE)
      const rows = bench.rows()
      const revived = new PortalBench({ conditions, clock: new VirtualClock({ startUnix: bench.unix() }), seed: 2 })
      revived.load(rows)
      const peer = revived.connect('gateway', { peerId: company.gateways[0].id, tokenId: company.gatewayToken.id })
      const [init] = peer.say('phx_join', null).heard()
      expect(init?.payload.authorizations).to.deep.equal([{ ...rejection(), expires_at: 4_102_444_800 }])
      expect(revived.authorizations.size).to.equal(1)
      revived.patch('policies', company.policy, { isDisabled: true })
      expect(peer.events()).to.deep.equal(['reject_access'])
    })

    it('grants stay while client or gateway are away: the data path does without the portal', () => {
      const { gateway, client } = authorised()
      client.leave()
      gateway.leave()
      bench.clock.advance(HOUR)
      const [init] = company.gatewayJoins().heard()
      expect(init?.payload.authorizations).to.deep.equal([{ ...rejection(), expires_at: 4_102_444_800 }])
    })

    it('a client that comes back is judged anew: conditions that held before may not hold at its new place', () => {
      bench.patch('policies', company.policy, { conditions: [{ condition: 'at', settings: { ip: '203.0.113.45' } }] })
      const { gateway, client } = authorised()
      const back = company.clientJoins({ replaces: client })
      expect(gateway.heard()).to.deep.equal([])
      company.clientJoins({ remoteIp: '192.0.2.77', replaces: back })
      expect(gateway.events()).to.deep.equal(['reject_access'])
    })

    describe('P11 a grant that rests on where its client connects from', () => {
      const here = { condition: 'at', settings: { ip: '203.0.113.45' } }
      beforeEach(() => {
        bench.patch('policies', company.policy, { conditions: [here] })
      })

      it('P11 a grant that depends on an address ends three minutes after the connection did, and not before, and its gateway is told', () => {
        const { gateway, client } = authorised()
        client.leave()
        keepAlive(3 * MINUTE - 10 * SECOND, gateway)
        expect(gateway.heard()).to.deep.equal([])
        keepAlive(10 * SECOND, gateway)
        expect(gateway.heard().map(({ event, payload }) => [event, payload])).to.deep.equal([
          ['reject_access', rejection()],
        ])
        expect(bench.decisions.at(-1)?.details).to.include({ cause: 'connection_ended' })
      })

      it('P11 a grant that depends on an address ends as well where the client is only silent, and where it comes back and leaves again', () => {
        const { gateway, client } = authorised()
        keepAlive(2 * MINUTE, gateway)
        expect([...bench.closed.keys()]).to.deep.equal([client.connection])
        const back = company.clientJoins()
        keepAlive(30 * SECOND, gateway, back)
        back.leave()
        keepAlive(3 * MINUTE - 10 * SECOND, gateway)
        expect(gateway.heard()).to.deep.equal([])
        keepAlive(10 * SECOND, gateway)
        expect(gateway.events()).to.deep.equal(['reject_access'])
      })

      it('P11 a grant that depends on an address stays while the client is back in time from it, and ends at once where it is back from another', () => {
        const { gateway, client } = authorised()
        client.leave()
        keepAlive(2 * MINUTE, gateway)
        const back = company.clientJoins()
        keepAlive(HOUR, gateway, back)
        expect(gateway.heard()).to.deep.equal([])
        back.leave()
        company.clientJoins({ remoteIp: '192.0.2.77' })
        expect(gateway.events()).to.deep.equal(['reject_access'])
      })

      it('P11 a grant that depends on an address is carried on by a policy that asks for none, without a gap', () => {
        const { gateway, client } = authorised()
        const spare = company.allow(company.group.id, company.resource.id)
        client.leave()
        keepAlive(3 * MINUTE, gateway)
        expect(gateway.events()).to.deep.equal(['create_authorization'])
        expect([...bench.authorizations.values()].map(({ policyId }) => policyId)).to.deep.equal([spare.id])
      })

      it('P11 a grant that depends on an address ends three minutes after a portal that was down is back, where the client is not', () => {
        authorised()
        const rows = bench.rows()
        bench = new PortalBench({ conditions, clock: new VirtualClock({ startUnix: unixTime(bench.unix() + HOUR) }) })
        bench.load(rows)
        const gateway = bench
          .connect('gateway', { peerId: company.gateways[0].id, tokenId: company.gatewayToken.id })
          .say('phx_join', null)
        expect(gateway.heard()[0]?.payload.authorizations).to.have.length(1)
        keepAlive(3 * MINUTE - 10 * SECOND, gateway)
        expect(gateway.heard()).to.deep.equal([])
        keepAlive(10 * SECOND, gateway)
        expect(gateway.events()).to.deep.equal(['reject_access'])
      })
    })

    it('P12 a device that has been away for a day loses its grants, whatever they rest on', () => {
      const { gateway, client } = authorised()
      client.leave()
      keepAlive(24 * HOUR - 10 * SECOND, gateway)
      expect(gateway.heard()).to.deep.equal([])
      keepAlive(10 * SECOND, gateway)
      expect(gateway.events()).to.deep.equal(['reject_access'])
      expect(bench.authorizations.size).to.equal(0)
    })

    it('a peer that comes back with another key loses its grants', () => {
      const { gateway } = authorised()
      bench.patch('clients', company.client, { publicKey: company.gateways[1].publicKey })
      expect(gateway.events()).to.deep.equal(['reject_access'])
      gateway.leave()
      const again = authorised()
      again.gateway.leave()
      bench.patch('gateways', company.gateways[0], { publicKey: company.client.publicKey })
      expect(company.gatewayJoins().heard()[0]?.payload.authorizations).to.deep.equal([])
    })

    it('a peer whose key another process of it has replaced is closed: nobody could make a tunnel with it', () => {
      const [gateway] = company.gateways
      const early = bench.connect('gateway', { peerId: gateway.id, tokenId: company.gatewayToken.id })
      // The second process connects before the first has joined, and is never heard of again.
      bench.patch('gateways', gateway, { publicKey: company.gateways[1].publicKey })
      early.say('phx_join', null)
      expect(bench.closed.get(early.connection)).to.equal('another process of the same peer')
      expect(bench.machine.counts().gateways).to.equal(0)
      const client = company.clientJoins()
      bench.patch('clients', company.client, { publicKey: gateway.publicKey })
      expect(bench.closed.get(client.connection)).to.equal('another process of the same peer')
      expect(bench.machine.counts().clients).to.equal(0)
    })

    it('new filters are handed on to gateways and clients without touching the grant', () => {
      const { gateway, client } = authorised()
      bench.patch('resources', company.resource, { filters: [{ protocol: 'tcp', ports: ['22'] }] })
      expect(gateway.heard().map(({ event, payload }) => [event, payload.filters])).to.deep.equal([
        ['resource_updated', [{ protocol: 'tcp', port_range_start: 22, port_range_end: 22 }]],
      ])
      expect(client.events()).to.deep.equal(['resource_created_or_updated'])
      expect(bench.machine.counts().grants).to.equal(1)
    })

    it('a grant that could not be written down is withdrawn', () => {
      const { gateway } = authorised()
      const [row] = bench.authorizations.values()
      bench.dispatch({ type: 'authorizationNotRecorded', authorizationId: row?.id ?? '' })
      expect(gateway.events()).to.deep.equal(['reject_access'])
    })
  })

  describe('connections', () => {
    it('clients are told of resources as they come and go', () => {
      const client = company.clientJoins()
      client.heard()
      const more = company.network('192.0.2.0/24')
      expect(client.heard()).to.deep.equal([])
      const policy = company.allow(company.group.id, more.id)
      expect(client.heard().map(({ event, payload }) => [event, payload.id])).to.deep.equal([
        ['resource_created_or_updated', more.id],
      ])
      bench.patch('sites', company.site, { name: 'Elsewhere' })
      expect(client.events()).to.have.length(2)
      bench.remove(['policies', policy])
      expect(client.heard().map(({ event, payload }) => [event, payload])).to.deep.equal([
        ['resource_deleted', more.id],
      ])
      bench.remove(['memberships', company.membership])
      expect(client.heard().map(({ payload }) => payload)).to.deep.equal([company.resource.id])
    })

    it('clients are told of new resolvers', () => {
      const client = company.clientJoins()
      client.heard()
      bench.patch('accounts', company.account, {
        upstreamResolvers: [
          { type: 'udp', settings: { address: '192.0.2.53' } },
          { type: 'https', settings: { url: 'https://dns.example.org/dns-query' } },
        ],
        searchDomain: 'example.org',
      })
      expect(client.heard()[0]?.payload.interface).to.deep.include({
        search_domain: 'example.org',
        upstream_do53: [{ ip: '192.0.2.53' }],
        upstream_doh: [{ url: 'https://dns.example.org/dns-query' }],
        upstream_dns: [{ protocol: 'ip_port', address: '192.0.2.53:53' }],
      })
      bench.patch('accounts', company.account, {
        upstreamResolvers: [{ type: 'udp', settings: { address: '192.0.2.53', port: 5353 } }],
      })
      expect(client.heard()[0]?.payload.interface).to.deep.include({
        upstream_do53: [],
        upstream_dns: [{ protocol: 'ip_port', address: '192.0.2.53:5353' }],
      })
    })

    it('a peer is signed out when its token expires', () => {
      const expiresAt = unixTime(bench.unix() + 5 * SECOND)
      const token = company.token({ kind: 'client', actorId: company.actor.id, expiresAt })
      const client = company.clientJoins({ tokenId: token.id })
      client.heard()
      bench.clock.advance(5 * SECOND - 1)
      expect(client.heard()).to.deep.equal([])
      bench.clock.advance(1)
      expect(client.heard().map(({ event, payload }) => [event, payload])).to.deep.equal([
        ['disconnect', { reason: 'token_expired' }],
      ])
      expect(bench.closed.has(client.connection)).to.equal(true)
    })

    it('peers that ask for it are told why they are signed out: expired, revoked, removed or disabled', () => {
      const causes: [cause: string, end: (peer: BenchPeer) => void][] = [
        ['token_revoked', () => bench.remove(['tokens', company.clientToken])],
        ['client_removed', () => bench.remove(['clients', company.client])],
        ['actor_disabled', () => bench.patch('actors', company.actor, { isDisabled: true })],
        ['account_disabled', () => bench.patch('accounts', company.account, { isDisabled: true })],
      ]
      for (const [cause, end] of causes) {
        bench = new PortalBench({ conditions })
        company = new Company(bench)
        const client = company.clientJoins({}, ['end_reasons'])
        client.heard()
        end(client)
        const { payload } = client.heard().at(-1) ?? {}
        expect(payload).to.include({ reason: 'token_expired', cause })
        expect(payload.detail).to.match(/^The /)
      }
      bench = new PortalBench({ conditions })
      company = new Company(bench)
      const gateway = company.gatewayJoins(0, {}, ['end_reasons'])
      gateway.heard()
      bench.remove(['gateways', company.gateways[0]])
      expect(gateway.heard().map(({ payload }) => payload)).to.deep.equal([
        { reason: 'token_expired', cause: 'gateway_removed', detail: 'The gateway was removed' },
      ])
    })

    it('a peer that says nothing for 37 s is cut off, and no other', () => {
      const [quiet, lively] = [company.clientJoins(), company.gatewayJoins()]
      for (let second = 0; second < 36; second += 9) {
        bench.clock.advance(9 * SECOND)
        lively.say('heartbeat', {}, 'phoenix')
      }
      expect(bench.closed.size).to.equal(0)
      bench.clock.advance(SECOND)
      expect([...bench.closed]).to.deep.equal([[quiet.connection, 'idle']])
    })

    it('H13 the connection of a gateway or client that was there first stays, in whatever order two join', () => {
      for (const join of [() => company.gatewayJoins(), () => company.clientJoins()]) {
        const first = join()
        const second = join()
        expect(bench.closed.get(second.connection)).to.equal('another connection of the same peer was there first')
        expect(bench.closed.has(first.connection)).to.equal(false)
        expect(second.events()).to.deep.equal([])
        first.leave()
        expect(join().events()).to.include('init')
      }
    })

    it('H13 a peer takes the place of its own connection that did not answer, and keeps its grants', () => {
      const { gateway, client } = authorised()
      const again = company.gatewayJoins(0, { replaces: gateway })
      expect(bench.closed.get(gateway.connection)).to.equal('newer connection of the same peer')
      expect(again.heard()[0]?.payload.authorizations).to.have.length(1)
      expect(bench.machine.seated(company.gateways[0].id, bench.clock.now())?.connection).to.equal(again.connection)
      const back = company.clientJoins({ replaces: client })
      expect(bench.closed.get(client.connection)).to.equal('newer connection of the same peer')
      expect(back.events()).to.include('init')
      expect(bench.machine.counts()).to.include({ clients: 1, gateways: 1, grants: 1 })
    })

    it('H13 a peer that was not heard for two heartbeats counts as gone, whatever answers pings for it', () => {
      const client = company.clientJoins()
      const isSilent = () => bench.machine.seated(company.client.id, bench.clock.now())?.isSilent
      bench.clock.advance(24 * SECOND)
      expect(isSilent()).to.equal(false)
      bench.clock.advance(SECOND)
      expect(isSilent()).to.equal(true)
      client.say('heartbeat', {}, 'phoenix')
      expect(isSilent()).to.equal(false)
    })

    it('one peer cannot keep the portal busy: messages that it sends too often are dropped', () => {
      const client = company.clientJoins()
      for (let round = 0; round < 1_000; round++) client.say('no_relays', {})
      expect(bench.machine.counters()['too-many-messages']).to.be.within(400, 510)
      bench.clock.advance(10 * SECOND)
      client.heard()
      client.say('no_relays', {})
      expect(client.events()).to.deep.equal(['relays_presence'])
    })

    it('the portal never throws and grants nothing, whatever peers say in whatever order', () => {
      const frames = exampleMessages().map(({ frame }) => frame)
      const event = fc.constantFrom(...frames.map(({ event: name }) => name), 'phx_join', 'phx_leave', 'heartbeat')
      const text = fc.oneof(
        fc.constantFrom(...frames.map((frame) => JSON.stringify(frame))),
        fc
          .record({ topic: fc.constantFrom('client', 'gateway'), event, payload: fc.jsonValue(), ref: fc.nat() })
          .map((frame) => JSON.stringify(frame)),
        fc.string(),
      )
      fc.assert(
        fc.property(fc.array(fc.tuple(fc.boolean(), text, fc.nat(2_000))), (steps) => {
          bench = new PortalBench({ conditions })
          company = new Company(bench)
          bench.remove(['policies', company.policy])
          const [client, gateway] = [company.clientJoins(), company.gatewayJoins()]
          for (const [isClient, each, wait] of steps) {
            const { connection } = isClient ? client : gateway
            bench.dispatch({ type: 'frameReceived', connection, text: each })
            bench.clock.advance(wait)
          }
          expect(bench.machine.counts().grants).to.equal(0)
          expect(client.events()).to.not.include('authorization_created')
        }),
        { numRuns: 60 },
      )
    })
  })
})

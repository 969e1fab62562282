import { expect } from 'chai'
import { before, describe, it } from 'mocha'
import { z } from 'zod'
import { fact, Facts, type Fact } from '../../../../core/contract/facts.ts'
import type { FactSource } from '../../../../core/contract/fact-source.ts'
import { settingsSchema } from '../../../../core/plugin/settings-schema.ts'
import { HOUR, MINUTE, unixTime } from '../../../../core/runtime/time.ts'
import type { Entities, Rows } from '../../../../hosts/portal/store/entities.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { countLooks } from '../../../kit/counted-looks.ts'
import { condition, extension } from '../../../kit/extensions.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

const Health = z.string()
const HealthOf = fact('health.of', Health, { by: Facts.device.id })

const conditions = {
  healthy: condition<unknown, { health: Fact<string> }>(
    { evaluate: ({ facts }) => ({ holds: facts.health.value === 'good', reason: facts.health.value }) },
    { health: HealthOf },
  ),
}

const source = extension<FactSource>(
  'health',
  { refresh: () => Promise.reject(new Error('the test brings the snapshots')) },
  { brings: { fact: HealthOf, schema: settingsSchema(Health, 'health'), everyMs: MINUTE, goodForMs: HOUR } },
)

/** Ada, who is alone with her things, in an account in which so many other people are connected, each with a grant. */
class Crowded {
  readonly bench = new PortalBench({
    conditions,
    selectors: { random: new RandomSelector({ random: new SeededRandom(3) }) },
    factSources: new Map([['health', source]]),
  })
  readonly company = new Company(this.bench)
  readonly provider
  gateway: BenchPeer
  client: BenchPeer

  constructor(others: number) {
    const { bench, company } = this
    this.provider = bench.row('identity_providers', {
      ...this.#base(),
      name: 'Provider',
      type: 'oidc',
      settings: {},
      isDefault: false,
      isDisabled: false,
      clientTokenLifetimeSeconds: 3600,
      sessionLifetimeSeconds: 3600,
      emailDomains: [],
    })
    this.patch('tokens', company.clientToken, { identityProviderId: this.provider.id })
    this.patch('policies', company.policy, { conditions: [{ condition: 'healthy', settings: {} }] })
    this.#crowd(others)
    this.learn('good')
    this.gateway = company.gatewayJoins()
    this.client = company.clientJoins()
    this.ask()
  }

  /** Brings what is known of the health of Ada's device. */
  learn(health: string): void {
    const { bench, company } = this
    bench.dispatch({ type: 'factsLearned', name: 'health.of', table: { values: { [company.client.id]: health } } })
  }

  /** Changes some columns of a row. */
  patch<Name extends keyof Rows>(name: Name, { id }: { id: string }, patch: Partial<Entities[Name]>): void {
    const row = this.bench.machine.view.get(name, id)
    if (row === undefined) throw new Error(`there is no row ${id}`)
    this.bench.patch(name, row, patch)
  }

  /** Asks for Ada's resource, and has the gateway acknowledge. */
  ask(): void {
    const { bench, company, gateway, client } = this
    client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
    for (const { event, payload } of bench.take(gateway.connection))
      if (event === 'create_authorization') gateway.say('authorization_created', { ref: payload.ref })
  }

  /** Adds people with a device, a token and a grant each, at a gateway and in a group of their own. */
  #crowd(size: number): void {
    const { bench, company } = this
    const [site, group] = [this.#base(), this.#base()]
    const gateway = {
      ...company.gateways[0],
      ...this.#base(),
      siteId: site.id,
      externalId: 'other',
      publicKey: 'other',
    }
    const gatewayToken = { ...company.gatewayToken, ...this.#base(), siteId: site.id }
    const resource = { ...company.resource, ...this.#base(), siteId: site.id }
    const policy = { ...company.policy, ...this.#base(), groupId: group.id, resourceId: resource.id }
    const rows: Rows = {
      ...NO_ROWS,
      sites: [{ ...company.site, ...site }],
      groups: [{ ...company.group, ...group }],
      gateways: [gateway],
      resources: [resource],
      policies: [policy],
    }
    for (let at = 0; at < size; at++) {
      const [actor, membership] = [{ ...company.actor, ...this.#base() }, this.#base()]
      const token = { ...company.clientToken, ...this.#base(), actorId: actor.id }
      const names = { actorId: actor.id, externalId: `device ${at}`, publicKey: `key ${at}` }
      const client = { ...company.client, ...this.#base(), ...names }
      rows.actors.push(actor)
      rows.memberships.push({ ...membership, actorId: actor.id, groupId: group.id })
      rows.clients.push(client)
      rows.tokens.push(token)
      rows.authorizations.push({
        ...this.#base(),
        policyId: policy.id,
        clientId: client.id,
        gatewayId: gateway.id,
        resourceId: resource.id,
        tokenId: token.id,
        membershipId: membership.id,
        expiresAt: null,
        decision: null,
      })
    }
    bench.load({ ...rows, tokens: [...rows.tokens, gatewayToken] })
    // Kept for Ada's only.
    bench.authorizations.clear()
    bench.connect('gateway', { peerId: gateway.id, tokenId: gatewayToken.id }).say('phx_join', null)
    for (const [at, { id: peerId }] of rows.clients.entries())
      bench.connect('client', { peerId, tokenId: rows.tokens[at]?.id ?? '' }).say('phx_join', null)
  }

  #base() {
    const accountId = this.company.account.id
    return { id: this.bench.id(), accountId, createdAt: unixTime(0), updatedAt: unixTime(0) }
  }
}

const NO_ROWS: Rows = {
  accounts: [],
  actors: [],
  groups: [],
  memberships: [],
  identity_providers: [],
  identities: [],
  tokens: [],
  clients: [],
  sites: [],
  gateways: [],
  resources: [],
  policies: [],
  authorizations: [],
}

/** Events that concern Ada alone, in an order in which all can happen. */
const KINDS: Readonly<Record<string, (world: Crowded) => void>> = {
  'a client is seen': (world) => world.patch('clients', world.company.client, { lastSeenAt: unixTime(5) }),
  'a client is verified': (world) => world.patch('clients', world.company.client, { verifiedAt: unixTime(5) }),
  'a client sends a heartbeat and facts': ({ client }) => {
    client.say('heartbeat', {}, 'phoenix').say('client_facts', { facts: [] })
  },
  'a client leaves and joins again': (world) => {
    world.client.leave()
    world.client = world.company.clientJoins()
  },
  'a client asks again for what it has': (world) => world.ask(),
  'an authorization is written down': (world) => {
    const authorization = [...world.bench.authorizations.values()].at(-1)
    if (authorization !== undefined) world.bench.row('authorizations', authorization)
  },
  'an authorization is removed, and asked for again': (world) => {
    const authorization = [...world.bench.authorizations.values()].at(-1)
    if (authorization !== undefined) world.bench.remove(['authorizations', authorization])
    world.ask()
  },
  'an actor is renamed': (world) => world.patch('actors', world.company.actor, { name: 'Augusta' }),
  'an identity is made': ({ bench, company, provider }) => {
    const { accountId, createdAt, updatedAt } = company.client
    const about = { actorId: company.actor.id, identityProviderId: provider.id, issuer: '', subject: 'ada' }
    bench.row('identities', { id: bench.id(), accountId, createdAt, updatedAt, ...about })
  },
  'an actor joins another group, and leaves it': ({ bench, company }) => {
    const group = bench.row('groups', { ...company.group, id: bench.id(), name: 'Other' })
    bench.remove(['memberships', company.join(company.actor.id, group.id)])
  },
  'a group is renamed': (world) => world.patch('groups', world.company.group, { name: 'Crew' }),
  'a policy is changed': (world) => world.patch('policies', world.company.policy, { description: 'new' }),
  'a resource gets other filters': (world) => {
    world.patch('resources', world.company.resource, { filters: [{ protocol: 'tcp', ports: ['443'] }] })
  },
  'a resource comes and goes': ({ bench, company }) => {
    const resource = company.network('198.51.101.0/24')
    const policy = company.allow(company.group.id, resource.id)
    bench.remove(['policies', policy], ['resources', resource])
  },
  'a site is renamed': (world) => world.patch('sites', world.company.site, { name: 'Berlin' }),
  'a gateway is present': (world) => world.patch('gateways', world.company.gateways[0], { presentAt: unixTime(5) }),
  'a gateway leaves and joins again': (world) => {
    world.gateway.leave()
    world.gateway = world.company.gatewayJoins()
  },
  'a token is used': (world) => world.patch('tokens', world.company.clientToken, { lastUsedAt: unixTime(5) }),
  'a token gets an end': (world) => {
    world.patch('tokens', world.company.clientToken, { expiresAt: unixTime(world.bench.unix() + HOUR) })
  },
  'an identity provider is renamed': (world) => world.patch('identity_providers', world.provider, { name: 'New' }),
  'an account is renamed': (world) => world.patch('accounts', world.company.account, { name: 'Example Ltd' }),
  'another account gets a search domain, and is disabled': (world) => {
    const other = world.bench.row('accounts', { ...world.company.account, id: world.bench.id(), slug: 'other' })
    world.patch('accounts', other, { searchDomain: 'example.org', isDisabled: true })
  },
  'a fact of one device changes': (world) => world.learn('bad'),
  'a gateway gets another key': (world) => world.patch('gateways', world.company.gateways[0], { publicKey: 'new' }),
  'a client is removed': ({ bench, company }) => bench.remove(['clients', company.client]),
}

describe('what a change concerns', () => {
  const looks = new Map<string, number[]>()

  before(function () {
    this.timeout(60_000)
    // The first one is for what is looked up once, such as schemas.
    for (const size of [1, 10, 10_000]) {
      const world = new Crowded(size)
      for (const [kind, happen] of Object.entries(KINDS)) {
        const counted = countLooks(() => happen(world))
        looks.set(kind, [...(looks.get(kind) ?? []), counted].slice(-2))
      }
    }
  })

  for (const kind of Object.keys(KINDS)) {
    it(`is found without looking at more where 10,000 are connected than where 10 are: ${kind}`, () => {
      const [few = 0, many = 0] = looks.get(kind) ?? []
      expect(few).to.be.above(0)
      expect(many).to.equal(few)
    })
  }
})

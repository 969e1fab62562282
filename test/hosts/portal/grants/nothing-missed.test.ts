import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { z } from 'zod'
import { fact, Facts, type Fact } from '../../../../core/contract/facts.ts'
import type { FactSource } from '../../../../core/contract/fact-source.ts'
import { settingsSchema } from '../../../../core/plugin/settings-schema.ts'
import { HOUR, MINUTE, unixTime } from '../../../../core/runtime/time.ts'
import { clientStanding } from '../../../../hosts/portal/decide/standing.ts'
import { View } from '../../../../hosts/portal/decide/view.ts'
import { faultOf, hasOtherKey } from '../../../../hosts/portal/grants/connection-standing.ts'
import type { Connection } from '../../../../hosts/portal/grants/connections.ts'
import { GrantDrafts } from '../../../../hosts/portal/grants/grant-drafts.ts'
import type { Entities, EntityName } from '../../../../hosts/portal/store/entities.ts'
import { childrenOf } from '../../../../hosts/portal/store/tables.ts'
import { clientResource } from '../../../../hosts/portal/wire/wire-resource.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { Dice } from '../../../kit/dice.ts'
import { condition, conditionExtensions, extension } from '../../../kit/extensions.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

const Health = z.string()
const HealthOf = fact('health.of', Health, { by: Facts.device.id })
const holdsIf = (holds: boolean) => ({ holds, reason: holds ? 'so it is' : 'so it is not' })

const CONDITIONS = {
  healthy: condition<unknown, { health: Fact<string> }>(
    { evaluate: ({ facts }) => holdsIf(facts.health.value === 'good') },
    { health: HealthOf },
  ),
  verified: condition<unknown, { isVerified: Fact<boolean> }>(
    { evaluate: ({ facts }) => holdsIf(facts.isVerified.value) },
    { isVerified: Facts.device.isVerified },
  ),
  fewGroups: condition<unknown, { groups: Fact<readonly string[]> }>(
    { evaluate: ({ facts }) => holdsIf(facts.groups.value.length < 3) },
    { groups: Facts.actor.groups },
  ),
  namedSite: condition<unknown, { site: Fact<string> }>(
    { evaluate: ({ facts }) => holdsIf(facts.site.value !== 'closed') },
    { site: Facts.site.name },
  ),
}

const source = extension<FactSource>(
  'health',
  { refresh: () => Promise.reject(new Error('the test brings the snapshots')) },
  { brings: { fact: HealthOf, schema: settingsSchema(Health, 'health'), everyMs: MINUTE, goodForMs: HOUR } },
)

/** An account in which anything may change, with peers that come back and ask again after each loss. */
class Restless {
  readonly bench = new PortalBench({
    conditions: CONDITIONS,
    selectors: { random: new RandomSelector({ random: new SeededRandom(3) }) },
    factSources: new Map([['health', source]]),
  })
  readonly company = new Company(this.bench)
  readonly dice: Dice
  /** Present connection of each peer, by the peer's id. */
  readonly #peers = new Map<string, BenchPeer>()
  readonly #actors: string[]
  readonly #groups: string[]
  readonly #sites: string[]
  readonly #knownClients: string[] = []

  constructor(seed: string) {
    this.dice = new Dice(seed)
    const { bench, company } = this
    const base = () => ({ ...company.membership, id: bench.id() })
    this.#actors = [company.actor.id, company.person('Bo').id, company.person('Cy').id]
    const crew = bench.row('groups', { ...company.group, id: bench.id(), name: 'Crew' })
    this.#groups = [company.group.id, crew.id]
    const site = bench.row('sites', { ...company.site, id: bench.id(), name: 'Other' })
    this.#sites = [company.site.id, site.id]
    const provider = bench.row('identity_providers', {
      ...base(),
      name: 'Provider',
      type: 'oidc',
      settings: {},
      isDefault: false,
      isDisabled: false,
      clientTokenLifetimeSeconds: 3600,
      sessionLifetimeSeconds: 3600,
      emailDomains: [],
    })
    this.#set('gateways', company.gateways[1], { siteId: site.id })
    this.#set('tokens', company.clientToken, { identityProviderId: provider.id })
    bench.row('tokens', { ...company.gatewayToken, id: bench.id(), siteId: site.id })
    for (const actorId of this.#actors) this.#newDevice(actorId)
  }

  /** Carries out a random change of an admin, another process or a peer. */
  change(): void {
    const { bench, company, dice } = this
    const all = bench.rows()
    const of = <Name extends EntityName>(name: Name) => dice.pick(all[name] as readonly Entities[Name][])
    const toggle = (name: 'accounts' | 'actors' | 'policies' | 'identity_providers') => {
      const row = of(name)
      // Mostly enabled, so that there is something to take away.
      if (row !== undefined && (row.isDisabled || dice.chance(3))) this.#set(name, row, { isDisabled: !row.isDisabled })
    }
    const remove = (name: Exclude<EntityName, 'accounts'>) => {
      const row = of(name)
      if (row !== undefined) bench.remove(...this.#withDependents(name, row.id))
    }
    const [policy, client, token, resource, gateway] = [
      of('policies'),
      of('clients'),
      of('tokens'),
      of('resources'),
      of('gateways'),
    ]
    const acts: (() => void)[] = [
      () => toggle('policies'),
      () => toggle('policies'),
      () => toggle('actors'),
      () => toggle('accounts'),
      () => toggle('accounts'),
      () => toggle('identity_providers'),
      () => dice.chance(2) && remove('memberships'),
      () => dice.chance(2) && remove('policies'),
      () => dice.chance(3) && remove('resources'),
      () => dice.chance(6) && remove('tokens'),
      () => dice.chance(3) && remove('clients'),
      () => dice.chance(40) && remove('gateways'),
      () => dice.chance(12) && remove('groups'),
      () => dice.chance(20) && remove('actors'),
      () => dice.chance(12) && remove('identity_providers'),
      () => remove('authorizations'),
      () => this.#join(dice.pick(this.#actors) ?? '', dice.pick(this.#groups) ?? ''),
      () => this.#newDevice(dice.pick(this.#actors) ?? ''),
      () => this.#newResource(),
      () => resource && company.allow(dice.pick(this.#groups) ?? '', resource.id, this.#conditions()),
      () => policy && this.#set('policies', policy, { conditions: this.#conditions() }),
      () => policy && this.#set('policies', policy, { mode: dice.chance(3) ? 'shadow' : 'enforced' }),
      () => policy && this.#set('policies', policy, { groupId: dice.pick(this.#groups) ?? '' }),
      () => client && this.#set('clients', client, { verifiedAt: dice.chance(2) ? null : unixTime(5) }),
      () => client && this.#set('clients', client, { publicKey: `key ${dice.below(1_000)}` }),
      () => client && this.#set('clients', client, { lastSeenAt: bench.unix() }),
      () => client && dice.chance(2) && this.#set('clients', client, { isProven: !client.isProven }),
      () =>
        client &&
        bench.dispatch({
          type: 'factsLearned',
          name: 'health.of',
          table: {
            values: { [client.id]: dice.chance(3) ? 'bad' : 'good' },
            ...(dice.chance(2) && { otherwise: 'good' }),
          },
        }),
      () => token && this.#set('tokens', token, { expiresAt: unixTime(bench.unix() + (dice.chance(4) ? -1 : HOUR)) }),
      () => resource && this.#set('resources', resource, { siteId: dice.pick(this.#sites) ?? '' }),
      () => resource && this.#set('resources', resource, { name: `resource ${dice.below(100)}` }),
      () => gateway && dice.chance(2) && this.#set('gateways', gateway, { publicKey: `key ${dice.below(1_000)}` }),
      () => this.#rename(dice.pick(all.sites)),
      () => bench.clock.advance(dice.below(5_000)),
      () => dice.pick([...this.#peers.values()])?.leave(),
    ]
    dice.pick(acts)?.()
  }

  /** Has peers that are away connect, clients ask for what they can see, and gateways acknowledge. */
  settle(): void {
    const { bench, dice } = this
    const { clients, gateways, tokens } = bench.rows()
    for (const [role, rows] of [
      ['gateway', gateways],
      ['client', clients],
    ] as const) {
      for (const row of rows) {
        const present = this.#peers.get(row.id)
        if (present !== undefined && !bench.closed.has(present.connection)) continue
        const token = tokens.find(({ siteId, actorId }) =>
          'siteId' in row ? siteId === row.siteId : actorId === row.actorId,
        )
        if (token === undefined) continue
        this.#peers.set(row.id, bench.connect(role, { peerId: row.id, tokenId: token.id }).say('phx_join', null))
      }
    }
    for (const { id } of clients) {
      const resourceId = dice.pick([...(bench.machine.knowledge.peers.client(id)?.sentResources.keys() ?? [])])
      if (resourceId === undefined) continue
      this.#peers.get(id)?.say('request_authorization', { resource_id: resourceId, connected_gateway_ids: [] })
    }
    for (const { id } of gateways) {
      const gateway = this.#peers.get(id)
      for (const { event, payload } of gateway?.heard() ?? [])
        if (event === 'create_authorization') gateway?.say('authorization_created', { ref: payload.ref })
    }
  }

  /** Goes through all grants, connections and lists, and returns what a fresh look at the rows would not leave so. */
  missed(): string[] {
    const { bench } = this
    const { knowledge } = bench.machine
    const [at, view] = [bench.unix(), new View(conditionExtensions(CONDITIONS))]
    const rows = bench.rows()
    view.load(rows)
    const drafts = new GrantDrafts({ ...knowledge, view, whereabouts: knowledge.whereabouts as never })
    const missed: string[] = []
    for (const clientId of this.#knownClients) {
      for (const { row } of knowledge.grants.ofClient(clientId)) {
        const standing = clientStanding(view, row, at)
        if (typeof standing === 'string') {
          missed.push(`a grant stays: ${standing}`)
          continue
        }
        const { explanation } = drafts.evaluate(standing, row.resourceId, at)
        const policy = explanation.find(({ policyId }) => policyId === row.policyId)
        if (policy?.outcome !== 'conforms' || policy.mode !== 'enforced')
          missed.push(`a grant stays: ${policy?.outcome}`)
        if (drafts.parts(row) === undefined) missed.push('a grant stays at a gateway of another site')
      }
    }
    for (const [peerId, { role, connection: name }] of this.#peers) {
      const connection: Connection | undefined =
        role === 'client' ? knowledge.peers.client(peerId) : knowledge.peers.gateway(peerId)
      if (connection?.connection !== name) continue
      const fault = faultOf(connection, view, at)
      if (fault !== undefined) missed.push(`a ${role} stays connected: ${fault}`)
      if (hasOtherKey(connection, view)) missed.push(`a ${role} stays connected with another key`)
      if (role === 'client') missed.push(...listDifferences(connection, view))
    }
    return missed
  }

  get grants(): number {
    return this.bench.machine.counts().grants
  }

  #set<Name extends EntityName>(name: Name, { id }: { id: string }, patch: Partial<Entities[Name]>): void {
    const row = this.bench.rows()[name].find((each) => each.id === id)
    if (row !== undefined) this.bench.patch(name, row, patch)
  }

  /** Rows that the database removes together with a row, and before it. */
  #withDependents(name: EntityName, id: string): [EntityName, { id: string }][] {
    const rows = this.bench.rows()
    const dependents = childrenOf(name).flatMap((child) =>
      (rows[child.name] as { id: string }[])
        .filter((row) => Object.entries(row).some(([key, value]) => key === child.column && value === id))
        .flatMap((row) => this.#withDependents(child.name, row.id)),
    )
    return [
      ...new Map(
        [...dependents, [name, { id }] as [EntityName, { id: string }]].map((each) => [each[1].id, each]),
      ).values(),
    ]
  }

  #newDevice(actorId: string): void {
    const { bench, company } = this
    if (bench.machine.view.get('actors', actorId) === undefined) return
    const { id } = company.device(`device ${bench.id()}`, actorId)
    this.#knownClients.push(id)
    if (!bench.rows().tokens.some((token) => token.actorId === actorId)) company.token({ kind: 'client', actorId })
  }

  /** Makes somebody a member, as the database allows it: of rows that are there, once. */
  #join(actorId: string, groupId: string): void {
    const { actors, groups, memberships } = this.bench.rows()
    if (!actors.some(({ id }) => id === actorId) || !groups.some(({ id }) => id === groupId)) return
    if (memberships.some((row) => row.actorId === actorId && row.groupId === groupId)) return
    this.company.join(actorId, groupId)
  }

  #newResource(): void {
    const { company, dice } = this
    const { id } = company.network(`198.51.${dice.below(256)}.0/24`)
    company.allow(dice.pick(this.#groups) ?? '', id, this.#conditions())
  }

  #conditions(): { condition: string; settings: unknown }[] {
    const { dice } = this
    return Object.keys(CONDITIONS)
      .filter(() => dice.chance(8))
      .map((name) => ({ condition: name, settings: {} }))
  }

  #rename(site: Entities['sites'] | undefined): void {
    if (site !== undefined)
      this.#set('sites', site, { name: this.dice.chance(3) ? 'closed' : `site ${this.dice.below(9)}` })
  }
}

/** Compares the resources that a client was told of with those that exist for it. */
const listDifferences = ({ peerId, sentResources }: Connection, view: View): string[] => {
  const wanted = new Map<string, string>()
  for (const id of view.policies.resourcesOf(view.groupsOf(view.get('clients', peerId)?.actorId ?? ''))) {
    const resource = view.get('resources', id)
    const site = view.get('sites', resource?.siteId ?? '')
    if (resource !== undefined && site !== undefined) wanted.set(id, JSON.stringify(clientResource(resource, site)))
  }
  return [...new Set([...wanted.keys(), ...sentResources.keys()])]
    .filter((id) => wanted.get(id) !== sentResources.get(id))
    .map((id) => `a client was not told: ${wanted.get(id) ?? 'gone'}`)
}

describe('changes of any kind, in any order', () => {
  it('P6 leave no grant, connection or list of resources that a look at all rows would end or change', () => {
    let granted = 0
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const world = new Restless(String(seed))
        for (let step = 0; step < 120; step++) {
          world.change()
          expect(world.missed().join('; '), `after step ${step}`).to.equal('')
          world.settle()
          expect(world.missed().join('; '), `after step ${step} has settled`).to.equal('')
          granted += world.grants
        }
      }),
      { numRuns: 4, examples: [[0]] },
    )
    expect(granted).to.be.above(10)
  })
})

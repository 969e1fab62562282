import type { PolicyCondition } from '../../../core/contract/policy-condition.ts'
import type { Extensions } from '../../../core/contract/extension-point.ts'
import { PolicyIndex } from '../../../core/policy/policy-index.ts'
import type { Change, Entities, EntityName, Membership, Rows } from '../store/entities.ts'
import { MultiMap } from './multi-map.ts'

type Tables = { [Name in EntityName]: Map<string, Entities[Name]> }

/**
 * All rows of all accounts in memory, as committed at the last `apply`, with the indexes that decisions need.
 * Authorizations are not in it: see `Grants`.
 */
export class View {
  readonly policies: PolicyIndex
  readonly #tables: Tables = {
    accounts: new Map(),
    actors: new Map(),
    groups: new Map(),
    memberships: new Map(),
    identity_providers: new Map(),
    identities: new Map(),
    tokens: new Map(),
    clients: new Map(),
    sites: new Map(),
    gateways: new Map(),
    resources: new Map(),
    policies: new Map(),
    authorizations: new Map(),
  }
  readonly #membershipsOfActor = new MultiMap<string, Membership>()
  readonly #groupsOfActor = new MultiMap<string, string>()
  readonly #membershipsOfGroup = new MultiMap<string, Membership>()
  readonly #clientsOfActor = new MultiMap<string, string>()
  readonly #clientsOfAccount = new MultiMap<string, string>()
  readonly #gatewaysOfSite = new MultiMap<string, string>()
  readonly #gatewaysOfAccount = new MultiMap<string, string>()
  readonly #tokensOfProvider = new MultiMap<string, string>()
  readonly #resourcesOfSite = new MultiMap<string, string>()

  readonly conditions: Extensions<PolicyCondition>

  constructor(conditions: Extensions<PolicyCondition>) {
    this.conditions = conditions
    this.policies = new PolicyIndex(conditions)
  }

  load(rows: Rows): void {
    for (const entity of Object.keys(rows) as EntityName[]) {
      for (const row of rows[entity]) {
        this.apply({ entity, accountId: '', id: row.id, after: row } as Change)
      }
    }
  }

  apply(change: Change): void {
    // Authorizations are kept by `Grants`, and identities are only needed for sign-ins.
    if (change.entity === 'authorizations' || change.entity === 'identities') return
    const before = this.get(change.entity, change.id)
    if (before !== undefined) this.#unlink(change.entity, before)
    if (change.after === undefined) {
      this.#tables[change.entity].delete(change.id)
      return
    }
    ;(this.#tables[change.entity] as Map<string, unknown>).set(change.id, change.after)
    this.#link(change.entity, change.after)
  }

  get<Name extends EntityName>(name: Name, id: string): Entities[Name] | undefined {
    return this.#tables[name].get(id)
  }

  all<Name extends EntityName>(name: Name): IterableIterator<Entities[Name]> {
    return this.#tables[name].values()
  }

  groupsOf(actorId: string): ReadonlySet<string> {
    return this.#groupsOfActor.get(actorId)
  }

  membership(actorId: string, groupId: string): Membership | undefined {
    for (const membership of this.#membershipsOfActor.get(actorId)) {
      if (membership.groupId === groupId) return membership
    }
    return undefined
  }

  membersOf(groupId: string): string[] {
    return [...this.#membershipsOfGroup.get(groupId)].map(({ actorId }) => actorId)
  }

  clientsOf(actorId: string): ReadonlySet<string> {
    return this.#clientsOfActor.get(actorId)
  }

  clientsIn(accountId: string): ReadonlySet<string> {
    return this.#clientsOfAccount.get(accountId)
  }

  gatewaysIn(accountId: string): ReadonlySet<string> {
    return this.#gatewaysOfAccount.get(accountId)
  }

  /** Returns the tokens that came of sign-ins through an identity provider. */
  tokensOf(identityProviderId: string): ReadonlySet<string> {
    return this.#tokensOfProvider.get(identityProviderId)
  }

  gatewaysOf(siteId: string): ReadonlySet<string> {
    return this.#gatewaysOfSite.get(siteId)
  }

  resourcesOf(siteId: string): ReadonlySet<string> {
    return this.#resourcesOfSite.get(siteId)
  }

  #link(entity: EntityName, row: Entities[EntityName]): void {
    this.#relate(entity, row, 'add')
    if (entity === 'policies') this.policies.put(row as Entities['policies'])
  }

  #unlink(entity: EntityName, row: Entities[EntityName]): void {
    this.#relate(entity, row, 'delete')
    if (entity === 'policies') this.policies.remove(row.id)
  }

  #relate(entity: EntityName, row: Entities[EntityName], verb: 'add' | 'delete'): void {
    if (entity === 'memberships') {
      const membership = row as Membership
      this.#membershipsOfActor[verb](membership.actorId, membership)
      this.#groupsOfActor[verb](membership.actorId, membership.groupId)
      this.#membershipsOfGroup[verb](membership.groupId, membership)
    } else if (entity === 'clients') {
      const { actorId, accountId } = row as Entities['clients']
      this.#clientsOfActor[verb](actorId, row.id)
      this.#clientsOfAccount[verb](accountId, row.id)
    } else if (entity === 'gateways') {
      const { siteId, accountId } = row as Entities['gateways']
      this.#gatewaysOfSite[verb](siteId, row.id)
      this.#gatewaysOfAccount[verb](accountId, row.id)
    } else if (entity === 'tokens') {
      const { identityProviderId } = row as Entities['tokens']
      if (identityProviderId !== null) this.#tokensOfProvider[verb](identityProviderId, row.id)
    } else if (entity === 'resources') {
      this.#resourcesOfSite[verb]((row as Entities['resources']).siteId, row.id)
    }
  }
}

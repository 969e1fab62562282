import { Facts, type Reads } from '../../../core/contract/facts.ts'
import { MultiMap } from '../decide/multi-map.ts'
import type { View } from '../decide/view.ts'
import type { Account, Change } from '../store/entities.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import type { Connection } from './connections.ts'
import { factsRead, type Grant, type Grants } from './grants.ts'

/** Grants, connections and lists of resources that a batch of committed changes may affect. */
export interface Affected {
  /** Ids of the resources that may have come into, changed in or left the lists of an actor's clients, by actor. */
  viewed: Map<string, Set<string>>
  /** Grants to be judged again. */
  grants: Set<Grant>
  /** Connections whose peers may have lost their standing, or may be another device than their rows describe. */
  connections: Set<Connection>
}

/**
 * Finds by index what changes may affect, so that a change that concerns one peer costs the same however many are
 * connected. The view must have the changes applied already.
 */
export const affectedBy = (
  changes: readonly Change[],
  { view, grants, peers }: { view: View; grants: Grants; peers: Pick<ConnectedPeers, 'ofPeer' | 'ofToken'> },
): Affected => {
  const affected: Affected = { viewed: new Map(), grants: new Set(), connections: new Set() }
  const addAll = <T>(to: Set<T>, values: Iterable<T>): void => {
    for (const value of values) to.add(value)
  }
  const viewedBy = (actorIds: Iterable<string>, resourceIds: Iterable<string>): void => {
    for (const actorId of actorIds) {
      const viewed = affected.viewed.get(actorId) ?? new Set<string>()
      affected.viewed.set(actorId, viewed)
      addAll(viewed, resourceIds)
    }
  }
  const viewersOf = (resourceId: string): string[] =>
    [...view.policies.groupsOf(resourceId)].flatMap((groupId) => view.membersOf(groupId))
  const client = (id: string): void => {
    addAll(affected.grants, grants.ofClient(id))
    addAll(affected.connections, peers.ofPeer(id))
  }
  const gateway = (id: string): void => {
    addAll(affected.grants, grants.ofGateway(id))
    addAll(affected.connections, peers.ofPeer(id))
  }
  const token = (id: string): void => {
    addAll(affected.grants, grants.ofToken(id))
    addAll(affected.connections, peers.ofToken(id))
  }

  // A group that is removed takes memberships and policies along: neither is found by the other any more.
  const changedPolicies = new MultiMap<string, string>()
  for (const { entity, before, after } of changes) {
    if (entity !== 'policies') continue
    for (const row of [before, after]) if (row !== undefined) changedPolicies.add(row.groupId, row.resourceId)
  }

  for (const change of changes) {
    const rows = [change.before, change.after]
    switch (change.entity) {
      case 'memberships':
        addAll(affected.grants, grants.ofMembership(change.id))
        for (const row of rows as (typeof change.after)[]) {
          if (row === undefined) continue
          viewedBy([row.actorId], view.policies.resourcesOfGroup(row.groupId))
          viewedBy([row.actorId], changedPolicies.get(row.groupId))
          for (const id of view.clientsOf(row.actorId))
            addAll(affected.grants, grants.ofClient(id).filter(reads(Facts.actor.groups)))
        }
        break
      case 'policies':
        addAll(affected.grants, grants.ofPolicy(change.id))
        for (const row of rows as (typeof change.after)[])
          if (row !== undefined) viewedBy(view.membersOf(row.groupId), [row.resourceId])
        break
      case 'resources':
        addAll(affected.grants, grants.ofResource(change.id))
        viewedBy(viewersOf(change.id), [change.id])
        break
      case 'sites':
        for (const resourceId of view.resourcesOf(change.id)) {
          addAll(affected.grants, grants.ofResource(resourceId).filter(reads(Facts.site.name)))
          viewedBy(viewersOf(resourceId), [resourceId])
        }
        break
      case 'tokens':
        // Only `lastUsedAt` changed, which is updated frequently and decides nothing.
        if (change.before !== undefined && change.after?.expiresAt === change.before.expiresAt) break
        token(change.id)
        break
      case 'actors':
        for (const id of view.clientsOf(change.id)) client(id)
        break
      case 'clients':
        if (!isSamePeer(change)) client(change.id)
        break
      case 'gateways':
        if (!isSamePeer(change)) gateway(change.id)
        break
      case 'identity_providers':
        for (const id of view.tokensOf(change.id)) token(id)
        break
      case 'accounts':
        if (isStillSuch(change)) break
        for (const id of view.clientsIn(change.id)) client(id)
        for (const id of view.gatewaysIn(change.id)) gateway(id)
        break
      case 'groups':
      case 'identities':
      case 'authorizations':
        break
    }
  }
  return affected
}

/**
 * Whether only columns changed that decide nothing and are updated frequently: the name, times and version of the last
 * connect, and what says when a gateway's row is removed.
 */
const isSamePeer = (change: Change & { entity: 'clients' | 'gateways' }): boolean => {
  const { before, after } = change
  if (before === undefined || after === undefined) return false
  const columns = Object.keys(after) as (keyof typeof after)[]
  return columns.every((column) => UNIMPORTANT.has(column) || same(before[column], after[column]))
}

const UNIMPORTANT: ReadonlySet<string> = new Set([
  'name',
  'isEphemeral',
  'presentAt',
  'lastSeenAt',
  'lastSeenVersion',
  'provenAt',
  'updatedAt',
])

/** Whether an account's peers and grants stand as before: what it is called, and its resolvers, decide nothing. */
const isStillSuch = ({ before, after }: { before?: Account; after?: Account }): boolean =>
  before !== undefined &&
  after !== undefined &&
  before.isDisabled === after.isDisabled &&
  same(before.addressRanges, after.addressRanges)

const same = (before: unknown, after: unknown): boolean =>
  before === after || (typeof before === 'object' && JSON.stringify(before) === JSON.stringify(after))

const reads =
  ({ name }: Reads<unknown>) =>
  (grant: Grant): boolean =>
    factsRead(grant).has(name)

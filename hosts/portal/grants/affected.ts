import { Facts, type Reads } from '../../../core/contract/facts.ts'
import type { Presence } from '../decide/presence.ts'
import type { View } from '../decide/view.ts'
import type { Change } from '../store/entities.ts'
import { factsRead, type Grant, type Grants } from './grants.ts'

/** Actors, accounts, gateways and grants that a batch of committed changes may affect. */
export interface Affected {
  /** Actors whose list of resources may have changed. */
  viewerIds: Set<string>
  /** Actors whose standing may have changed, and so all their grants. */
  standingOf: Set<string>
  accountIds: Set<string>
  gatewayIds: Set<string>
  grants: Set<Grant>
}

/** Finds what changes may affect. The view must have them applied already. */
export const affectedBy = (
  changes: readonly Change[],
  { view, grants, presence }: { view: View; grants: Grants; presence: Presence },
): Affected => {
  const affected: Affected = {
    viewerIds: new Set(),
    standingOf: new Set(),
    accountIds: new Set(),
    gatewayIds: new Set(),
    grants: new Set(),
  }
  const addAll = <T>(to: Set<T>, values: Iterable<T>) => {
    for (const value of values) to.add(value)
  }
  const membersOf = (groupId: string | undefined) => (groupId === undefined ? [] : view.membersOf(groupId))
  const viewersOf = (resourceId: string) =>
    [...view.policies.groupsOf(resourceId)].flatMap((groupId) => view.membersOf(groupId))

  const readersOfGroups = (actorId: string) =>
    [...view.clientsOf(actorId)].flatMap((id) => grants.ofClient(id).filter(reads(Facts.actor.groups)))

  for (const change of changes) {
    switch (change.entity) {
      case 'memberships':
        addAll(
          affected.viewerIds,
          [change.before?.actorId, change.after?.actorId].flatMap((id) => id ?? []),
        )
        addAll(affected.grants, grants.ofMembership(change.id))
        for (const row of [change.before, change.after]) {
          if (row !== undefined) addAll(affected.grants, readersOfGroups(row.actorId))
        }
        break
      case 'policies':
        addAll(affected.viewerIds, membersOf(change.before?.groupId))
        addAll(affected.viewerIds, membersOf(change.after?.groupId))
        addAll(affected.grants, grants.ofPolicy(change.id))
        break
      case 'resources':
        addAll(affected.viewerIds, viewersOf(change.id))
        addAll(affected.grants, grants.ofResource(change.id))
        break
      case 'sites':
        for (const resourceId of view.resourcesOf(change.id)) {
          addAll(affected.viewerIds, viewersOf(resourceId))
          addAll(affected.grants, grants.ofResource(resourceId).filter(reads(Facts.site.name)))
        }
        break
      case 'tokens':
        // Only `lastUsedAt` changed, which is updated frequently and decides nothing.
        if (change.before !== undefined && change.after?.expiresAt === change.before.expiresAt) break
        addAll(affected.grants, grants.ofToken(change.id))
        addAll(
          affected.standingOf,
          [change.before?.actorId].flatMap((id) => id ?? []),
        )
        for (const siteId of [change.before?.siteId].flatMap((id) => id ?? [])) {
          addAll(
            affected.gatewayIds,
            presence.gatewaysOf(siteId).map(({ id }) => id),
          )
        }
        break
      case 'actors':
        affected.standingOf.add(change.id)
        break
      case 'clients':
        if (isSamePeer(change)) break
        addAll(affected.standingOf, [change.before?.actorId ?? change.after?.actorId ?? ''])
        addAll(affected.grants, grants.ofClient(change.id))
        break
      case 'gateways':
        if (isSamePeer(change)) break
        affected.gatewayIds.add(change.id)
        addAll(affected.grants, grants.ofGateway(change.id))
        break
      case 'identity_providers':
      case 'accounts':
        affected.accountIds.add(change.accountId)
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
  const deciding = (row: typeof after): string =>
    JSON.stringify({
      ...row,
      name: '',
      isEphemeral: null,
      presentAt: null,
      lastSeenAt: null,
      lastSeenVersion: null,
      provenAt: null,
    })
  return deciding(before) === deciding(after)
}

const reads =
  ({ name }: Reads<unknown>) =>
  (grant: Grant): boolean =>
    factsRead(grant).has(name)

import { clientStanding, gatewayStanding } from '../view/standing.ts'
import type { Instant } from '../../../core/runtime/time.ts'
import type { Change, Resource } from '../entities.ts'
import type { Connection } from './connections.ts'
import { tellGateway, type Context } from './context.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { Grant } from './grants.ts'
import { gatewayResource } from './wire-resource.ts'

/** What a batch of committed changes concerns. */
export interface Affected {
  /** Whose list of resources may have changed. */
  actorIds: Set<string>
  /** Whose standing may have changed, and all their grants with it. */
  standingOf: Set<string>
  accountIds: Set<string>
  gatewayIds: Set<string>
  grants: Set<Grant>
}

/** Finds what changes concern. The view has them applied already. */
export const affectedBy = (changes: readonly Change[], { view, grants, presence }: Context): Affected => {
  const affected: Affected = {
    actorIds: new Set(),
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

  for (const change of changes) {
    switch (change.entity) {
      case 'memberships':
        addAll(
          affected.actorIds,
          [change.before?.actorId, change.after?.actorId].flatMap((id) => id ?? []),
        )
        addAll(affected.grants, grants.ofMembership(change.id))
        break
      case 'policies':
        addAll(affected.actorIds, membersOf(change.before?.groupId))
        addAll(affected.actorIds, membersOf(change.after?.groupId))
        addAll(affected.grants, grants.ofPolicy(change.id))
        break
      case 'resources':
        addAll(affected.actorIds, viewersOf(change.id))
        addAll(affected.grants, grants.ofResource(change.id))
        break
      case 'sites':
        for (const resourceId of view.resourcesOf(change.id)) addAll(affected.actorIds, viewersOf(resourceId))
        break
      case 'tokens':
        // Its last use is noted all the time and means nothing.
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
        addAll(affected.standingOf, [change.before?.actorId ?? change.after?.actorId ?? ''])
        addAll(affected.grants, grants.ofClient(change.id))
        break
      case 'gateways':
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

/** Grants whose keys or addresses changed cannot be carried on: both ends set up anew. */
export const endOutdated = (
  changes: readonly Change[],
  { grants }: Context,
  keeper: GrantKeeper,
  now: Instant,
): void => {
  for (const change of changes) {
    if (change.before === undefined || change.after === undefined) continue
    if (change.entity === 'clients' && change.before.publicKey !== change.after.publicKey) {
      for (const grant of grants.ofClient(change.id)) keeper.withdraw(grant, { reason: 'client_restarted' }, now)
    }
    if (change.entity === 'gateways' && change.before.publicKey !== change.after.publicKey) {
      for (const grant of grants.ofGateway(change.id)) keeper.drop(grant, now)
    }
    if (change.entity === 'resources' && isElsewhere(change.before, change.after)) {
      for (const grant of grants.ofResource(change.id)) keeper.withdraw(grant, { reason: 'resource_changed' }, now)
    }
  }
}

const isElsewhere = (before: Resource, after: Resource): boolean =>
  before.siteId !== after.siteId ||
  before.type !== after.type ||
  before.address !== after.address ||
  before.ipStack !== after.ipStack

/** Gateways that serve a resource take over its new filters. */
export const tellFilters = (changes: readonly Change[], context: Context): void => {
  for (const change of changes) {
    if (change.entity !== 'resources' || change.before === undefined || change.after === undefined) continue
    const gatewayIds = new Set(context.grants.ofResource(change.id).map(({ row }) => row.gatewayId))
    for (const gatewayId of gatewayIds) {
      tellGateway(context, gatewayId, { event: 'resourceUpdated', payload: gatewayResource(change.after) })
    }
  }
}

/** What is wrong with the one behind a connection; undefined while all is well. */
export const faultOf = (connection: Connection, { view, unixAt }: Context, now: Instant): string | undefined => {
  const { role, peerId, tokenId } = connection
  const standing =
    role === 'client'
      ? clientStanding(view, { clientId: peerId, tokenId }, unixAt(now))
      : gatewayStanding(view, { gatewayId: peerId, tokenId }, unixAt(now))
  return typeof standing === 'string' ? standing : undefined
}

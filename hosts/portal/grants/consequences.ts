import type { Instant } from '../../../core/runtime/time.ts'
import type { Account, Change, Resource } from '../store/entities.ts'
import { clientStanding, gatewayStanding } from '../decide/standing.ts'
import { affectedBy } from './affected.ts'
import { isClient, type Connection } from './connections.ts'
import { tell, type Context } from './context.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { ResourceNews } from './resource-news.ts'
import { clientInterface } from '../wire/wire-interface.ts'
import type { Withdrawals } from './withdrawals.ts'

export interface ConsequencesParts {
  keeper: GrantKeeper
  withdrawals: Withdrawals
  news: ResourceNews
  /** Says goodbye to a peer whose standing is lost. */
  signOut: (connection: Connection, now: Instant) => void
  /** Ends the connection of a peer whose place another process of it has taken. */
  supersede: (connection: Connection, now: Instant) => void
}

/** What follows from changes of the rows: for grants first, then for those who may stay, then for what they are told (P6). */
export class Consequences {
  readonly #context: Context
  readonly #parts: ConsequencesParts

  constructor(context: Context, parts: ConsequencesParts) {
    this.#context = context
    this.#parts = parts
  }

  /** Takes over a batch of committed changes, and does what follows from them. */
  follow(changes: readonly Change[], now: Instant): void {
    const { view, grants, connections, presence } = this.#context
    for (const change of changes) view.apply(change)
    const affected = affectedBy(changes, this.#context)
    endOutdated(changes, this.#context, this.#parts.keeper, now)

    for (const actorId of affected.standingOf) {
      for (const clientId of view.clientsOf(actorId)) {
        for (const grant of grants.ofClient(clientId)) affected.grants.add(grant)
      }
    }
    for (const accountId of affected.accountIds) this.#reexamineAccount(accountId, now)
    for (const grant of affected.grants) {
      if (grants.get(grant.row.id) === grant) this.#parts.keeper.reexamine(grant, now)
    }
    for (const change of changes) {
      const { entity, id, after: row } = change
      if (change.entity === 'accounts' && change.after !== undefined) this.#tellInterfaces(change.after)
      // Not a consequence of anything else in this batch: somebody ended it.
      const grant = entity === 'authorizations' && row === undefined ? grants.get(id) : undefined
      if (grant !== undefined) this.#parts.keeper.withdraw(grant, { reason: 'revoked' }, now)
      if (change.entity === 'authorizations') this.#parts.keeper.rowChanged(id, change.after)
      if (entity === 'gateways' && row === undefined) this.#parts.withdrawals.gatewayRemoved(id)
      if (entity === 'clients' && row === undefined) this.#context.whereabouts.delete(id)
      if (entity === 'gateways' && row === undefined) this.#context.nameTroubles.gatewayRemoved(id)
    }
    // Last, so that a gateway that has to go as well is told what it must not serve any more.
    for (const connection of connections.values()) {
      const row = view.get(connection.role === 'client' ? 'clients' : 'gateways', connection.peerId)
      const isConcerned =
        row === undefined ||
        affected.accountIds.has(row.accountId) ||
        affected.gatewayIds.has(row.id) ||
        ('actorId' in row && affected.standingOf.has(row.actorId))
      if (isConcerned && faultOf(connection, this.#context, now) !== undefined) this.#parts.signOut(connection, now)
      else if (connection.isJoined && hasOtherKey(connection, this.#context)) this.#parts.supersede(connection, now)
    }
    tellFilters(changes, this.#context, this.#parts.keeper)
    for (const actorId of affected.actorIds) {
      for (const clientId of view.clientsOf(actorId)) {
        const connection = connections.get(presence.clientConnection(clientId) ?? '')
        if (connection !== undefined && isClient(connection)) this.#parts.news.refresh(connection)
      }
    }
  }

  /** The account or one of its identity providers: every grant may depend on it. */
  #reexamineAccount(accountId: string, now: Instant): void {
    const { view, grants } = this.#context
    for (const client of view.all('clients')) {
      if (client.accountId !== accountId) continue
      for (const grant of grants.ofClient(client.id)) this.#parts.keeper.reexamine(grant, now)
    }
  }

  #tellInterfaces(account: Account): void {
    const { view, connections } = this.#context
    for (const connection of connections.values()) {
      if (account.isDisabled || !isClient(connection) || !connection.isJoined) continue
      const client = view.get('clients', connection.peerId)
      if (client?.accountId !== account.id) continue
      tell(this.#context, connection, {
        event: 'configChanged',
        payload: {
          interface: clientInterface(
            { client, account, actor: view.get('actors', client.actorId) },
            connection.features,
          ),
        },
      })
    }
  }
}

/** Grants whose keys or addresses changed cannot be carried on: both ends set up anew. */
const endOutdated = (changes: readonly Change[], { grants }: Context, keeper: GrantKeeper, now: Instant): void => {
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
const tellFilters = (changes: readonly Change[], { grants }: Context, keeper: GrantKeeper): void => {
  for (const change of changes) {
    if (change.entity !== 'resources' || change.before === undefined || change.after === undefined) continue
    for (const grant of grants.ofResource(change.id)) keeper.tellResource(grant)
  }
}

/**
 * Whether the row of the one behind a connection has been given another key since it connected, or is another's to whom its device key was
 * proven, or not: what the row says is not of this connection then.
 */
export const hasOtherKey = ({ role, peerId, publicKey, isProven }: Connection, { view }: Context): boolean => {
  const row = view.get(role === 'client' ? 'clients' : 'gateways', peerId)
  if (row === undefined) return false
  return row.publicKey !== publicKey || ('isProven' in row && row.isProven !== isProven)
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

import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import type { FactAges } from '../decide/fact-ages.ts'
import type { View } from '../decide/view.ts'
import type { Account, Change, Resource } from '../store/entities.ts'
import { clientInterface } from '../wire/wire-interface.ts'
import { affectedBy } from './affected.ts'
import type { Attendance } from './attendance.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import { faultOf, hasOtherKey } from './connection-standing.ts'
import type { GatewayGrants } from './gateway-grants.ts'
import type { GatewayUpdates } from './gateway-updates.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { Grants } from './grants.ts'
import type { LostGateways } from './lost-gateways.ts'
import type { NameTroubles } from './name-troubles.ts'
import type { Requests } from './requests.ts'
import type { ResourceUpdates } from './resource-updates.ts'
import type { SaidFacts } from './said-facts.ts'
import type { Whereabouts } from './whereabouts.ts'
import type { Withdrawals } from './withdrawals.ts'

export interface ConsequencesNeeds {
  ages: FactAges
  view: View
  peers: ConnectedPeers
  whereabouts: Whereabouts
  nameTroubles: NameTroubles
  grants: Grants
  unixAt: (now: Instant) => UnixTime
  /** Parts of the machine that carry out the consequences. */
  keeper: GrantKeeper
  gatewayGrants: GatewayGrants
  gatewayUpdates: GatewayUpdates
  withdrawals: Withdrawals
  requests: Requests
  saidFacts: Pick<SaidFacts, 'wanted'>
  resourceUpdates: ResourceUpdates
  attendance: Attendance
  lostGateways: Pick<LostGateways, 'restarted'>
}

/**
 * Carries out the consequences of changed rows: first for grants, then for connections, then for what peers are told
 * (P6).
 */
export class Consequences {
  readonly #needs: ConsequencesNeeds

  constructor(needs: ConsequencesNeeds) {
    this.#needs = needs
  }

  /** Applies a batch of committed changes to the view and carries out their consequences. */
  follow(changes: readonly Change[], now: Instant): void {
    const { view, grants, peers, keeper, attendance, ages, unixAt } = this.#needs
    for (const change of changes) {
      view.apply(change)
      ages.note(change, unixAt(now))
    }
    const affected = affectedBy(changes, this.#needs)
    endOutdated(changes, this.#needs, now)
    for (const grant of affected.grants) {
      if (grants.get(grant.row.id) === grant) keeper.reexamine(grant, now)
    }
    for (const change of changes) {
      const { entity, id, after: row } = change
      if (change.entity === 'accounts' && change.after !== undefined && hasOtherInterface(change))
        this.#tellInterfaces(change.after)
      if (isRenumbered(change)) this.#renumber(change.after, now)
      // Still in force although its row is gone: an admin has removed the authorization itself.
      const grant = entity === 'authorizations' && row === undefined ? grants.get(id) : undefined
      if (grant !== undefined) keeper.withdraw(grant, { reason: 'authorization_removed' }, now)
      if (change.entity === 'authorizations') this.#needs.gatewayGrants.rowChanged(id, change.after)
      if (entity === 'gateways' && row === undefined) this.#needs.withdrawals.gatewayRemoved(id)
      if (entity === 'clients' && row === undefined) this.#needs.whereabouts.delete(id)
      if (entity === 'gateways' && row === undefined) this.#needs.nameTroubles.gatewayRemoved(id)
    }
    // Before anybody is signed out, so that their requests are still answered.
    this.#needs.requests.followEnds(now)
    // Last, so that a gateway that is signed out too has been told of withdrawn grants.
    for (const connection of affected.connections) {
      if (faultOf(connection, view, unixAt(now)) !== undefined) attendance.signOut(connection, now)
      else if (connection.isJoined && hasOtherKey(connection, view)) attendance.supersede(connection, now)
    }
    tellFilters(changes, this.#needs)
    for (const [actorId, resourceIds] of affected.viewed) {
      for (const clientId of view.clientsOf(actorId)) {
        const connection = peers.client(clientId)
        if (connection !== undefined) this.#needs.resourceUpdates.refresh(connection, resourceIds)
      }
    }
  }

  /** Tells the gateways of an account their new addresses. The grants there have ended. */
  #renumber(account: Account, now: Instant): void {
    const { view, peers, attendance } = this.#needs
    if (account.isDisabled) return
    for (const id of view.gatewaysIn(account.id)) {
      const connection = peers.gateway(id)
      if (connection !== undefined) attendance.renumber(connection, account, now)
    }
  }

  #tellInterfaces(account: Account): void {
    const { view, peers, saidFacts } = this.#needs
    if (account.isDisabled) return
    for (const id of view.clientsIn(account.id)) {
      const [connection, client] = [peers.client(id), view.get('clients', id)]
      if (connection === undefined || client === undefined) continue
      peers.tell(connection, {
        event: 'configChanged',
        payload: {
          interface: clientInterface(
            { client, account, actor: view.get('actors', client.actorId), facts: saidFacts.wanted },
            connection.features,
          ),
        },
      })
    }
  }
}

/** Ends grants whose keys or addresses changed: both ends have to set them up again. */
const endOutdated = (
  changes: readonly Change[],
  { view, grants, keeper, lostGateways }: Pick<ConsequencesNeeds, 'view' | 'grants' | 'keeper' | 'lostGateways'>,
  now: Instant,
): void => {
  for (const change of changes) {
    if (change.before === undefined || change.after === undefined) continue
    if (change.entity === 'clients' && change.before.publicKey !== change.after.publicKey) {
      for (const grant of grants.ofClient(change.id)) keeper.withdraw(grant, { reason: 'client_restarted' }, now)
    }
    if (change.entity === 'gateways' && change.before.publicKey !== change.after.publicKey) {
      lostGateways.restarted(change.id)
      for (const grant of grants.ofGateway(change.id)) keeper.forget(grant)
    }
    if (isRenumbered(change)) {
      for (const clientId of view.clientsIn(change.id)) {
        for (const grant of grants.ofClient(clientId)) keeper.withdraw(grant, { reason: 'address_ranges_changed' }, now)
      }
    }
    if (change.entity === 'resources' && isElsewhere(change.before, change.after)) {
      for (const grant of grants.ofResource(change.id)) keeper.withdraw(grant, { reason: 'resource_changed' }, now)
    }
  }
}

/** Whether a change of an account is one of what its clients' interfaces are told. */
const hasOtherInterface = ({ before, after }: { before?: Account; after?: Account }): boolean =>
  before === undefined || after === undefined || told(before) !== told(after)

const told = ({ slug, isDisabled, upstreamResolvers, searchDomain, addressRanges }: Account): string =>
  JSON.stringify([slug, isDisabled, upstreamResolvers, searchDomain, addressRanges])

/** Whether a change gives an account other ranges of addresses. */
const isRenumbered = (change: Change): change is Change & { entity: 'accounts'; after: Account } =>
  change.entity === 'accounts' &&
  change.before !== undefined &&
  change.after !== undefined &&
  JSON.stringify(change.before.addressRanges) !== JSON.stringify(change.after.addressRanges)

const isElsewhere = (before: Resource, after: Resource): boolean =>
  before.siteId !== after.siteId ||
  before.type !== after.type ||
  before.address !== after.address ||
  before.ipStack !== after.ipStack

/** Sends changed filters of resources to the gateways that serve them. */
const tellFilters = (
  changes: readonly Change[],
  { grants, gatewayUpdates }: { grants: Grants; gatewayUpdates: GatewayUpdates },
): void => {
  for (const change of changes) {
    if (change.entity !== 'resources' || change.before === undefined || change.after === undefined) continue
    for (const grant of grants.ofResource(change.id)) gatewayUpdates.tellResource(grant)
  }
}

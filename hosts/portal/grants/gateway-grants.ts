import { Facts } from '../../../core/contract/facts.ts'
import { MINUTE, unixTime, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import type { Authorization } from '../store/entities.ts'
import { DormantGrants } from './dormant-grants.ts'
import { termsOf, type GrantDrafts } from './grant-drafts.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import { PATIENCE_MS } from './hearings.ts'
import type { Grant, Grants } from './grants.ts'
import type { Limits } from './limits.ts'
import type { Drop, Emit } from './portal-output.ts'
import type { SaidFacts } from './said-facts.ts'
import type { Whereabouts } from './whereabouts.ts'
import type { Withdrawals } from './withdrawals.ts'
import type { ConnectedPeers } from './connected-peers.ts'

export interface GatewayGrantsNeeds {
  grants: Grants
  drafts: GrantDrafts
  keeper: GrantKeeper
  withdrawals: Withdrawals
  peers: ConnectedPeers
  whereabouts: Whereabouts
  saidFacts: Pick<SaidFacts, 'restore'>
  limits: Pick<Limits, 'grants_per_gateway'>
  unixAt: (now: Instant) => UnixTime
  emit: Emit
  drop: Drop
}

/** Time since a grant's end after which no clock deviation matters. */
const OVER_MS = MINUTE

/**
 * Moves grants between this process and others together with their gateways: this process is responsible for grants of
 * gateways that have joined here, and only remembers the others.
 */
export class GatewayGrants {
  readonly #needs: GatewayGrantsNeeds
  readonly #dormant = new DormantGrants()

  constructor(needs: GatewayGrantsNeeds) {
    this.#needs = needs
  }

  /**
   * Remembers the stored authorizations at the start. They are judged when their gateways join: until then another
   * process may be responsible.
   */
  restore(rows: readonly Authorization[], now: Instant): void {
    const longAgo = unixTime(this.#needs.unixAt(now) - OVER_MS)
    for (const row of rows) {
      if (row.expiresAt === null || row.expiresAt > longAgo) this.#dormant.putRow(row)
      // Expired rows can be removed by any process: gateways end these grants by themselves.
      else this.#needs.emit({ type: 'removeAuthorization', accountId: row.accountId, authorizationId: row.id })
    }
  }

  /** Replaces the remembered authorizations with all rows. */
  restoreAll(rows: readonly Authorization[]): void {
    this.#dormant.replace(rows.filter(({ id }) => this.#needs.grants.get(id) === undefined))
  }

  /** Updates the remembered authorizations after a row was created or removed, by this process or another one. */
  rowChanged(id: string, row: Authorization | undefined): void {
    if (row === undefined) this.#dormant.remove(id)
    else if (this.#needs.grants.get(id) === undefined) this.#dormant.putRow(row)
  }

  /**
   * Takes responsibility for a gateway that joins here: judges its grants again, because consequences of changes may
   * have been missed meanwhile. The last known address, and what they said last, stand in for clients that are not connected.
   */
  adopt(gatewayId: string, now: Instant): void {
    const { grants, whereabouts } = this.#needs
    const adopted = this.#newest(this.#dormant.take(gatewayId))
    const known = new Set(adopted.map(({ row }) => row.clientId).filter((id) => whereabouts.has(id)))
    for (const { row } of adopted) {
      const { value, since } = row.decision?.facts[Facts.client.address.name] ?? {}
      if (typeof value !== 'string' || since === undefined || known.has(row.clientId)) continue
      whereabouts.set(row.clientId, { remoteIp: value, userAgent: '', since, userAgentSince: since })
    }
    for (const { row } of adopted) if (!known.has(row.clientId)) this.#needs.saidFacts.restore(row, now)
    for (const grant of adopted) {
      const { row } = grant
      grants.add(grant)
      this.#needs.withdrawals.cancel(row)
      const parts = this.#needs.drafts.parts(row)
      const isOutdated = parts !== undefined && row.decision !== null && row.decision.terms !== termsOf(parts)
      if (isOutdated) this.#needs.keeper.withdraw(grant, { reason: 'outdated' }, now)
      // The gateway joins after that, and has no grant until then.
      else this.#needs.keeper.reexamine(grant, now, { patienceMs: PATIENCE_MS })
    }
  }

  /** Returns the newest grants, as many as a gateway may have, and removes the others: their clients ask again. */
  #newest(oldestFirst: readonly Grant[]): readonly Grant[] {
    const beyond = Math.max(0, oldestFirst.length - this.#needs.limits.grants_per_gateway)
    for (const { row } of oldestFirst.slice(0, beyond)) {
      this.#needs.drop('grant-beyond-limit')
      this.#needs.emit({ type: 'removeAuthorization', accountId: row.accountId, authorizationId: row.id })
    }
    return oldestFirst.slice(beyond)
  }

  /** Gives up responsibility for a gateway that has joined at another process. */
  release(gatewayId: string): void {
    const { grants, keeper, peers, whereabouts } = this.#needs
    for (const grant of grants.ofGateway(gatewayId)) {
      const { clientId } = grant.row
      keeper.release(grant)
      if (grant.isAcknowledged) this.#dormant.put(grant)
      // The other process knows the client's address.
      if (peers.client(clientId) === undefined) whereabouts.delete(clientId)
    }
    this.#needs.withdrawals.gatewayRemoved(gatewayId)
  }
}

import type { Facts } from '../../../core/contract/policy-condition.ts'
import type { PolicyExplanation, PolicyVerdict } from '../../../core/policy/policy-verdict.ts'
import { uuid } from '../../../core/runtime/random.ts'
import { MINUTE, SECOND, unixTime, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import type { Authorization, Client, Token } from '../store/entities.ts'
import { clientStanding, type ClientStanding } from '../decide/standing.ts'
import { judgeAccess, type AccessVerdict } from '../decide/access.ts'
import { gatewayConnection, instantAt, tellGateway, type Context } from './context.ts'
import { isUnproven, isVerified } from '../decide/device-standing.ts'
import { DormantGrants } from './dormant-grants.ts'
import type { Grant } from './grants.ts'
import { signedRef } from '../wire/opaque-ref.ts'
import { createAuthorization, type GrantParts } from '../wire/wire-grant.ts'
import { gatewayResource } from '../wire/wire-resource.ts'
import type { Withdrawals } from './withdrawals.ts'

/** Ahead of a grant's end it is looked whether another policy carries on, so that there is no gap. */
const LOOK_AHEAD_MS = 3 * SECOND

/** What is over for so long is over by everybody's clock. */
const OVER_MS = MINUTE

type Allowed = PolicyVerdict & { allowed: true }

/** What an authorization is to say. */
interface Terms {
  verdict: Allowed
  resourceId: string
  gatewayId: string
  /** Why this gateway. */
  why: string
}

/** Keeps authorizations in force as long as they are deserved: issues, extends, and withdraws them. */
export class GrantKeeper {
  readonly #context: Context
  readonly #withdrawals: Withdrawals
  readonly #dormant = new DormantGrants()
  /** Told of a grant that ended before its gateway acknowledged it. */
  onUnacknowledgedEnd: (grant: Grant, now: Instant) => void = () => undefined

  constructor(context: Context, withdrawals: Withdrawals) {
    this.#context = context
    this.#withdrawals = withdrawals
  }

  /** What a client may have, as far as is known of it. */
  evaluate({ client, actor, account, token }: ClientStanding, resourceId: string, at: UnixTime): AccessVerdict {
    return judgeAccess(this.#context.view, {
      accountId: account.id,
      actorId: actor.id,
      resourceId,
      facts: this.#facts(client, token),
      isUnproven: isUnproven(client),
      at,
      ...(token.expiresAt === null ? {} : { tokenExpiresAt: token.expiresAt }),
    })
  }

  /**
   * Asks a gateway once more to confirm what it was granted already: a client asks again for what it lost sight of, and the gateway has to
   * tell its candidates again. Nothing is written down. Undefined where what stands is not all that a new grant would be.
   */
  renew(asked: ClientStanding, terms: Terms, now: Instant): Grant | undefined {
    const parts = this.#draw(asked, terms, now)
    const standing = parts === undefined ? undefined : this.#context.grants.find(parts.row)
    if (parts === undefined || standing === undefined || !isSame(standing, parts.row)) return undefined
    standing.isAwaited = true
    this.#tellGateway(standing, { ...parts, row: standing.row })
    return standing
  }

  /** Puts an authorization into force at a gateway. Undefined where a part of it is gone. */
  issue(asked: ClientStanding, terms: Terms, now: Instant): Grant | undefined {
    const parts = this.#draw(asked, terms, now)
    if (parts === undefined) return undefined
    const { row } = parts
    const older = this.#context.grants.find(row)
    // The gateway takes the new one for an update of the old: withdrawing that would end both.
    if (older !== undefined) this.#forget(older)
    const grant: Grant = { row, isAcknowledged: false, isAwaited: true, held: [], expiry: undefined, told: undefined }
    this.#enforce(grant, parts, now)
    return grant
  }

  /** The gateway has it: from here on it is written down. Returns whether it is new. */
  acknowledge(grant: Grant): boolean {
    grant.isAwaited = false
    if (grant.isAcknowledged) return false
    grant.isAcknowledged = true
    this.#context.emit({ type: 'recordAuthorization', authorization: grant.row })
    return true
  }

  /** Knows of the authorizations that there are. They are judged when their gateways come: until then they may be another process's. */
  restore(rows: readonly Authorization[], now: Instant): void {
    const longAgo = unixTime(this.#context.unixAt(now) - OVER_MS)
    for (const row of rows) {
      if (row.expiresAt === null || row.expiresAt > longAgo) this.#dormant.putRow(row)
      // Gateways end these by themselves, whoever's they are.
      else this.#context.emit({ type: 'removeAuthorization', accountId: row.accountId, authorizationId: row.id })
    }
  }

  /** All rows anew. */
  restoreAll(rows: readonly Authorization[]): void {
    this.#dormant.replace(rows.filter(({ id }) => this.#context.grants.get(id) === undefined))
  }

  /** A row was made or removed: by this process, or by another one, whose it is then. */
  rowChanged(id: string, row: Authorization | undefined): void {
    if (row === undefined) this.#dormant.remove(id)
    else if (this.#context.grants.get(id) === undefined) this.#dormant.putRow(row)
  }

  /**
   * A gateway joins here, and this process keeps its authorizations from now on: those that are still deserved, as what was changed
   * meanwhile may not have had its consequences. A client that is not there is judged by what was known of it.
   */
  adopt(gatewayId: string, now: Instant): void {
    const { grants, whereabouts } = this.#context
    const adopted = this.#newest(this.#dormant.take(gatewayId))
    const known = new Set(whereabouts.keys())
    for (const { row } of adopted) {
      const remoteIp = row.decision?.facts.remoteIp
      if (remoteIp !== undefined && !known.has(row.clientId)) whereabouts.set(row.clientId, { remoteIp, userAgent: '' })
    }
    for (const grant of adopted) {
      const { row } = grant
      grants.add(grant)
      this.#withdrawals.cancel(row)
      const parts = this.parts(row)
      const isOutdated = parts !== undefined && row.decision !== null && row.decision.terms !== termsOf(parts)
      if (isOutdated) this.withdraw(grant, { reason: 'outdated' }, now)
      else this.reexamine(grant, now)
    }
  }

  /** As many as a gateway takes, the newest, which it is not told to drop; the others' clients ask again. */
  #newest(oldestFirst: readonly Grant[]): readonly Grant[] {
    const beyond = Math.max(0, oldestFirst.length - this.#context.limits.grants_per_gateway)
    for (const { row } of oldestFirst.slice(0, beyond)) {
      this.#context.drop('grant_beyond_limit')
      this.#context.emit({ type: 'removeAuthorization', accountId: row.accountId, authorizationId: row.id })
    }
    return oldestFirst.slice(beyond)
  }

  /** A gateway has joined at another process, which keeps its authorizations from now on. */
  release(gatewayId: string, now: Instant): void {
    const { grants, agenda, presence, whereabouts } = this.#context
    for (const grant of grants.ofGateway(gatewayId)) {
      const { clientId } = grant.row
      agenda.cancel(grant.expiry)
      grants.remove(grant)
      if (grant.isAcknowledged) this.#dormant.put(grant)
      else this.onUnacknowledgedEnd(grant, now)
      // Where it is, the other process knows.
      if (presence.clientConnection(clientId) === undefined) whereabouts.delete(clientId)
    }
    this.#withdrawals.gatewayRemoved(gatewayId)
  }

  /**
   * Judges a grant anew: keeps it, issues it anew under another policy without a gap, or withdraws it.
   * @param because what is written down as the reason of a withdrawal, where that is not the verdict itself
   */
  reexamine(grant: Grant, now: Instant, because?: string): void {
    const at = this.#context.unixAt(now)
    const standing = this.#standing(grant.row, at)
    if (typeof standing === 'string') return this.withdraw(grant, { reason: standing }, now)
    const verdict = this.evaluate(standing, grant.row.resourceId, at)
    if (!verdict.allowed) {
      return this.withdraw(grant, { reason: because ?? verdict.denied, explanation: verdict.explanation }, now)
    }
    this.#carryOn(grant, { standing, verdict }, now)
  }

  /** Ends a grant, at its gateway too. */
  withdraw(
    grant: Grant,
    { reason, explanation }: { reason: string; explanation?: readonly PolicyExplanation[] },
    now: Instant,
  ): void {
    const { row, isAcknowledged } = grant
    this.#forget(grant)
    this.#withdrawals.add(row, now)
    if (!isAcknowledged) return this.onUnacknowledgedEnd(grant, now)
    this.#context.emit({
      type: 'recordDecision',
      accountId: row.accountId,
      decision: {
        at: this.#context.unixAt(now),
        verdict: 'denied',
        reason: 'withdrawn',
        actorId: this.#context.view.get('clients', row.clientId)?.actorId ?? null,
        clientId: row.clientId,
        gatewayId: row.gatewayId,
        resourceId: row.resourceId,
        policyId: row.policyId,
        details: { cause: reason, authorizationId: row.id, policies: explanation ?? [] },
      },
    })
  }

  /** Tells a gateway of the resources that it serves and that are not as it knows them. */
  tellResources(gatewayId: string): void {
    for (const grant of this.#context.grants.ofGateway(gatewayId)) this.tellResource(grant)
  }

  /** The same for one grant. Only filters may change while a grant stays. */
  tellResource(grant: Grant): void {
    const { view, grants } = this.#context
    const { gatewayId, resourceId } = grant.row
    const resource = view.get('resources', resourceId)
    if (resource === undefined) return
    const payload = gatewayResource(resource)
    const text = JSON.stringify(payload)
    if (grant.told === text || !tellGateway(this.#context, gatewayId, { event: 'resourceUpdated', payload })) return
    for (const other of grants.ofGateway(gatewayId)) if (other.row.resourceId === resourceId) other.told = text
  }

  /** Ends a grant of which its gateway knows nothing any more. */
  drop(grant: Grant, now: Instant): void {
    this.#forget(grant)
    if (!grant.isAcknowledged) this.onUnacknowledgedEnd(grant, now)
  }

  /** All that an authorization is about; undefined where a part is gone, or does not belong together any more. */
  parts(row: Authorization): GrantParts | undefined {
    const { view, whereabouts } = this.#context
    const client = view.get('clients', row.clientId)
    const actor = client === undefined ? undefined : view.get('actors', client.actorId)
    const token = view.get('tokens', row.tokenId)
    const gateway = view.get('gateways', row.gatewayId)
    const resource = view.get('resources', row.resourceId)
    if (client === undefined || actor === undefined || token === undefined) return undefined
    if (gateway === undefined || resource === undefined || gateway.siteId !== resource.siteId) return undefined
    const { remoteIp, userAgent } = whereabouts.get(client.id) ?? { remoteIp: '', userAgent: '' }
    return { row, client, actor, token, gateway, resource, remoteIp, userAgent }
  }

  #facts(client: Client, token: Token): Facts {
    const remoteIp = this.#context.whereabouts.get(client.id)?.remoteIp
    return {
      ...(remoteIp === undefined ? {} : { remoteIp }),
      ...(token.identityProviderId === null ? {} : { identityProviderId: token.identityProviderId }),
      clientVerified: isVerified(client),
    }
  }

  #standing(row: Authorization, at: UnixTime): ClientStanding | string {
    if (this.parts(row) === undefined) return 'gone'
    return clientStanding(this.#context.view, row, at)
  }

  /** Draws up an authorization, with all that it is about. Undefined where a part of it is gone. */
  #draw(
    { client, actor, token }: ClientStanding,
    { verdict, resourceId, gatewayId, why }: Terms,
    now: Instant,
  ): GrantParts | undefined {
    const granting = verdict.explanation.find(({ policyId }) => policyId === verdict.policyId)
    const membership = this.#context.view.membership(actor.id, verdict.groupId)
    if (membership === undefined) return undefined
    const row: Authorization = {
      id: uuid(this.#context.random),
      accountId: client.accountId,
      policyId: verdict.policyId,
      clientId: client.id,
      gatewayId,
      resourceId,
      tokenId: token.id,
      membershipId: membership.id,
      expiresAt: verdict.expiresAt ?? null,
      decision: null,
      createdAt: this.#context.unixAt(now),
    }
    const parts = this.parts(row)
    if (parts === undefined) return undefined
    const facts = this.#facts(client, token)
    const conditions = granting?.conditions ?? []
    return { ...parts, row: { ...row, decision: { conditions, facts, gateway: why, terms: termsOf(parts) } } }
  }

  #carryOn(grant: Grant, { standing, verdict }: { standing: ClientStanding; verdict: Allowed }, now: Instant): void {
    const { row } = grant
    const { resourceId, gatewayId, decision } = row
    const parts = this.#draw(standing, { verdict, resourceId, gatewayId, why: decision?.gateway ?? '' }, now)
    if (parts === undefined) return this.withdraw(grant, { reason: 'gone' }, now)
    const next = parts.row
    const isUnchanged =
      next.policyId === row.policyId && next.membershipId === row.membershipId && next.expiresAt === row.expiresAt
    if (isUnchanged) return this.#watchExpiry(grant, now)
    this.#forget(grant)
    grant.row = next
    this.#enforce(grant, parts, now)
    if (grant.isAcknowledged) this.#context.emit({ type: 'recordAuthorization', authorization: next })
  }

  #enforce(grant: Grant, parts: GrantParts, now: Instant): void {
    this.#context.grants.add(grant)
    this.#withdrawals.cancel(grant.row)
    this.#watchExpiry(grant, now)
    this.#tellGateway(grant, parts)
  }

  #tellGateway(grant: Grant, parts: GrantParts): void {
    const { refKey, ingestKey } = this.#context
    const ref = signedRef('grant', grant.row.id, refKey)
    const isTold = tellGateway(this.#context, grant.row.gatewayId, {
      event: 'createAuthorization',
      payload: createAuthorization(parts, {
        ref,
        ingestKey,
        features: gatewayConnection(this.#context, grant.row.gatewayId)?.features,
      }),
    })
    grant.told = isTold ? JSON.stringify(gatewayResource(parts.resource)) : undefined
  }

  #forget(grant: Grant): void {
    const { grants, agenda, emit } = this.#context
    agenda.cancel(grant.expiry)
    grants.remove(grant)
    const { accountId, id } = grant.row
    if (grant.isAcknowledged) emit({ type: 'removeAuthorization', accountId, authorizationId: id })
  }

  #watchExpiry(grant: Grant, now: Instant): void {
    const { agenda, unixAt } = this.#context
    agenda.cancel(grant.expiry)
    const { expiresAt } = grant.row
    if (expiresAt === null) return
    const early = unixTime(expiresAt - LOOK_AHEAD_MS)
    if (early > unixAt(now)) {
      grant.expiry = agenda.add(instantAt(this.#context, early, now), 'grant about to end', (then) =>
        this.#lookAhead(grant, expiresAt, then),
      )
      return
    }
    grant.expiry = agenda.add(instantAt(this.#context, expiresAt, now), 'grant ends', (then) => {
      // The wall clock may have been set back meanwhile.
      if (unixAt(then) < expiresAt) return this.#watchExpiry(grant, then)
      this.reexamine(grant, then)
    })
  }

  #lookAhead(grant: Grant, end: UnixTime, now: Instant): void {
    const standing = this.#standing(grant.row, this.#context.unixAt(now))
    const verdict = typeof standing === 'string' ? undefined : this.evaluate(standing, grant.row.resourceId, end)
    if (typeof standing === 'string' || verdict?.allowed !== true) return this.#watchExpiry(grant, now)
    this.#carryOn(grant, { standing, verdict }, now)
  }
}

/** Whether a standing grant is all that a new one would be. */
const isSame = ({ row, isAcknowledged }: Grant, next: Authorization): boolean => {
  const essence = ({ policyId, membershipId, tokenId, expiresAt, decision }: Authorization): string =>
    JSON.stringify([policyId, membershipId, tokenId, expiresAt, decision?.facts, decision?.terms])
  return isAcknowledged && essence(row) === essence(next)
}

/** What cannot change without both ends setting up anew. */
const termsOf = ({ client, gateway, resource: { siteId, type, address, ipStack } }: GrantParts): string =>
  JSON.stringify([client.publicKey, gateway.publicKey, siteId, type, address, ipStack])

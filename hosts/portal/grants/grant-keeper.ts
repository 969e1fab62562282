import { ALL_HOLD, Hearing } from '../../../core/policy/hearing.ts'
import type { FactRecord } from '../../../core/policy/known-facts.ts'
import type { PolicyExplanation } from '../../../core/policy/policy-verdict.ts'
import { SECOND, unixTime, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import type { ClientStanding } from '../decide/standing.ts'
import type { View } from '../decide/view.ts'
import type { Authorization } from '../store/entities.ts'
import type { GrantParts } from '../wire/wire-grant.ts'
import { instantAt, type Agenda } from './agenda.ts'
import type { GatewayUpdates } from './gateway-updates.ts'
import type { Allowed, GrantDrafts, Terms } from './grant-drafts.ts'
import type { Grant, Grants } from './grants.ts'
import { PATIENCE_MS, SHORT_PATIENCE_MS, type Hearings } from './hearings.ts'
import type { Emit } from './portal-output.ts'
import type { Withdrawals } from './withdrawals.ts'

export interface GrantKeeperNeeds {
  view: Pick<View, 'get'>
  grants: Grants
  drafts: GrantDrafts
  gatewayUpdates: GatewayUpdates
  withdrawals: Withdrawals
  hearings: Hearings
  agenda: Agenda
  unixAt: (now: Instant) => UnixTime
  emit: Emit
}

/** Time before a grant's end at which another policy may take over, so that there is no gap. */
const LOOK_AHEAD_MS = 3 * SECOND

/** Keeps grants in force while policies allow them: creates, extends and withdraws them. */
export class GrantKeeper {
  readonly #needs: GrantKeeperNeeds
  /** Grants that ended before their clients were told of them, oldest first. */
  #untoldEnds: Grant[] = []
  /** Questions to isolated plugins, by the grants that are being judged again. */
  readonly #hearings = new Map<Grant, Hearing>()
  /** Callers that wait for all judgements about the grants at a gateway. */
  readonly #waiting: { gatewayId: string; goOn: (now: Instant) => void }[] = []

  constructor(needs: GrantKeeperNeeds) {
    this.#needs = needs
  }

  /**
   * Asks a gateway to acknowledge an existing grant again: the client asks again if it lost its state, and the gateway
   * then sends its candidates again. Records nothing. Returns undefined if there is no grant, or a new one would differ
   * from it.
   */
  renew(asked: ClientStanding, terms: Terms, now: Instant): Grant | undefined {
    const parts = this.#needs.drafts.draw(asked, terms, now)
    const existing = parts === undefined ? undefined : this.#needs.grants.find(parts.row)
    if (parts === undefined || existing === undefined) return undefined
    if (!isSame(existing, parts.row, this.#needs.unixAt(now))) return undefined
    existing.isAwaited = true
    this.#needs.gatewayUpdates.tellGrant(existing, { ...parts, row: existing.row })
    return existing
  }

  /**
   * Grants a client access to a resource through a gateway. Returns undefined if a row of the authorization is gone.
   */
  grant(asked: ClientStanding, terms: Terms, now: Instant): Grant | undefined {
    const parts = this.#needs.drafts.draw(asked, terms, now)
    if (parts === undefined) return undefined
    const { row } = parts
    const older = this.#needs.grants.find(row)
    // Not withdrawn at the gateway, which takes the new grant as an update of the old: a withdrawal would end both.
    if (older !== undefined) this.#remove(older)
    const grant: Grant = {
      row,
      isAcknowledged: false,
      isRecorded: false,
      isAwaited: true,
      heldCandidates: [],
      expiry: undefined,
      sentResource: undefined,
    }
    this.#enforce(grant, parts, now)
    return grant
  }

  /** Sends a grant to its gateway once more, unchanged, because the gateway has dropped it. */
  tellAgain(grant: Grant): void {
    const parts = this.#needs.drafts.parts(grant.row)
    if (parts !== undefined) this.#needs.gatewayUpdates.tellGrant(grant, parts)
  }

  /** Handles a gateway's acknowledgement: has the authorization stored, if it is not. Returns whether it is stored. */
  acknowledge(grant: Grant): boolean {
    grant.isAwaited = false
    if (!grant.isAcknowledged) {
      grant.isAcknowledged = true
      this.#needs.emit({ type: 'recordAuthorization', authorization: grant.row })
    }
    return grant.isRecorded
  }

  /**
   * Judges a grant again: keeps it, moves it to another policy without a gap, or withdraws it. `because` is the recorded
   * reason of a withdrawal, if not the verdict itself. If isolated plugins have to be asked, it stays in force until they have
   * answered, or failed to within `patienceMs`, unless it is denied whatever they answer.
   */
  reexamine(
    grant: Grant,
    now: Instant,
    { because, patienceMs = SHORT_PATIENCE_MS }: { because?: string; patienceMs?: number } = {},
  ): void {
    const at = this.#needs.unixAt(now)
    const { drafts } = this.#needs
    const standing = drafts.standing(grant.row, at)
    if (typeof standing === 'string') return this.withdraw(grant, { reason: standing }, now)
    const { resourceId } = grant.row
    const hearing = this.#hearings.get(grant) ?? new Hearing()
    let verdict = hearing.decide(() => drafts.evaluate(standing, resourceId, at, hearing))
    if (hearing.isOpen) verdict = drafts.evaluate(standing, resourceId, at, ALL_HOLD)
    if (!verdict.allowed) {
      return this.withdraw(grant, { reason: because ?? verdict.denied, explanation: verdict.explanation }, now)
    }
    if (hearing.isOpen)
      return this.#hear(grant, { hearing, ...(because !== undefined && { because }), patienceMs }, now)
    this.#hearings.delete(grant)
    this.#carryOn(grant, { standing, verdict }, now)
  }

  /** Whether isolated plugins are being asked about a grant at a gateway. */
  isJudging(gatewayId: string): boolean {
    return this.#needs.grants.ofGateway(gatewayId).some((grant) => this.#hearings.has(grant))
  }

  /** Calls `goOn` once all isolated plugins have answered about the grants at a gateway. */
  onceJudged(gatewayId: string, goOn: (now: Instant) => void): void {
    this.#waiting.push({ gatewayId, goOn })
  }

  /** Ends a grant and withdraws it from its gateway. */
  withdraw(
    grant: Grant,
    { reason, explanation }: { reason: string; explanation?: readonly PolicyExplanation[] },
    now: Instant,
  ): void {
    const { row, isAcknowledged, isRecorded } = grant
    this.#remove(grant)
    this.#needs.withdrawals.add(row, now)
    if (!isRecorded) this.#untoldEnds.push(grant)
    if (!isAcknowledged) return
    this.#needs.emit({
      type: 'recordDecision',
      accountId: row.accountId,
      decision: {
        at: this.#needs.unixAt(now),
        verdict: 'denied',
        reason: 'withdrawn',
        actorId: this.#needs.view.get('clients', row.clientId)?.actorId ?? null,
        clientId: row.clientId,
        gatewayId: row.gatewayId,
        resourceId: row.resourceId,
        policyId: row.policyId,
        details: { cause: reason, authorizationId: row.id, policies: explanation ?? [] },
      },
    })
  }

  /** Ends a grant that its gateway has forgotten. */
  forget(grant: Grant): void {
    this.#remove(grant)
    if (!grant.isRecorded) this.#untoldEnds.push(grant)
  }

  /** Ends a grant in this process only; another one is now responsible for it. */
  release(grant: Grant): void {
    const { grants, agenda } = this.#needs
    this.#hearings.delete(grant)
    agenda.cancel(grant.expiry)
    grants.remove(grant)
    if (!grant.isRecorded) this.#untoldEnds.push(grant)
  }

  /** Returns, once, the grants that ended before their clients were told of them: requests may wait for these. */
  takeUntoldEnds(): Grant[] {
    return this.#untoldEnds.splice(0)
  }

  #hear(
    grant: Grant,
    { hearing, ...how }: { hearing: Hearing; because?: string; patienceMs: number },
    now: Instant,
  ): void {
    this.#hearings.set(grant, hearing)
    const decide = (then: Instant): void => {
      if (this.#needs.grants.get(grant.row.id) === grant) this.reexamine(grant, then, how)
      for (const each of this.#waiting.splice(0)) {
        if (this.isJudging(each.gatewayId)) this.#waiting.push(each)
        else each.goOn(then)
      }
    }
    this.#needs.hearings.ask(hearing, { decide, patienceMs: how.patienceMs }, now)
  }

  #carryOn(grant: Grant, { standing, verdict }: { standing: ClientStanding; verdict: Allowed }, now: Instant): void {
    const { row } = grant
    const { resourceId, gatewayId, decision } = row
    const parts = this.#needs.drafts.draw(
      standing,
      { verdict, resourceId, gatewayId, why: decision?.gateway ?? '' },
      now,
    )
    if (parts === undefined) return this.withdraw(grant, { reason: 'gone' }, now)
    const next = parts.row
    const isUnchanged =
      next.policyId === row.policyId && next.membershipId === row.membershipId && next.expiresAt === row.expiresAt
    if (isUnchanged) return this.#watchExpiry(grant, now)
    this.#remove(grant)
    grant.row = next
    this.#enforce(grant, parts, now)
    if (grant.isAcknowledged) this.#needs.emit({ type: 'recordAuthorization', authorization: next })
  }

  #enforce(grant: Grant, parts: GrantParts, now: Instant): void {
    this.#needs.grants.add(grant)
    this.#needs.withdrawals.cancel(grant.row)
    this.#watchExpiry(grant, now)
    this.#needs.gatewayUpdates.tellGrant(grant, parts)
  }

  #remove(grant: Grant): void {
    const { grants, agenda, emit } = this.#needs
    this.#hearings.delete(grant)
    agenda.cancel(grant.expiry)
    grants.remove(grant)
    const { accountId, id } = grant.row
    if (grant.isAcknowledged) emit({ type: 'removeAuthorization', accountId, authorizationId: id })
  }

  #watchExpiry(grant: Grant, now: Instant): void {
    const { agenda, unixAt } = this.#needs
    agenda.cancel(grant.expiry)
    const { expiresAt } = grant.row
    if (expiresAt === null) return
    const early = unixTime(expiresAt - LOOK_AHEAD_MS)
    if (early > unixAt(now)) {
      grant.expiry = agenda.add(instantAt(early, { now, unixNow: unixAt(now) }), 'grant about to end', (then) =>
        this.#lookAhead(grant, expiresAt, then),
      )
      return
    }
    grant.expiry = agenda.add(instantAt(expiresAt, { now, unixNow: unixAt(now) }), 'grant ends', (then) => {
      // The wall clock may have been set back.
      if (unixAt(then) < expiresAt) return this.#watchExpiry(grant, then)
      this.reexamine(grant, then)
    })
  }

  #lookAhead(grant: Grant, end: UnixTime, now: Instant, hearing = new Hearing()): void {
    const { drafts, grants, hearings, unixAt } = this.#needs
    const standing = drafts.standing(grant.row, unixAt(now))
    if (typeof standing === 'string') return this.#watchExpiry(grant, now)
    const verdict = hearing.decide(() => drafts.evaluate(standing, grant.row.resourceId, end, hearing))
    if (hearing.isOpen) {
      // The grant ends in time, whenever the answer comes.
      this.#watchExpiry(grant, now)
      const { row } = grant
      const decide = (then: Instant): void => {
        if (grants.get(row.id) === grant && grant.row === row) this.#lookAhead(grant, end, then, hearing)
      }
      return hearings.ask(hearing, { decide, patienceMs: PATIENCE_MS }, now)
    }
    if (!verdict.allowed) return this.#watchExpiry(grant, now)
    this.#carryOn(grant, { standing, verdict }, now)
  }
}

/** Values of facts, which are the same however old they are. */
const valuesOf = (facts: FactRecord) => Object.entries(facts).map(([name, { value }]) => [name, value])

/**
 * Whether an existing grant serves as well as a new one. One that ends before the new one would is carried on in its
 * time: where an end moves with the clock, each request would be another authorization.
 */
const isSame = ({ row, isRecorded }: Grant, next: Authorization, at: UnixTime): boolean => {
  const essence = ({ policyId, membershipId, tokenId, decision }: Authorization): string =>
    JSON.stringify([policyId, membershipId, tokenId, valuesOf(decision?.facts ?? {}), decision?.terms])
  return isRecorded && endsInTime(row.expiresAt, next.expiresAt, at) && essence(row) === essence(next)
}

const endsInTime = (end: UnixTime | null, next: UnixTime | null, at: UnixTime): boolean =>
  end === next || (end !== null && end > at + LOOK_AHEAD_MS && (next === null || end < next))

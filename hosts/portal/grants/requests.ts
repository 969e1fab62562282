import { FEATURES, type Body } from '../../../core/control/messages.ts'
import { Hearing } from '../../../core/policy/hearing.ts'
import { after, SECOND, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import { MultiMap } from '../decide/multi-map.ts'
import type { PresentGateway } from '../decide/presence.ts'
import type { Choice } from '../decide/selection.ts'
import { clientStanding, type ClientStanding } from '../decide/standing.ts'
import type { View } from '../decide/view.ts'
import { readRef } from '../wire/opaque-ref.ts'
import type { AccessRequest } from './access-request.ts'
import type { Agenda, Appointment } from './agenda.ts'
import type { ClientConnection } from './connections.ts'
import type { GatewayChoice, SiteCandidates } from './gateway-choice.ts'
import type { Allowed, GrantDrafts } from './grant-drafts.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { GrantLimits } from './grant-limits.ts'
import type { Grant, Grants } from './grants.ts'
import { PATIENCE_MS, type Hearings } from './hearings.ts'
import type { IceCandidates } from './ice-candidates.ts'
import type { Drop } from './portal-output.ts'
import type { Refused, RequestAnswers } from './request-answers.ts'

export interface RequestsNeeds {
  view: View
  grants: Grants
  drafts: GrantDrafts
  keeper: GrantKeeper
  gateways: GatewayChoice
  grantLimits: GrantLimits
  answers: RequestAnswers
  hearings: Hearings
  candidates: Pick<IceCandidates, 'withRequest'>
  agenda: Agenda
  unixAt: (now: Instant) => UnixTime
  /** Signs the references with which gateways acknowledge grants. */
  refKey: Uint8Array
  drop: Drop
}

/** Time for a gateway to acknowledge, after which the next one is asked. */
const ACKNOWLEDGE_TIMEOUT_MS = SECOND
/** Time for the whole request, after which the client is refused. */
const REQUEST_TIMEOUT_MS = 15 * SECOND
/** Times that gateways are asked again about one request; a gateway that always says it has no relay ends there. */
const MAX_TIMES_ASKED_AGAIN = 5

/** A request that waits for a gateway's acknowledgement. */
interface Pending extends AccessRequest {
  /** Ids of gateways asked so far. */
  tried: Set<string>
  grant: Grant | undefined
  choice: Choice | undefined
  /** Questions of this request to plugins in threads of their own. */
  hearing: Hearing
  /** Whether no further gateway is left; the last one asked may still acknowledge until the end. */
  isExhausted: boolean
  acknowledgeTimer: Appointment | undefined
  /** Number of times that a gateway was asked again, because it had had no relay. */
  timesAskedAgain: number
  end: Appointment | undefined
}

/**
 * Handles requests for access, from the client's message until both ends know of each other, or the client knows why
 * not.
 */
export class Requests {
  readonly #needs: RequestsNeeds
  readonly #pending = new Map<string, Pending>()
  readonly #ofConnection = new MultiMap<string, Pending>()

  constructor(needs: RequestsNeeds) {
    this.#needs = needs
  }

  ask(connection: ClientConnection, wish: Body<'client', 'toPortal', 'requestAuthorization'>, now: Instant): void {
    const key = keyOf(connection.peerId, wish.resource_id)
    const pending = this.#pending.get(key)
    // A client repeats its request after 2 s; this one is still being worked on.
    if (pending?.connection === connection) {
      pending.wish = wish
      return
    }
    if (pending !== undefined) this.#abandon(pending, now)
    const fresh: Pending = {
      connection,
      wish,
      tried: new Set(),
      grant: undefined,
      choice: undefined,
      explanation: [],
      hearing: new Hearing(),
      isExhausted: false,
      acknowledgeTimer: undefined,
      timesAskedAgain: 0,
      end: undefined,
    }
    this.#pending.set(key, fresh)
    this.#ofConnection.add(connection.connection, fresh)
    fresh.end = this.#needs.agenda.add(after(now, REQUEST_TIMEOUT_MS), 'request unanswered', (then) => {
      this.#refuse(fresh, { reason: 'offline', cause: 'no gateway acknowledged' }, then)
    })
    this.#advance(fresh, now)
  }

  acknowledged(gatewayId: string, ref: string, now: Instant): void {
    const { grants, refKey, drop } = this.#needs
    const id = readRef('grant', ref, refKey)
    const grant = id === undefined ? undefined : grants.get(id)
    if (grant?.row.gatewayId !== gatewayId) return drop('unknown-ref')
    const pending = this.#pendingOf(grant)
    if (pending === undefined) return grant.isAcknowledged ? undefined : drop('unawaited-acknowledgement')
    this.#needs.agenda.cancel(pending.acknowledgeTimer)
    // A client that knew of a grant before it is stored could be refused by the portal that starts after a crash.
    if (this.#needs.keeper.acknowledge(grant)) this.#grant(pending, grant, { isNew: false }, now)
  }

  /** Tells a client of its grant, which is stored. */
  recorded(authorizationId: string, now: Instant): void {
    const grant = this.#needs.grants.get(authorizationId)
    if (grant === undefined || grant.isRecorded) return
    grant.isRecorded = true
    const pending = this.#pendingOf(grant)
    if (pending !== undefined) this.#grant(pending, grant, { isNew: true }, now)
  }

  gatewayJoined(gateway: PresentGateway, now: Instant): void {
    for (const pending of this.#pending.values()) {
      if (pending.isExhausted && this.#needs.gateways.isAtSite(gateway, pending)) this.#advance(pending, now)
    }
  }

  /** Asks a gateway again that had no relay and so dropped what it was asked, about the same grants. */
  askAgain(gatewayId: string, now: Instant): void {
    const { agenda, keeper } = this.#needs
    for (const pending of this.#pending.values()) {
      const { grant } = pending
      if (grant?.row.gatewayId !== gatewayId || pending.timesAskedAgain >= MAX_TIMES_ASKED_AGAIN) continue
      pending.timesAskedAgain++
      if (!pending.isExhausted) {
        agenda.cancel(pending.acknowledgeTimer)
        pending.acknowledgeTimer = this.#awaitAcknowledgement(pending, now)
      }
      keeper.tellAgain(grant)
    }
  }

  gatewayLeft(gatewayId: string, now: Instant): void {
    for (const pending of this.#pending.values()) {
      if (pending.grant?.row.gatewayId === gatewayId) this.#advance(pending, now)
    }
  }

  clientLeft(connection: string, now: Instant): void {
    for (const pending of this.#ofConnection.get(connection)) this.#abandon(pending, now)
  }

  /**
   * Continues requests whose grants ended before their clients were told of them, for example because a policy
   * changed.
   */
  followEnds(now: Instant): void {
    for (const grant of this.#needs.keeper.takeUntoldEnds()) {
      const pending = this.#pendingOf(grant)
      if (pending === undefined) continue
      pending.grant = undefined
      this.#advance(pending, now)
    }
  }

  get size(): number {
    return this.#pending.size
  }

  /**
   * Evaluates the policies again, then asks the next gateway. If an isolated plugin has to be asked first, all of this is done
   * anew with its answers, on the facts and policies of that moment.
   */
  #advance(pending: Pending, now: Instant): void {
    const { view, drafts, gateways, unixAt } = this.#needs
    const { connection, wish } = pending
    const at = unixAt(now)
    const { peerId: clientId, tokenId } = connection
    const standing = clientStanding(view, { clientId, tokenId }, at)
    if (typeof standing === 'string') return this.#refuse(pending, { reason: 'forbidden', cause: standing }, now)
    const { hearing } = pending
    const verdict = hearing.decide(() => drafts.evaluate(standing, wish.resource_id, at, hearing))
    if (hearing.isOpen) return this.#hear(pending, now)
    pending.explanation = verdict.explanation
    if (!verdict.allowed) {
      const reason = verdict.denied === 'not_found' ? 'not_found' : 'forbidden'
      return this.#refuse(pending, { reason, cause: verdict.denied }, now)
    }

    const candidates = gateways.candidates(pending, pending.tried, at)
    const [first, ...others] = candidates.free
    if (first === undefined) return this.#nobodyLeft(pending, candidates, now)
    const facts = drafts.facts(standing, wish.resource_id, at)
    const choice = hearing.decide(() => gateways.choose(pending, [first, ...others], { facts, at, answers: hearing }))
    if (hearing.isOpen) return this.#hear(pending, now)
    if (choice === undefined) return this.#refuse(pending, { reason: 'not_found', cause: 'the site is gone' }, now)
    this.#try(pending, { standing, verdict, choice }, now)
  }

  /** Asks isolated plugins, and continues the request with their answers, if it is still awaited then. */
  #hear(pending: Pending, now: Instant): void {
    const key = keyOf(pending.connection.peerId, pending.wish.resource_id)
    const decide = (then: Instant): void => {
      if (this.#pending.get(key) === pending) this.#advance(pending, then)
    }
    this.#needs.hearings.ask(pending.hearing, { decide, patienceMs: PATIENCE_MS }, now)
  }

  #try(
    pending: Pending,
    { standing, verdict, choice }: { standing: ClientStanding; verdict: Allowed; choice: Choice },
    now: Instant,
  ): void {
    const { keeper, grantLimits, candidates } = this.#needs
    this.#withdrawUnacknowledged(pending, now)
    const { gatewayId } = choice
    const terms = { verdict, resourceId: pending.wish.resource_id, gatewayId, why: choice.reason }
    const renewed = keeper.renew(standing, terms, now)
    const limit = renewed === undefined ? grantLimits.refusal(standing.client, terms, now) : undefined
    if (limit !== undefined) return this.#refuse(pending, { reason: 'forbidden', cause: 'limits_exceeded', limit }, now)
    pending.tried.add(gatewayId)
    pending.choice = choice
    pending.grant = renewed ?? keeper.grant(standing, terms, now)
    const { connected_gateway_ids: connected, candidates: lines = [] } = pending.wish
    // A gateway behind a NAT opens it by its checks, which can so be under way when the client's arrive.
    if (pending.grant !== undefined && lines.length > 0 && !connected.some((id) => id.toLowerCase() === gatewayId))
      candidates.withRequest(standing.client.id, gatewayId, lines)
    pending.acknowledgeTimer = this.#awaitAcknowledgement(pending, now)
  }

  #awaitAcknowledgement(pending: Pending, now: Instant): Appointment {
    return this.#needs.agenda.add(after(now, ACKNOWLEDGE_TIMEOUT_MS), 'gateway did not acknowledge', (then) =>
      this.#advance(pending, then),
    )
  }

  #nobodyLeft(pending: Pending, candidates: SiteCandidates, now: Instant): void {
    const { problems, healthy, transports, sameTransport, compatible, full } = candidates
    const { gateways, grantLimits } = this.#needs
    const asked = pending.grant?.row.gatewayId
    if (asked !== undefined && gateways.isConnected(asked)) {
      pending.isExhausted = true
      return
    }
    if (full > 0) {
      const limit = grantLimits.fullGateways
      return this.#refuse(pending, { reason: 'forbidden', cause: 'limits_exceeded', limit }, now)
    }
    if (healthy > 0 && sameTransport === 0) {
      const { features, transport } = pending.connection
      const reason = features.has(FEATURES.transports) ? 'transport_mismatch' : 'version_mismatch'
      const cause = `the client carries packets by ${transport}, the connected gateways of the site by ${transports.join(', ')}`
      return this.#refuse(pending, { reason, cause }, now)
    }
    const reason = healthy > 0 && compatible === 0 ? 'version_mismatch' : 'offline'
    const trouble = problems.length === 0 ? '' : `, and others cannot forward: ${problems.join('; ')}`
    const cause = `${healthy} gateways of the site are connected, ${compatible} compatible${trouble}`
    this.#refuse(pending, { reason, cause }, now)
  }

  #grant(pending: Pending, grant: Grant, { isNew }: { isNew: boolean }, now: Instant): void {
    const { drafts, answers } = this.#needs
    const parts = drafts.parts(grant.row)
    if (parts === undefined) return this.#refuse(pending, { reason: 'not_found', cause: 'gone' }, now)
    this.#finish(pending)
    answers.tellGrant(pending, grant, parts)
    if (isNew) answers.recordGrant(pending, { grant, choice: pending.choice }, now)
    this.#leaveOthers(grant, pending, now)
  }

  /** Withdraws the client's other grants for the resource at gateways that it is not connected to. */
  #leaveOthers({ row }: Grant, { wish }: Pending, now: Instant): void {
    const { grants, keeper } = this.#needs
    const connected = new Set(wish.connected_gateway_ids.map((id) => id.toLowerCase()))
    for (const id of wish.unreachable_gateway_ids ?? []) connected.delete(id.toLowerCase())
    for (const other of grants.ofClient(row.clientId)) {
      const isElsewhere = other.row.resourceId === row.resourceId && other.row.gatewayId !== row.gatewayId
      if (isElsewhere && !connected.has(other.row.gatewayId)) keeper.withdraw(other, { reason: 'moved' }, now)
    }
  }

  #refuse(pending: Pending, refused: Refused, now: Instant): void {
    if (refused.limit !== undefined) this.#needs.drop('grant-limit-reached')
    this.#abandon(pending, now)
    this.#needs.answers.refuse(pending, refused, now)
  }

  #abandon(pending: Pending, now: Instant): void {
    this.#finish(pending)
    this.#withdrawUnacknowledged(pending, now)
  }

  /** Withdraws the grant of a gateway that did not acknowledge it. */
  #withdrawUnacknowledged(pending: Pending, now: Instant): void {
    const { agenda, keeper } = this.#needs
    const { grant, acknowledgeTimer } = pending
    agenda.cancel(acknowledgeTimer)
    pending.grant = undefined
    pending.isExhausted = false
    if (grant !== undefined) grant.isAwaited = false
    if (grant !== undefined && !grant.isRecorded) keeper.withdraw(grant, { reason: 'not_acknowledged' }, now)
  }

  #finish(pending: Pending): void {
    const { agenda } = this.#needs
    agenda.cancel(pending.acknowledgeTimer)
    agenda.cancel(pending.end)
    const key = keyOf(pending.connection.peerId, pending.wish.resource_id)
    if (this.#pending.get(key) === pending) this.#pending.delete(key)
    this.#ofConnection.delete(pending.connection.connection, pending)
  }

  /** Returns the request that waits for a grant. */
  #pendingOf(grant: Grant): Pending | undefined {
    const pending = this.#pending.get(keyOf(grant.row.clientId, grant.row.resourceId))
    return pending?.grant === grant ? pending : undefined
  }
}

const keyOf = (clientId: string, resourceId: string): string => `${clientId}:${resourceId.toLowerCase()}`

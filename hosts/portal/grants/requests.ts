import { FEATURES, type Body } from '../../../core/control/messages.ts'
import type { PolicyExplanation } from '../../../core/policy/policy-verdict.ts'
import type { PresentGateway } from '../../../core/presence/presence.ts'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import type { Decision } from '../store/store.ts'
import { RateLimiter } from '../web/http/rate-limit.ts'
import { clientStanding, type ClientStanding } from '../decide/standing.ts'
import type { AccessVerdict } from '../decide/access.ts'
import type { Appointment } from './agenda.ts'
import type { Connection } from './connections.ts'
import { gatewayConnection, tell, type Context } from './context.ts'
import { DenialRecords } from './denial-records.ts'
import { denialDetails, violatedProperties } from '../wire/denial.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { Grant } from './grants.ts'
import { grantLimit, hasRoom } from './grant-limits.ts'
import { readRef } from '../wire/opaque-ref.ts'
import type { Choice } from '../decide/selection.ts'
import { chooseAmong, siteGateways } from '../decide/site-gateways.ts'
import { authorizationCreated } from '../wire/wire-grant.ts'

/** A gateway that has not acknowledged by then is replaced by the next. */
const GATEWAY_PATIENCE_MS = SECOND
/** For so long a request that is made again is answered the same. */
const SAME_ANSWER_MS = 10 * SECOND
/** What a device may ask for at once after a silence, in minutes of what it may ask for all the time. */
const BURST_MINUTES = 5
/** A client waits no longer for the whole. */
const CLIENT_PATIENCE_MS = 15 * SECOND

type ClientConnection = Connection & { role: 'client' }
type Wish = Body<'client', 'toPortal', 'requestAuthorization'>

/** A request that a gateway has yet to confirm. */
interface Pending {
  connection: ClientConnection
  wish: Wish
  tried: Set<string>
  grant: Grant | undefined
  choice: Choice | undefined
  /** What the policies said when they were last asked. */
  explanation: readonly PolicyExplanation[]
  /** No gateway is left to try: the one that was asked last has until the end. */
  isExhausted: boolean
  patience: Appointment | undefined
  end: Appointment | undefined
}

/** Requests for access: from the client's wish to both ends' knowing of one another, or to a reason why not. */
export class Requests {
  readonly #context: Context
  readonly #keeper: GrantKeeper
  readonly #denials: DenialRecords
  /** Requests of each device that led to a new grant. */
  readonly #fresh: RateLimiter
  readonly #pending = new Map<string, Pending>()

  constructor(context: Context, keeper: GrantKeeper) {
    this.#context = context
    this.#keeper = keeper
    this.#denials = new DenialRecords(context)
    const perMinute = context.limits.requests_per_minute
    this.#fresh = new RateLimiter({ perSecond: perMinute / 60, burst: BURST_MINUTES * perMinute })
    keeper.onUnacknowledgedEnd = (grant, now) => this.#grantEnded(grant, now)
  }

  ask(connection: ClientConnection, wish: Wish, now: Instant): void {
    const key = keyOf(connection.peerId, wish.resource_id)
    const pending = this.#pending.get(key)
    // Asked again while it is being worked on: a client does so after 2 s.
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
      isExhausted: false,
      patience: undefined,
      end: undefined,
    }
    this.#pending.set(key, fresh)
    fresh.end = this.#context.agenda.add(after(now, CLIENT_PATIENCE_MS), 'request unanswered', (then) => {
      this.#refuse(fresh, { reason: 'offline', cause: 'no gateway acknowledged' }, then)
    })
    this.#advance(fresh, now)
  }

  acknowledged(gatewayId: string, ref: string, now: Instant): void {
    const id = readRef('grant', ref, this.#context.refKey)
    const grant = id === undefined ? undefined : this.#context.grants.get(id)
    if (grant?.row.gatewayId !== gatewayId) return this.#context.drop('unknown_ref')
    const pending = this.#pending.get(keyOf(grant.row.clientId, grant.row.resourceId))
    if (pending?.grant !== grant) {
      return grant.isAcknowledged ? undefined : this.#context.drop('unawaited_acknowledgement')
    }
    this.#grant(pending, grant, now)
  }

  gatewayJoined(gateway: PresentGateway, now: Instant): void {
    for (const pending of this.#pending.values()) {
      if (!pending.isExhausted) continue
      const resource = this.#context.view.get('resources', pending.wish.resource_id)
      if (resource?.siteId === gateway.siteId) this.#advance(pending, now)
    }
  }

  gatewayLeft(gatewayId: string, now: Instant): void {
    for (const pending of this.#pending.values()) {
      if (pending.grant?.row.gatewayId === gatewayId) this.#advance(pending, now)
    }
  }

  clientLeft(connection: string, now: Instant): void {
    for (const pending of this.#pending.values()) {
      if (pending.connection.connection === connection) this.#abandon(pending, now)
    }
  }

  get size(): number {
    return this.#pending.size
  }

  /** Asks the next gateway, after asking the policies again. */
  #advance(pending: Pending, now: Instant): void {
    const { connection, wish } = pending
    const at = this.#context.unixAt(now)
    const { peerId: clientId, tokenId } = connection
    const standing = clientStanding(this.#context.view, { clientId, tokenId }, at)
    if (typeof standing === 'string') return this.#refuse(pending, { reason: 'forbidden', cause: standing }, now)
    const verdict = this.#keeper.evaluate(standing, wish.resource_id, at)
    pending.explanation = verdict.explanation
    if (!verdict.allowed) {
      const reason = verdict.denied === 'not_found' ? 'not_found' : 'forbidden'
      return this.#refuse(pending, { reason, cause: verdict.denied }, now)
    }

    const gateways = this.#gateways(pending, now)
    const [first, ...others] = gateways.free
    if (first === undefined) return this.#nobodyLeft(pending, gateways, now)
    const choice = this.#choose(pending, [first, ...others])
    if (choice === undefined) return this.#refuse(pending, { reason: 'not_found', cause: 'the site is gone' }, now)
    this.#try(pending, { standing, verdict, choice }, now)
  }

  #try(
    pending: Pending,
    {
      standing,
      verdict,
      choice,
    }: { standing: ClientStanding; verdict: AccessVerdict & { allowed: true }; choice: Choice },
    now: Instant,
  ): void {
    this.#takeBack(pending, now)
    const { gatewayId } = choice
    const terms = { verdict, resourceId: pending.wish.resource_id, gatewayId, why: choice.reason }
    const renewed = this.#keeper.renew(standing, terms, now)
    const limit = renewed === undefined ? this.#limit(standing, terms, now) : undefined
    if (limit !== undefined) return this.#refuse(pending, { reason: 'forbidden', cause: 'limits_exceeded', limit }, now)
    pending.tried.add(gatewayId)
    pending.choice = choice
    pending.grant = renewed ?? this.#keeper.issue(standing, terms, now)
    pending.patience = this.#context.agenda.add(
      after(now, GATEWAY_PATIENCE_MS),
      'gateway did not acknowledge',
      (then) => this.#advance(pending, then),
    )
  }

  /** Why a device may have no new grant: each one is a few rows, and has its place at a gateway. */
  #limit({ client }: ClientStanding, { resourceId, gatewayId }: GrantPlace, now: Instant): string | undefined {
    const { grants, limits } = this.#context
    const isMore = grants.find({ clientId: client.id, resourceId, gatewayId }) === undefined
    const limit = isMore ? grantLimit(this.#context, client) : undefined
    if (limit !== undefined || this.#fresh.take(client.id, now).ok) return limit
    return `this device asks for more than ${limits.requests_per_minute} new grants a minute (limits.requests_per_minute)`
  }

  #nobodyLeft(pending: Pending, { healthy, compatible, full }: Gateways, now: Instant): void {
    const asked = pending.grant?.row.gatewayId
    if (asked !== undefined && this.#context.presence.gateway(asked) !== undefined) {
      pending.isExhausted = true
      return
    }
    if (full > 0) {
      const limit = `the gateways of the site have ${this.#context.limits.grants_per_gateway} grants each, and more are not given (limits.grants_per_gateway)`
      return this.#refuse(pending, { reason: 'forbidden', cause: 'limits_exceeded', limit }, now)
    }
    const reason = healthy > 0 && compatible === 0 ? 'version_mismatch' : 'offline'
    this.#refuse(
      pending,
      { reason, cause: `${healthy} gateways of the site are connected, ${compatible} compatible` },
      now,
    )
  }

  #gateways({ connection, wish, tried }: Pending, now: Instant): Gateways {
    const about = { resourceId: wish.resource_id, clientVersion: connection.version }
    const { healthy, compatible } = siteGateways(this.#context, about)
    const unreachable = connection.features.has(FEATURES.unreachableGateways) ? wish.unreachable_gateway_ids : undefined
    const dead = new Set(unreachable?.map((id) => id.toLowerCase()))
    const left = compatible.filter(({ id }) => !tried.has(id) && !dead.has(id))
    const wished = { clientId: connection.peerId, resourceId: wish.resource_id }
    const standing = (gatewayId: string): Grant | undefined => this.#context.grants.find({ ...wished, gatewayId })
    const free = left.filter(({ id }) => hasRoom(this.#context, id) || standing(id) !== undefined)
    const counts = { healthy: healthy.length, compatible: compatible.length, full: left.length - free.length }
    const connected = new Set(wish.connected_gateway_ids.map((id) => id.toLowerCase()))
    if (free.some(({ id }) => connected.has(id))) return { ...counts, free }
    // Asked again at once, it is answered the same again, whatever a selector would draw now.
    const at = this.#context.unixAt(now)
    const same = free.find(({ id }) => at - (standing(id)?.row.createdAt ?? -Infinity) < SAME_ANSWER_MS)
    return { ...counts, free: same === undefined ? free : [same] }
  }

  #choose({ connection, wish }: Pending, free: [PresentGateway, ...PresentGateway[]]): Choice | undefined {
    const connectedIds = wish.connected_gateway_ids.map((id) => id.toLowerCase())
    const about = { resourceId: wish.resource_id, clientId: connection.peerId, connectedIds }
    return chooseAmong(free, about, this.#context)
  }

  #grant(pending: Pending, grant: Grant, now: Instant): void {
    const { connection, wish, choice } = pending
    const { row } = grant
    const parts = this.#keeper.parts(row)
    if (parts === undefined) return this.#refuse(pending, { reason: 'not_found', cause: 'gone' }, now)
    this.#finish(pending)
    const isNew = this.#keeper.acknowledge(grant)
    tell(this.#context, connection, {
      event: 'authorizationCreated',
      payload: authorizationCreated(parts, {
        ingestKey: this.#context.ingestKey,
        features: connection.features,
        gatewayFeatures: gatewayConnection(this.#context, row.gatewayId)?.features,
      }),
    })
    for (const { event, candidates } of grant.held.splice(0)) {
      tell(this.#context, connection, { event, payload: { gateway_id: row.gatewayId, candidates } })
    }
    if (isNew) {
      this.#decided(pending, { verdict: 'granted', reason: 'granted', grant, details: { selection: choice } }, now)
    }
    this.#leaveOthers(grant, wish, now)
  }

  /** What the client holds for the resource elsewhere, and is not connected to, it has no use for. */
  #leaveOthers({ row }: Grant, wish: Wish, now: Instant): void {
    const connected = new Set(wish.connected_gateway_ids.map((id) => id.toLowerCase()))
    for (const id of wish.unreachable_gateway_ids ?? []) connected.delete(id.toLowerCase())
    for (const other of this.#context.grants.ofClient(row.clientId)) {
      const isElsewhere = other.row.resourceId === row.resourceId && other.row.gatewayId !== row.gatewayId
      if (isElsewhere && !connected.has(other.row.gatewayId)) this.#keeper.withdraw(other, { reason: 'moved' }, now)
    }
  }

  #refuse(
    pending: Pending,
    {
      reason,
      cause,
      limit,
    }: { reason: string; cause: string; /** The bound that is reached, in words. */ limit?: string },
    now: Instant,
  ): void {
    const { connection, wish, explanation } = pending
    if (limit !== undefined) this.#context.drop('grant_limit_reached')
    this.#finish(pending)
    this.#takeBack(pending, now)
    // Whoever may not even know the resource learns nothing of what stands in the way.
    const isTold = reason === 'forbidden'
    const properties = isTold ? violatedProperties(explanation) : []
    const details = isTold && connection.features.has(FEATURES.denialDetails) ? denialDetails(explanation) : undefined
    tell(this.#context, connection, {
      event: 'authorizationCreationFailed',
      payload: {
        resource_id: wish.resource_id,
        reason,
        ...(properties.length === 0 ? {} : { violated_properties: properties }),
        ...(details === undefined ? {} : { details }),
        ...(details === undefined || limit === undefined ? {} : { limit }),
      },
    })
    this.#decided(pending, { verdict: 'denied', reason, details: { cause, ...(limit && { limit }) } }, now)
  }

  #decided(
    { connection, wish, explanation }: Pending,
    decision: { verdict: 'granted' | 'denied'; reason: string; grant?: Grant; details: object },
    now: Instant,
  ): void {
    const client = this.#context.view.get('clients', connection.peerId)
    if (client === undefined) return
    const row = decision.grant?.row
    const written: Decision = {
      at: this.#context.unixAt(now),
      verdict: decision.verdict,
      reason: decision.reason,
      actorId: client.actorId,
      clientId: client.id,
      gatewayId: row?.gatewayId ?? null,
      resourceId: wish.resource_id,
      policyId: row?.policyId ?? null,
      details: {
        policies: explanation,
        ...decision.details,
        ...(row === undefined ? {} : { authorizationId: row.id, expiresAt: row.expiresAt }),
      },
    }
    const { accountId } = client
    if (written.verdict === 'denied') this.#denials.add(accountId, written, now)
    else this.#context.emit({ type: 'recordDecision', accountId, decision: written })
  }

  /** A change of the rules ended the grant that was being set up. */
  #grantEnded(grant: Grant, now: Instant): void {
    const pending = this.#pending.get(keyOf(grant.row.clientId, grant.row.resourceId))
    if (pending?.grant !== grant) return
    pending.grant = undefined
    this.#advance(pending, now)
  }

  #abandon(pending: Pending, now: Instant): void {
    this.#finish(pending)
    this.#takeBack(pending, now)
  }

  /** Withdraws what the gateway that was asked did not acknowledge. */
  #takeBack(pending: Pending, now: Instant): void {
    const { grant, patience } = pending
    this.#context.agenda.cancel(patience)
    pending.grant = undefined
    pending.isExhausted = false
    if (grant !== undefined) grant.isAwaited = false
    if (grant !== undefined && !grant.isAcknowledged) this.#keeper.withdraw(grant, { reason: 'not_acknowledged' }, now)
  }

  #finish(pending: Pending): void {
    this.#context.agenda.cancel(pending.patience)
    this.#context.agenda.cancel(pending.end)
    const key = keyOf(pending.connection.peerId, pending.wish.resource_id)
    if (this.#pending.get(key) === pending) this.#pending.delete(key)
  }
}

interface GrantPlace {
  resourceId: string
  gatewayId: string
}

interface Gateways {
  healthy: number
  compatible: number
  /** Neither tried nor dead, and without room for one grant more. */
  full: number
  /** Compatible, and neither tried nor found dead by the client. */
  free: PresentGateway[]
}

const keyOf = (clientId: string, resourceId: string): string => `${clientId}:${resourceId.toLowerCase()}`

import { FEATURES } from '../../../core/control/messages.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import type { Choice } from '../decide/selection.ts'
import type { View } from '../decide/view.ts'
import type { Decision } from '../store/store.ts'
import { denialDetails, violatedProperties } from '../wire/denial.ts'
import { authorizationCreated, type GrantParts } from '../wire/wire-grant.ts'
import type { AccessRequest } from './access-request.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import type { DenialRecords } from './denial-records.ts'
import type { Grant } from './grants.ts'
import type { Emit } from './portal-output.ts'
import type { ToldCandidates } from './told-candidates.ts'

export interface RequestAnswersNeeds {
  view: Pick<View, 'get'>
  peers: ConnectedPeers
  denials: DenialRecords
  toldCandidates: Pick<ToldCandidates, 'note'>
  /** Signs ingest tokens of flow logs. */
  ingestKey: Uint8Array
  unixAt: (now: Instant) => UnixTime
  emit: Emit
}

/** Reason of a refused request. */
export interface Refused {
  /** Code sent to the client. */
  reason: string
  /** Cause recorded in the audit trail. */
  cause: string
  /** Limit that was reached, in words. */
  limit?: string
}

/** Answers clients' requests, and records the decisions. */
export class RequestAnswers {
  readonly #needs: RequestAnswersNeeds

  constructor(needs: RequestAnswersNeeds) {
    this.#needs = needs
  }

  /** Sends a client a grant that its gateway has acknowledged, then the held candidates of the gateway. */
  tellGrant({ connection }: AccessRequest, grant: Grant, parts: GrantParts): void {
    const { peers, ingestKey, toldCandidates } = this.#needs
    const { gatewayId } = grant.row
    peers.tell(connection, {
      event: 'authorizationCreated',
      payload: authorizationCreated(parts, {
        ingestKey,
        features: connection.features,
        gatewayFeatures: peers.gateway(gatewayId)?.features,
      }),
    })
    for (const { event, candidates } of grant.heldCandidates.splice(0)) {
      peers.tell(connection, { event, payload: { gateway_id: gatewayId, candidates } })
      toldCandidates.note(event, { gatewayId, clientId: connection.peerId, candidates })
    }
  }

  /** Records that access was granted. */
  recordGrant(
    { connection, wish, explanation }: AccessRequest,
    { grant: { row }, choice }: { grant: Grant; choice: Choice | undefined },
    now: Instant,
  ): void {
    const client = this.#needs.view.get('clients', connection.peerId)
    if (client === undefined) return
    const { accountId, id: authorizationId, expiresAt, gatewayId, policyId } = row
    const decision: Decision = {
      at: this.#needs.unixAt(now),
      verdict: 'granted',
      reason: 'granted',
      actorId: client.actorId,
      clientId: client.id,
      gatewayId,
      resourceId: wish.resource_id,
      policyId,
      details: { policies: explanation, selection: choice, authorizationId, expiresAt, ...askedFor(wish) },
    }
    this.#needs.emit({ type: 'recordDecision', accountId, decision })
  }

  /** Tells a client why its request is refused, and records it. */
  refuse(request: AccessRequest, { reason, cause, limit }: Refused, now: Instant): void {
    const { connection, wish, explanation } = request
    // Only if the resource exists for the client: otherwise the reasons would reveal it.
    const isTold = reason === 'forbidden'
    const properties = isTold ? violatedProperties(explanation) : []
    const details = isTold && connection.features.has(FEATURES.denialDetails) ? denialDetails(explanation) : undefined
    this.#needs.peers.tell(connection, {
      event: 'authorizationCreationFailed',
      payload: {
        resource_id: wish.resource_id,
        reason,
        ...(properties.length === 0 ? {} : { violated_properties: properties }),
        ...(details === undefined ? {} : { details }),
        ...(details === undefined || limit === undefined ? {} : { limit }),
      },
    })
    const client = this.#needs.view.get('clients', connection.peerId)
    if (client === undefined) return
    const decision: Decision = {
      at: this.#needs.unixAt(now),
      verdict: 'denied',
      reason,
      actorId: client.actorId,
      clientId: client.id,
      gatewayId: null,
      resourceId: wish.resource_id,
      policyId: null,
      details: { policies: explanation, cause, ...(limit && { limit }), ...askedFor(wish) },
    }
    this.#needs.denials.add(client.accountId, decision, now)
  }
}

/** Detail of a recorded decision by which a question for a name is told from a packet: browsers ask ahead of their users. */
const askedFor = ({ for_name }: AccessRequest['wish']): { forName?: true } =>
  for_name === true ? { forName: true } : {}

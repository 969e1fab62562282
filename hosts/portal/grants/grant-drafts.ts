import { Facts } from '../../../core/contract/facts.ts'
import type { Answers } from '../../../core/policy/hearing.ts'
import type { FactRecord, KnownFacts } from '../../../core/policy/known-facts.ts'
import type { PolicyVerdict } from '../../../core/policy/policy-verdict.ts'
import { uuid, type Random } from '../../../core/runtime/random.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import { judgeAccess, type AccessVerdict } from '../decide/access.ts'
import { isUnproven } from '../decide/device-standing.ts'
import { RequestFacts, type FactBook } from '../decide/request-facts.ts'
import { clientStanding, type ClientStanding } from '../decide/standing.ts'
import type { View } from '../decide/view.ts'
import type { Authorization } from '../store/entities.ts'
import type { GrantParts } from '../wire/wire-grant.ts'
import type { Whereabouts } from './whereabouts.ts'

export type Allowed = PolicyVerdict & { allowed: true }

/** Terms of an authorization to be drafted. */
export interface Terms {
  verdict: Allowed
  resourceId: string
  gatewayId: string
  /** Reason for choosing this gateway. */
  why: string
}

export interface GrantDraftsNeeds extends FactBook {
  view: View
  whereabouts: Whereabouts
  random: Random
  unixAt: (now: Instant) => UnixTime
}

/** Judges requests and drafts authorizations from the view of the rows, without effects. */
export class GrantDrafts {
  readonly #needs: GrantDraftsNeeds

  constructor(needs: GrantDraftsNeeds) {
    this.#needs = needs
  }

  /** Judges whether a client may have a resource, with the facts known about the client. */
  evaluate(standing: ClientStanding, resourceId: string, at: UnixTime, answers?: Answers): AccessVerdict {
    const { client, actor, account, token } = standing
    const request = {
      accountId: account.id,
      actorId: actor.id,
      resourceId,
      facts: this.facts(standing, resourceId, at),
      isUnproven: isUnproven(client),
      at,
      ...(token.expiresAt === null ? {} : { tokenExpiresAt: token.expiresAt }),
    }
    return judgeAccess(this.#needs.view, request, answers)
  }

  /** Returns the rows of an authorization's client if in good standing, or a stable code of what is wrong. */
  standing(row: Authorization, at: UnixTime): ClientStanding | string {
    if (this.parts(row) === undefined) return 'gone'
    return clientStanding(this.#needs.view, row, at)
  }

  /**
   * Returns the rows that an authorization refers to; undefined if one is gone, or if resource and gateway are no
   * longer in the same site.
   */
  parts(row: Authorization): GrantParts | undefined {
    const { view, whereabouts } = this.#needs
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

  /** Drafts an authorization with its rows; undefined if one of these is gone. */
  draw(standing: ClientStanding, { verdict, resourceId, gatewayId, why }: Terms, now: Instant): GrantParts | undefined {
    const { client, actor, token } = standing
    const granting = verdict.explanation.find(({ policyId }) => policyId === verdict.policyId)
    const membership = this.#needs.view.membership(actor.id, verdict.groupId)
    if (membership === undefined) return undefined
    const row: Authorization = {
      id: uuid(this.#needs.random),
      accountId: client.accountId,
      policyId: verdict.policyId,
      clientId: client.id,
      gatewayId,
      resourceId,
      tokenId: token.id,
      membershipId: membership.id,
      expiresAt: verdict.expiresAt ?? null,
      decision: null,
      createdAt: this.#needs.unixAt(now),
      updatedAt: this.#needs.unixAt(now),
    }
    const parts = this.parts(row)
    if (parts === undefined) return undefined
    const conditions = granting?.conditions ?? []
    const address = this.facts(standing, resourceId, row.createdAt).get(Facts.client.address.name)
    const facts: FactRecord = Object.assign(
      address === undefined ? {} : { [Facts.client.address.name]: address },
      ...conditions.map((judged) => judged.facts),
    ) as FactRecord
    return { ...parts, row: { ...row, decision: { conditions, facts, gateway: why, terms: termsOf(parts) } } }
  }

  /** Collects the facts of a request that a client makes for a resource, with a token, at this moment. */
  facts({ client, actor, token }: ClientStanding, resourceId: string, at: UnixTime): KnownFacts {
    const place = this.#needs.whereabouts.get(client.id)
    return new RequestFacts(this.#needs, { actorId: actor.id, resourceId, client, token, place, at })
  }
}

/**
 * Returns, as text to compare, the terms of an authorization that cannot change without both ends setting it up again.
 */
export const termsOf = ({ client, gateway, resource: { siteId, type, address, ipStack } }: GrantParts): string =>
  JSON.stringify([client.publicKey, gateway.publicKey, siteId, type, address, ipStack])

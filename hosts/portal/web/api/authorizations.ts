import { z } from 'zod'
import type { Authorization } from '../../store/entities.ts'
import { collection } from './collection.ts'
import type { Endpoint } from './endpoint.ts'
import { ConditionBody, conditionToWire, FactBody, factsToWire } from './explain.ts'
import { idsIn, isNull, listOf, listText, relatedTo, period } from './list-query.ts'
import type { ApiParts } from './parts.ts'
import { RemovalQuery } from './removal.ts'
import { Id, rowFields, Time, timeOf, timeOrNull } from './body-fields.ts'

const AuthorizationBody = z
  .object({
    ...rowFields,
    policy_id: Id,
    client_id: Id,
    gateway_id: Id,
    resource_id: Id,
    token_id: Id,
    membership_id: Id,
    expires_at: Time.nullable(),
    conditions: z
      .array(ConditionBody)
      .describe('Verdict of each condition of the policy, with the version of its plugin'),
    facts: z.record(z.string(), FactBody).describe('Facts that the conditions read, and the address of the client'),
    gateway_reason: z.string().describe('Reason for this gateway; completes “chosen because it is”'),
  })
  .meta({ id: 'Authorization' })

/**
 * Operations on authorizations in force: which client may use which resource through which gateway, and why. The
 * portal's decisions make them; an admin may end them.
 */
export const authorizationEndpoints = ({ store }: ApiParts): Endpoint[] => {
  const authorizations = collection(store, 'authorizations', toWire)
  const list = listOf('authorizations', AuthorizationBody, {
    ...idsIn('policyId'),
    ...idsIn('clientId'),
    ...idsIn('gatewayId'),
    ...idsIn('resourceId'),
    ...period('expiresAt'),
    ...isNull('expiresAt'),
    ...relatedTo('actorId', 'Of a client of an actor'),
    ...relatedTo('groupId', 'By membership in a group'),
    ...relatedTo('siteId', 'For a resource of a site'),
  })

  return [
    {
      method: 'GET',
      path: '/authorizations',
      needs: 'authorizations:read',
      summary: 'Lists the authorizations',
      status: 200,
      description: listText('authorizations'),
      answer: list.answer,
      query: list.query,
      story: authorizations.list(list),
    },
    {
      method: 'GET',
      path: '/authorizations/:id',
      needs: 'authorizations:read',
      summary: 'Shows an authorization',
      status: 200,
      answer: AuthorizationBody,
      story: [authorizations.show],
    },
    {
      method: 'DELETE',
      path: '/authorizations/:id',
      needs: 'authorizations:write',
      query: RemovalQuery,
      summary: 'Withdraws an authorization; the client may ask again',
      status: 204,
      story: [authorizations.remove()],
    },
  ]
}

const toWire = (row: Authorization): z.infer<typeof AuthorizationBody> => ({
  id: row.id,
  policy_id: row.policyId,
  client_id: row.clientId,
  gateway_id: row.gatewayId,
  resource_id: row.resourceId,
  token_id: row.tokenId,
  membership_id: row.membershipId,
  expires_at: timeOrNull(row.expiresAt),
  conditions: (row.decision?.conditions ?? []).map(conditionToWire),
  facts: factsToWire(row.decision?.facts ?? {}),
  gateway_reason: row.decision?.gateway ?? '',
  created_at: timeOf(row.createdAt),
  updated_at: timeOf(row.updatedAt),
})

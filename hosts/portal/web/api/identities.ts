import { z } from 'zod'
import type { IdentityRow } from '../../store/entities.ts'
import type { Transaction } from '../../store/store.ts'
import { invalidBody } from '../http/problem.ts'
import { collection, existing, idOf } from './collection.ts'
import type { ApiContext, Endpoint } from './endpoint.ts'
import { exactly, idsIn, listOf, listText } from './list-query.ts'
import type { ApiParts } from './parts.ts'
import { checkGoverns } from './permit.ts'
import { jsonBody } from './read-body.ts'
import { RemovalQuery } from './removal.ts'
import { defined, Id, rowFields, timeOf, Verbatim } from './body-fields.ts'

const IdentityBody = z
  .object({ ...rowFields, actor_id: Id, identity_provider_id: Id, issuer: z.string(), subject: z.string() })
  .meta({ id: 'Identity' })
const Draft = z.strictObject({
  actor_id: Id,
  identity_provider_id: Id,
  issuer: Verbatim(512).describe('Issuer as the provider writes it: the `iss` of its ID tokens'),
  subject: Verbatim(512).describe('Person’s id at the provider: the `sub` of its ID tokens'),
})
const Patch = z.strictObject({ actor_id: Id.optional() })

/**
 * Operations on identities, under which identity providers know actors. The first sign-in creates one; an admin may
 * create it before, or remove it.
 */
export const identityEndpoints = ({ store }: ApiParts): Endpoint[] => {
  const draft = jsonBody(Draft)
  const patch = jsonBody(Patch)
  const identities = collection(store, 'identities', toWire)

  const insertIdentity = identities.insert(async (ctx, tx) => {
    const { actor_id, identity_provider_id, issuer, subject } = draft.of(ctx)
    await needPerson(ctx, tx, actor_id)
    return { actorId: actor_id, identityProviderId: identity_provider_id, issuer, subject }
  })
  const patchIdentity = identities.patch(async (ctx, tx) => {
    const { actor_id } = patch.of(ctx)
    const before = await existing(tx, 'identities', idOf(ctx))
    await needPerson(ctx, tx, before.actorId)
    if (actor_id !== undefined && actor_id !== before.actorId) await needPerson(ctx, tx, actor_id)
    return defined({ actorId: actor_id })
  })

  const removeIdentity = identities.remove(async (ctx, tx) => {
    const { actorId } = await existing(tx, 'identities', idOf(ctx))
    await needPerson(ctx, tx, actorId)
  })

  const list = listOf('identities', IdentityBody, {
    ...idsIn('actorId'),
    ...idsIn('identityProviderId'),
    ...exactly('issuer'),
    ...exactly('subject'),
  })

  return [
    {
      method: 'GET',
      path: '/identities',
      needs: 'identities:read',
      summary: 'Lists the identities',
      status: 200,
      description: listText('identities'),
      answer: list.answer,
      query: list.query,
      story: identities.list(list),
    },
    {
      method: 'POST',
      path: '/identities',
      needs: 'identities:write',
      summary: 'Creates an identity, before its owner has signed in',
      body: Draft,
      status: 201,
      answer: IdentityBody,
      story: [draft.read, insertIdentity],
    },
    {
      method: 'GET',
      path: '/identities/:id',
      needs: 'identities:read',
      summary: 'Shows an identity',
      status: 200,
      answer: IdentityBody,
      story: [identities.show],
    },
    {
      method: 'PATCH',
      path: '/identities/:id',
      needs: 'identities:write',
      summary: 'Gives an identity to another actor, and ends what was signed in by it',
      body: Patch,
      status: 200,
      answer: IdentityBody,
      story: [patch.read, patchIdentity],
    },
    {
      method: 'DELETE',
      path: '/identities/:id',
      needs: 'identities:write',
      query: RemovalQuery,
      summary:
        'Removes an identity, and ends what was signed in by it; the next sign-in goes by the verified e-mail address again',
      status: 204,
      story: [removeIdentity],
    },
  ]
}

/**
 * Refuses an actor whom the caller may not sign in, and a service account, which does not sign in. An actor that does not
 * exist is refused by the store.
 */
const needPerson = async (ctx: ApiContext, tx: Transaction, actorId: string): Promise<void> => {
  const actor = await tx.get('actors', actorId)
  if (actor === undefined) return
  checkGoverns(ctx, actor.type)
  if (actor.type !== 'service_account') return
  throw invalidBody([{ path: 'actor_id', message: 'is a service account, which does not sign in' }])
}

const toWire = (row: IdentityRow): z.infer<typeof IdentityBody> => ({
  id: row.id,
  actor_id: row.actorId,
  identity_provider_id: row.identityProviderId,
  issuer: row.issuer,
  subject: row.subject,
  created_at: timeOf(row.createdAt),
  updated_at: timeOf(row.updatedAt),
})

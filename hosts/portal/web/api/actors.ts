import { z } from 'zod'
import { EmailAddress } from '../../text/email-address.ts'
import type { Actor } from '../../store/entities.ts'
import { invalidBody } from '../http/problem.ts'
import { collection, existing, idOf } from './collection.ts'
import type { Endpoint } from './endpoint.ts'
import { exactly, flag, isNull, listOf, listText, oneOf, relatedTo } from './list-query.ts'
import type { ApiParts } from './parts.ts'
import { checkGoverns } from './permit.ts'
import { jsonBody } from './read-body.ts'
import { RemovalQuery } from './removal.ts'
import { defined, Name, rowFields, timeOf } from './body-fields.ts'

const Type = z
  .enum(['user', 'helpdesk', 'auditor', 'admin', 'owner', 'service_account'])
  .describe(
    'Role of a person: an owner may do everything; an admin all but making owners and changing identity providers; an auditor reads; the helpdesk has devices and sign-ins; a user has her own pages only',
  )

const NO_ADDRESS = 'a service account does not sign in and has no e-mail address'

const ActorBody = z
  .object({
    ...rowFields,
    type: Type,
    name: z.string(),
    email: z.string().nullable(),
    is_disabled: z.boolean(),
  })
  .meta({ id: 'Actor' })
/** Schema of a new actor. */
export const ActorDraft = z
  .strictObject({
    type: Type.default('user'),
    name: Name,
    email: EmailAddress.nullable().default(null),
    is_disabled: z.boolean().default(false),
  })
  .refine(({ type, email }) => type !== 'service_account' || email === null, { path: ['email'], message: NO_ADDRESS })
const Patch = z.strictObject({
  type: Type.optional(),
  name: Name.optional(),
  email: EmailAddress.nullable().optional(),
  is_disabled: z.boolean().optional(),
})

/** Operations on actors: people and service accounts. */
export const actorEndpoints = ({ store }: ApiParts): Endpoint[] => {
  const draft = jsonBody(ActorDraft)
  const patch = jsonBody(Patch)
  const actors = collection(store, 'actors', toWire)

  const insertActor = actors.insert(async (ctx) => {
    const { type, name, email, is_disabled } = draft.of(ctx)
    checkGoverns(ctx, type)
    return Promise.resolve({ type, name, email, isDisabled: is_disabled })
  })
  const patchActor = actors.patch(async (ctx, tx) => {
    const { type, name, email, is_disabled } = patch.of(ctx)
    const before = await existing(tx, 'actors', idOf(ctx))
    const after = { ...before, ...defined({ type, email }) }
    checkGoverns(ctx, before.type)
    checkGoverns(ctx, after.type)
    if (after.type === 'service_account') {
      if (after.email !== null) throw invalidBody([{ path: 'email', message: NO_ADDRESS }])
    }
    return defined({ type, name, email, isDisabled: is_disabled })
  })

  const removeActor = actors.remove(async (ctx, tx) => {
    checkGoverns(ctx, (await existing(tx, 'actors', idOf(ctx))).type)
  })

  const list = listOf('actors', ActorBody, {
    ...oneOf('type', Type),
    ...exactly('email'),
    ...isNull('email'),
    ...flag('isDisabled'),
    ...relatedTo('groupId', 'Member of a group'),
  })

  return [
    {
      method: 'GET',
      path: '/actors',
      needs: 'actors:read',
      summary: 'Lists the actors',
      status: 200,
      description: listText('actors'),
      answer: list.answer,
      query: list.query,
      story: actors.list(list),
    },
    {
      method: 'POST',
      path: '/actors',
      needs: 'actors:write',
      summary: 'Creates an actor',
      body: ActorDraft,
      status: 201,
      answer: ActorBody,
      story: [draft.read, insertActor],
    },
    {
      method: 'GET',
      path: '/actors/:id',
      needs: 'actors:read',
      summary: 'Shows an actor',
      status: 200,
      answer: ActorBody,
      story: [actors.show],
    },
    {
      method: 'PATCH',
      path: '/actors/:id',
      needs: 'actors:write',
      summary: 'Changes, disables or enables an actor',
      body: Patch,
      status: 200,
      answer: ActorBody,
      story: [patch.read, patchActor],
    },
    {
      method: 'DELETE',
      path: '/actors/:id',
      needs: 'actors:write',
      query: RemovalQuery,
      summary: 'Removes an actor with its memberships, identities, clients and tokens',
      status: 204,
      story: [removeActor],
    },
  ]
}

const toWire = (row: Actor): z.infer<typeof ActorBody> => ({
  id: row.id,
  type: row.type,
  name: row.name,
  email: row.email,
  is_disabled: row.isDisabled,
  created_at: timeOf(row.createdAt),
  updated_at: timeOf(row.updatedAt),
})

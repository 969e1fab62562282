import { z } from 'zod'
import { PERMISSIONS } from '../../identity/permissions.ts'
import { existing } from './collection.ts'
import type { ApiMiddleware, Endpoint } from './endpoint.ts'
import type { ApiParts } from './parts.ts'
import { Id, Time, timeOrNull } from './body-fields.ts'

const MeBody = z
  .object({
    account: z.object({ id: Id, slug: z.string(), name: z.string() }),
    actor: z.object({ id: Id, type: z.string(), name: z.string(), email: z.string().nullable() }),
    token: z
      .object({ id: Id, name: z.string(), expires_at: Time.nullable(), is_emergency: z.boolean() })
      .nullable()
      .describe('Token of the call; null for a call that the portal makes on behalf of a session'),
    scopes: z.array(z.string()).nullable().describe('Scopes of the token; null if it is narrowed by none'),
    permissions: z
      .array(z.string())
      .describe('What the call may do: what the scopes, the actor and the maker of the token have in common'),
  })
  .meta({ id: 'Me' })

/** Operation that tells a caller whose token it has, and what that may do. */
export const meEndpoints = ({ store }: Pick<ApiParts, 'store'>): Endpoint[] => {
  const show: ApiMiddleware = async (ctx) => {
    const { account, actor, authority, by } = ctx.state
    const tokenId = 'tokenId' in by ? by.tokenId : undefined
    const token = tokenId === undefined ? undefined : await existing(store.reader(account.id), 'tokens', tokenId)
    const shown: z.infer<typeof MeBody> = {
      account: { id: account.id, slug: account.slug, name: account.name },
      actor: { id: actor.id, type: actor.type, name: actor.name, email: actor.email },
      token:
        token === undefined
          ? null
          : {
              id: token.id,
              name: token.name,
              expires_at: timeOrNull(token.expiresAt),
              is_emergency: token.isEmergency,
            },
      scopes: authority.scopes === null ? null : [...authority.scopes],
      permissions: PERMISSIONS.filter((each) => authority.permissions.has(each)),
    }
    ctx.body = shown
  }
  return [
    {
      method: 'GET',
      path: '/me',
      needs: null,
      summary: 'Shows whose token this is, and what it may do',
      status: 200,
      answer: MeBody,
      story: [show],
    },
  ]
}

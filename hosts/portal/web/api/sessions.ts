import { z } from 'zod'
import { unixTime } from '../../../../core/runtime/time.ts'
import type { NamedSession } from '../../store/store.ts'
import { notFound } from '../http/problem.ts'
import { Id, Time, timeOf } from './body-fields.ts'
import { existing, idOf, scopeOf } from './collection.ts'
import type { ApiMiddleware, Endpoint } from './endpoint.ts'
import type { ApiParts } from './parts.ts'

const SessionBody = z
  .object({
    id: z.string(),
    browser: z.string().describe('Name of the browser, as it says itself'),
    identity_provider_id: Id.nullable().describe('Provider of the sign-in; null for an emergency code'),
    begun_at: Time,
    expires_at: Time,
  })
  .meta({ id: 'Session' })

/** Operations on a person's sessions: browsers in which she is signed in at the portal. Client tokens are her devices'. */
export const sessionEndpoints = ({ store, clock }: ApiParts): Endpoint[] => {
  const listSessions: ApiMiddleware = async (ctx) => {
    const accountId = ctx.state.account.id
    const actor = await existing(store.reader(accountId), 'actors', idOf(ctx))
    const rows = await store.sessions.listOf({ accountId, actorId: actor.id }, clock.unix())
    ctx.body = { data: rows.map(toWire) }
  }
  const endSession: ApiMiddleware = async (ctx) => {
    const { account, by, clientAddress } = ctx.state
    const actor = await existing(store.reader(account.id), 'actors', idOf(ctx))
    const owner = { accountId: account.id, actorId: actor.id }
    const id = ctx.params['session_id'] ?? ''
    const rows = await store.sessions.listOf(owner, clock.unix())
    if (!rows.some((row) => row.id === id)) throw notFound()
    ctx.status = 204
    if (ctx.state.rehearsal !== undefined || !(await store.sessions.removeOf(owner, id))) return
    await store.recordSignIn(account.id, {
      at: clock.unix(),
      action: 'signed_out',
      reason: 'session_ended',
      by,
      actorId: actor.id,
      identityProviderId: null,
      remoteIp: clientAddress,
    })
  }

  const endEverywhere: ApiMiddleware = async (ctx) => {
    const { account, by, clientAddress } = ctx.state
    const actorId = idOf(ctx)
    await store.transact(scopeOf(ctx), async (tx) => {
      await existing(tx, 'actors', actorId)
      for (const { id, identityProviderId } of await tx.list('tokens', { where: { actorId, kind: 'client' } }))
        if (identityProviderId !== null) await tx.remove('tokens', id)
      await tx.endSessions({ actorId })
    })
    ctx.status = 204
    if (ctx.state.rehearsal !== undefined) return
    await store.recordSignIn(account.id, {
      at: clock.unix(),
      action: 'signed_out',
      reason: 'sessions_ended',
      by,
      actorId,
      identityProviderId: null,
      remoteIp: clientAddress,
    })
  }

  return [
    {
      method: 'GET',
      path: '/actors/:id/sessions',
      needs: 'sessions:read',
      summary: 'Lists the browsers in which a person is signed in at the portal, the latest to end first, 100 at most',
      status: 200,
      answer: z.object({ data: z.array(SessionBody) }),
      story: [listSessions],
    },
    {
      method: 'DELETE',
      path: '/actors/:id/sessions/:session_id',
      needs: 'sessions:write',
      summary: 'Signs a person out of a browser; she may sign in again',
      status: 204,
      story: [endSession],
    },
    {
      method: 'DELETE',
      path: '/actors/:id/sessions',
      needs: 'sessions:write',
      summary: 'Signs a person out of all browsers and clients; she may sign in again',
      description: 'Tokens that an admin made for a client stay: they are no sign-ins.',
      status: 204,
      story: [endEverywhere],
    },
  ]
}

const toWire = ({ id, data, expiresAt }: NamedSession): z.infer<typeof SessionBody> => {
  const { browser, begunAt, identityProviderId } = Stored.parse(JSON.parse(data))
  return {
    id,
    browser,
    identity_provider_id: identityProviderId,
    begun_at: timeOf(unixTime(begunAt)),
    expires_at: timeOf(expiresAt),
  }
}

/** Part of a session's data that is shown. */
const Stored = z.object({
  browser: z.string().default(''),
  begunAt: z.number().default(0),
  identityProviderId: z.string().nullable().default(null),
})

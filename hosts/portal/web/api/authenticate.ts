import { tokenRefusalWords } from '../../identity/token-refusal.ts'
import { permissionsOfToken } from '../../identity/token-scopes.ts'
import type { RefusedCalls } from '../../store/refused-calls.ts'
import type { AuditSubject } from '../../store/store.ts'
import { Problem, problemOf } from '../http/problem.ts'
import type { ApiMiddleware } from './endpoint.ts'
import type { ApiParts } from './parts.ts'

/** Authenticates a call by its API token, and notes what the call may do. The token's actor has a role or is a service account. */
export const authenticate =
  ({ store, tokens }: Pick<ApiParts, 'store' | 'tokens'>): ApiMiddleware =>
  async (ctx, next) => {
    const [, text] = /^Bearer ([A-Za-z0-9._-]{1,512})$/i.exec(ctx.get('authorization')) ?? []
    if (text === undefined) throw unauthenticated('missing_token', 'Send an API token: Authorization: Bearer …')
    const verdict = await tokens.verify(text, 'api')
    const remoteIp = ctx.state.clientAddress
    if (!verdict.ok) {
      if (verdict.genuine !== undefined) {
        const { accountId, tokenId } = verdict.genuine
        ctx.state.caller = { accountId, by: { type: 'system', part: 'api', tokenId, remoteIp } }
      }
      const words = tokenRefusalWords(verdict, 'api')
      throw unauthenticated('invalid_token', words === undefined ? NO_TOKEN : `${words.detail}.`)
    }
    if (verdict.actor === null) throw unauthenticated('invalid_token', NO_TOKEN)
    const { account, actor } = verdict
    const by: AuditSubject = { type: 'actor', actorId: actor.id, via: 'api', tokenId: verdict.token.id, remoteIp }
    ctx.state.caller = { accountId: account.id, by }
    if (actor.type === 'user')
      throw new Problem(403, 'forbidden', 'Only a person with a role, such as an admin, may use the API.')
    ctx.state.account = account
    ctx.state.actor = actor
    ctx.state.by = by
    ctx.state.authority = {
      ...verdict.token,
      permissions: await permissionsOfToken(store.reader(account.id), { token: verdict.token, actor }),
    }
    await next()
  }

/** Audits refused calls that carry a token issued by this portal; calls without one are not audited. */
export const noteRefusals =
  (calls: Pick<RefusedCalls, 'add'>): ApiMiddleware =>
  async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      const { status, code } = problemOf(error)
      const { caller, clientAddress: remoteIp } = ctx.state
      if (caller !== undefined && status < 500) {
        const { method, path } = ctx
        calls.add(caller.accountId, { by: caller.by, method, path, status, code, remoteIp })
      }
      throw error
    }
  }

const NO_TOKEN = 'This is not a token of this portal, or it is incomplete.'

const unauthenticated = (code: string, detail: string): Problem =>
  new Problem(401, code, detail, { headers: { 'WWW-Authenticate': 'Bearer' } })

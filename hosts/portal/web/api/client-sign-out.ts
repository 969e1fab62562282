import type { Middleware } from 'koa'
import type { AuditSubject, Store } from '../../store/store.ts'
import { tokenRefusalWords } from '../../identity/token-refusal.ts'
import type { Tokens } from '../../identity/tokens.ts'
import { Problem } from '../http/problem.ts'

/** Path of a client's sign-out, beside its control channel. */
const PATH = /\/client\/v2\/sign_out$/

/** Whether a path is that of a client's sign-out. */
export const isClientSignOut = (path: string): boolean => PATH.test(path)

/**
 * Answers `POST /client/v2/sign_out` with 204: revokes the client's token that the request carries, and with it all
 * authorizations that rest on it. 401 for a token that is not valid, and so needs no revocation.
 */
export const clientSignOut =
  ({ store, tokens }: { store: Store; tokens: Tokens }): Middleware =>
  async (ctx, next) => {
    if (!isClientSignOut(ctx.path)) return next()
    if (ctx.method !== 'POST') {
      throw new Problem(405, 'method_not_allowed', 'Send a POST.', { headers: { Allow: 'POST' } })
    }
    const [, text = ''] = /^Bearer ([A-Za-z0-9._-]{1,512})$/i.exec(ctx.get('authorization')) ?? []
    const verdict = await tokens.verify(text, 'client')
    if (!verdict.ok || verdict.actor === null) {
      const words = verdict.ok ? undefined : tokenRefusalWords(verdict, 'client')
      const detail = words === undefined ? 'This is no token of this portal.' : `${words.detail}.`
      throw new Problem(401, 'invalid_token', detail, { headers: { 'WWW-Authenticate': 'Bearer' } })
    }
    const { account, actor, token } = verdict
    const remoteIp = String(ctx.state['clientAddress'])
    const by: AuditSubject = { type: 'actor', actorId: actor.id, via: 'sign_in', tokenId: token.id, remoteIp }
    await store.transact({ accountId: account.id, by }, async (tx) => {
      if ((await tx.get('tokens', token.id)) !== undefined) await tx.remove('tokens', token.id)
    })
    ctx.status = 204
  }

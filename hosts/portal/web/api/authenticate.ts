import type { Tokens } from '../../tokens.ts'
import { Problem } from '../problem.ts'
import type { Step } from './endpoint.ts'

/** Who asks: by an API token of an admin or of a service account. */
export const authenticate =
  (tokens: Tokens): Step =>
  async (ctx, next) => {
    const [, text] = /^Bearer ([A-Za-z0-9._-]{1,512})$/i.exec(ctx.get('authorization')) ?? []
    if (text === undefined) throw unauthenticated('missing_token', 'Send an API token: Authorization: Bearer …')
    const verdict = await tokens.verify(text, 'api')
    if (!verdict.ok || verdict.actor === null) {
      throw unauthenticated('invalid_token', 'This token is not, or no longer, good for the API.')
    }
    const { account, actor } = verdict
    if (actor.type === 'user') throw new Problem(403, 'forbidden', 'Only an admin may use the API.')
    ctx.state.account = account
    ctx.state.actor = actor
    ctx.state.by = { type: 'actor', actorId: actor.id, via: 'api' }
    await next()
  }

const unauthenticated = (code: string, detail: string): Problem =>
  new Problem(401, code, detail, { headers: { 'WWW-Authenticate': 'Bearer' } })

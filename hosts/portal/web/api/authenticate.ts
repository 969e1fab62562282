import { tokenRefusalWords } from '../../token-refusal.ts'
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
    if (!verdict.ok) {
      const words = tokenRefusalWords(verdict, 'api')
      throw unauthenticated('invalid_token', words === undefined ? NO_TOKEN : `${words.detail}.`)
    }
    if (verdict.actor === null) throw unauthenticated('invalid_token', NO_TOKEN)
    const { account, actor } = verdict
    if (actor.type === 'user') throw new Problem(403, 'forbidden', 'Only an admin may use the API.')
    ctx.state.account = account
    ctx.state.actor = actor
    ctx.state.by = { type: 'actor', actorId: actor.id, via: 'api' }
    await next()
  }

const NO_TOKEN = 'This is no token of this portal, or not all of it.'

const unauthenticated = (code: string, detail: string): Problem =>
  new Problem(401, code, detail, { headers: { 'WWW-Authenticate': 'Bearer' } })

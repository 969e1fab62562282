// The header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a creation that is sent again is done once.
import { createHmac } from 'node:crypto'
import { uuid } from '../../../../core/runtime/random.ts'
import { DAY, unixTime } from '../../../../core/runtime/time.ts'
import { derivedKey } from '../../identity/secret-key.ts'
import type { KeyOwner } from '../../store/store.ts'
import { Problem, problemOf } from '../http/problem.ts'
import { Seal } from '../http/seal.ts'
import type { ApiContext, ApiMiddleware, Endpoint } from './endpoint.ts'
import type { ApiParts } from './parts.ts'

/** Time for which an answer is kept. */
const KEPT_MS = DAY

/**
 * Form of the header: a structured string (RFC 9651 §3.3.3) without escapes, or the same text bare, as many programs
 * send it.
 */
export const IDEMPOTENCY_KEY_FORM = /^(?:"([ !#-[\]-~]{1,255})"|([A-Za-z0-9_.:~+/=-]{1,255}))$/

/** Whether an operation creates a row, and so takes an `Idempotency-Key`. */
export const isCreation = ({ method, status, body }: Endpoint): boolean =>
  method === 'POST' && status === 201 && body !== undefined

/** Headers of an answer that are kept with it. */
const KEPT_HEADERS = ['Location', 'ETag', 'Cache-Control'] as const

interface KeptAnswer {
  status: number
  body: unknown
  headers: Readonly<Record<string, string>>
}

/**
 * Makes the middleware that carries a creation out once for all calls with the same `Idempotency-Key` and the same
 * validated body, and gives the later ones the first answer. It comes after the middleware that reads the body.
 * Answers are sealed with the portal's key, since one may contain a token, and keys are stored as MACs.
 */
export const onceByKey = (parts: Pick<ApiParts, 'store' | 'clock' | 'random' | 'key'>): ApiMiddleware => {
  const { clock, random, key } = parts
  const { idempotencyKeys: keys } = parts.store
  const macKey = derivedKey(key, 'idempotency')
  const mac = (text: string): string => createHmac('sha256', macKey).update(text).digest('hex')
  const seal = new Seal(derivedKey(key, 'idempotent-answers'), random)

  return async (ctx, next) => {
    const given = ctx.req.headers['idempotency-key']
    const tokenId = 'tokenId' in ctx.state.by ? ctx.state.by.tokenId : undefined
    if (given === undefined || tokenId === undefined) return next()
    const [, quoted, bare] = IDEMPOTENCY_KEY_FORM.exec(String(given)) ?? []
    const text = quoted ?? bare
    if (text === undefined) throw malformedKey()
    const owner: KeyOwner = { accountId: ctx.state.account.id, tokenId, keyHash: mac(`key ${text}`) }
    const name = `${owner.accountId} ${tokenId} ${owner.keyHash}`
    const now = clock.unix()
    const claim = uuid(random)
    const fingerprint = mac(`${ctx.method} ${ctx.path} ${JSON.stringify([ctx.state.query, ctx.state.body])}`)
    const claimed = await keys.claim(owner, { claim, fingerprint, now, expiresAt: unixTime(now + KEPT_MS) })
    switch (claimed.type) {
      case 'full':
        throw tooMany()
      case 'other':
        throw otherBody()
      case 'known': {
        const answer = claimed.answer === undefined ? undefined : seal.open(name, claimed.answer)
        if (answer === undefined) throw underWay()
        return answerAgain(ctx, JSON.parse(answer) as KeptAnswer)
      }
      case 'claimed':
        await next().catch(async (error: unknown) => {
          // Nothing was created. After an error that nobody expected that is not certain, so the key stays taken.
          if (problemOf(error).status !== 500) await keys.release(owner, claim)
          throw error
        })
        // The row is there, so the caller hears so, even if a repetition will not get this answer.
        await keys.finish(owner, claim, seal.seal(name, JSON.stringify(answerOf(ctx)))).catch(() => undefined)
    }
  }
}

const answerOf = (ctx: ApiContext): KeptAnswer => ({
  status: ctx.status,
  body: ctx.body,
  headers: Object.fromEntries(
    KEPT_HEADERS.map((name) => [name, ctx.response.get(name)]).filter(([, value]) => value !== ''),
  ) as Record<string, string>,
})

const answerAgain = (ctx: ApiContext, { status, body, headers }: KeptAnswer): void => {
  ctx.status = status
  ctx.set(headers)
  ctx.set('Idempotent-Replayed', 'true')
  ctx.body = body
}

const malformedKey = (): Problem =>
  new Problem(400, 'invalid_idempotency_key', 'Idempotency-Key has to be 1 to 255 plain characters, such as a UUID.')

const otherBody = (): Problem =>
  new Problem(
    422,
    'idempotency_key_reused',
    'This Idempotency-Key was used for another call: each call that is not a repetition has a key of its own.',
  )

const underWay = (): Problem =>
  new Problem(
    409,
    'idempotency_key_in_use',
    'A call with this Idempotency-Key is under way, or was cut off: ask again soon. If this answer stays, look whether the row is there, and else use another key.',
    { headers: { 'Retry-After': '1' } },
  )

const tooMany = (): Problem =>
  new Problem(
    429,
    'too_many_idempotency_keys',
    'This account used 10,000 idempotency keys within 24 hours: wait, or send calls without one.',
    { headers: { 'Retry-After': '3600' } },
  )

import { tokenRefusalWords } from '../identity/token-refusal.ts'
import type { TokenRefusal, TokenVerdict } from '../identity/tokens.ts'
import type { TokenKind } from '../store/entities.ts'
import { StoreError } from '../store/store-error.ts'
import { Refusal, type RefusalCode } from './refusal.ts'

/** Retry interval for a peer refused because the database is overloaded or unreachable. */
const BUSY_RETRY_SECONDS = 5

/** Returns the refusal of a connect whose token is not valid, where one of the `wanted` kind was expected. */
export const refusalOfToken = (verdict: TokenVerdict & { ok: false }, wanted: TokenKind): Refusal =>
  new Refusal(REFUSAL_OF[verdict.reason], tokenRefusalWords(verdict, wanted))

/** Returns the refusal of a connect that failed with an error. */
export const refusalOf = (error: unknown): Refusal => {
  if (error instanceof Refusal) return error
  const code = error instanceof StoreError ? error.code : undefined
  if (code === 'BUSY') return new Refusal('rate_limit', { retryAfterSeconds: BUSY_RETRY_SECONDS })
  // A released gateway gives up after 15 s unless it is told a time to wait.
  if (code !== 'UNAVAILABLE') {
    return new Refusal('unhandled_connect_error', { retryAfterSeconds: BUSY_RETRY_SECONDS })
  }
  return new Refusal('rate_limit', {
    retryAfterSeconds: BUSY_RETRY_SECONDS,
    reason: 'database_unavailable',
    detail: 'The portal cannot reach its database at the moment: try again later',
  })
}

const REFUSAL_OF: Record<TokenRefusal, RefusalCode> = {
  malformed: 'invalid_token',
  forged: 'invalid_token',
  unknown: 'invalid_token',
  wrong_secret: 'invalid_token',
  wrong_kind: 'invalid_token',
  expired: 'invalid_token',
  provider_disabled: 'invalid_token',
  account_disabled: 'account_disabled',
  actor_disabled: 'unauthenticated',
}

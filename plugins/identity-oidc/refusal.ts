import * as oidc from 'openid-client'
import type { Refusal } from 'portreeve'

/** What to tell the person and the operator of a failed step. Public text names no detail of the provider's answer. */
export const refusalOf = (error: unknown): Refusal => {
  const detail = detailOf(error)
  if (error instanceof oidc.AuthorizationResponseError) {
    return error.error === 'access_denied'
      ? {
          code: 'access_denied',
          publicText: 'The provider says that you declined. Sign in again if you did not mean to.',
          detail,
          tryAgain: true,
        }
      : {
          code: 'provider_refused',
          publicText: 'The provider refused the sign-in. Try again, or ask your administrator.',
          detail,
          tryAgain: true,
        }
  }
  const code = codeOf(error)
  const known = code === undefined ? undefined : KNOWN[code]
  if (known !== undefined) return { ...known, detail }
  return {
    code: 'provider_failed',
    publicText:
      'The identity provider could not complete the sign-in. Try again in a moment; if it stays so, tell your administrator.',
    detail,
    tryAgain: true,
  }
}

/** Refusal of a provider that does not name itself in its answers, and so must not use the callback that others use as well. */
export const needsOwnCallback = (callbackUrl: string): Refusal => ({
  code: 'shared_callback_refused',
  publicText: 'This identity provider is not set up for this portal in a safe way. Tell your administrator.',
  detail: `shared_callback is set, but the provider's discovery document does not say authorization_response_iss_parameter_supported: register ${callbackUrl} at the provider and leave shared_callback out`,
  tryAgain: false,
})

const NOT_BELIEVED =
  'What the identity provider sent could not be verified, so nobody was signed in. Tell your administrator.'
const AGAIN = 'The identity provider has just changed its keys. Please sign in again.'
const STALE = 'This sign-in was not begun in this browser, or too long ago. Please begin again.'
const UNREACHABLE = 'The identity provider cannot be reached. Try again in a moment, or choose another way to sign in.'

const MESSAGES: readonly { pattern: RegExp; code: string }[] = [
  { pattern: /JWT signature verification failed/, code: 'SIGNATURE_INVALID' },
  { pattern: /"state"/, code: 'STATE_MISMATCH' },
]

/** By the stable codes of oauth4webapi's errors, which openid-client passes on. */
const KNOWN: Readonly<Record<string, Omit<Refusal, 'detail'>>> = {
  OAUTH_KEY_SELECTION_FAILED: { code: 'key_unknown', publicText: AGAIN, tryAgain: true },
  SIGNATURE_INVALID: { code: 'signature_invalid', publicText: NOT_BELIEVED, tryAgain: false },
  OAUTH_JWT_CLAIM_COMPARISON_FAILED: { code: 'claim_mismatch', publicText: NOT_BELIEVED, tryAgain: false },
  OAUTH_JWT_TIMESTAMP_CHECK_FAILED: { code: 'token_expired', publicText: NOT_BELIEVED, tryAgain: true },
  OAUTH_UNSUPPORTED_OPERATION: { code: 'algorithm_refused', publicText: NOT_BELIEVED, tryAgain: false },
  OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED: { code: 'issuer_mismatch', publicText: NOT_BELIEVED, tryAgain: false },
  STATE_MISMATCH: { code: 'state_mismatch', publicText: STALE, tryAgain: true },
  OAUTH_INVALID_RESPONSE: { code: 'response_invalid', publicText: NOT_BELIEVED, tryAgain: false },
  OAUTH_TIMEOUT: { code: 'provider_unreachable', publicText: UNREACHABLE, tryAgain: true },
  OAUTH_RESPONSE_IS_NOT_CONFORM: { code: 'provider_unreachable', publicText: UNREACHABLE, tryAgain: true },
  OAUTH_RESPONSE_BODY_ERROR: { code: 'code_refused', publicText: STALE, tryAgain: true },
  UNREACHABLE: { code: 'provider_unreachable', publicText: UNREACHABLE, tryAgain: true },
}

/** The first code in the chain of causes that says something; where one code stands for much, the message decides. */
const codeOf = (error: unknown): string | undefined => {
  let found: string | undefined
  for (let depth = 0, at: unknown = error; depth < 5 && typeof at === 'object' && at !== null; depth++) {
    const { code, message, cause } = at as { code?: unknown; message?: unknown; cause?: unknown }
    if (typeof message === 'string') {
      const told = MESSAGES.find(({ pattern }) => pattern.test(message))
      if (told !== undefined) return told.code
    }
    if (typeof code === 'string') {
      if (code in KNOWN) found ??= code
      else if (/^(E[A-Z_]+|UND_ERR_.*)$/.test(code)) found ??= 'UNREACHABLE'
    }
    at = cause
  }
  return found
}

/** For the operator's log: messages of the chain of causes, without what the provider sent. */
const detailOf = (error: unknown): string => {
  const parts: string[] = []
  for (let at: unknown = error; at instanceof Error && parts.length < 5; at = at.cause)
    parts.push(at.message.slice(0, 300))
  return parts.join(': ') || 'unknown failure'
}

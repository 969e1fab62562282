import * as oidc from 'openid-client'
import type { Refusal } from 'portreeve'
import { OAUTH_ERRORS } from './oauth-errors.ts'

/** Request to the provider that failed. */
export type Stage = 'discovery' | 'token' | 'userinfo'

/**
 * Returns the refusal for a failed step: a public text for the person, without details of the answer, and a detail for
 * the operator.
 */
export const refusalOf = async (error: unknown, stage: Stage): Promise<Refusal> => {
  const named = await namedError(error, stage)
  if (named !== undefined) return refusalNamed(named)
  const detail = `${PLACES[stage]}: ${detailOf(error)}`
  const code = codeOf(error)
  const known = code === undefined ? undefined : KNOWN[code]
  return { ...(known ?? FAILED), detail }
}

/**
 * Returns the refusal for a provider whose answers do not name their issuer, and which therefore must not share a
 * callback URL with others.
 */
export const needsOwnCallback = (callbackUrl: string): Refusal => ({
  code: 'shared_callback_refused',
  publicText: 'This identity provider is not set up for this portal in a safe way. Tell your administrator.',
  detail: `shared_callback is set, but the provider's discovery document does not say authorization_response_iss_parameter_supported: register ${callbackUrl} at the provider and leave shared_callback out`,
  tryAgain: false,
  providerFails: true,
})

/** OAuth error in a provider's answer. */
interface NamedError {
  error: string
  description: string | undefined
  where: string
}

const PLACES: Readonly<Record<Stage, string>> = {
  discovery: 'discovery',
  token: 'token endpoint',
  userinfo: 'userinfo endpoint',
}

const namedError = async (error: unknown, stage: Stage): Promise<NamedError | undefined> => {
  const where = PLACES[stage]
  if (error instanceof oidc.AuthorizationResponseError) {
    return { error: error.error, description: error.error_description, where: 'authorization endpoint' }
  }
  if (error instanceof oidc.ResponseBodyError) {
    return { error: error.error, description: error.error_description, where }
  }
  if (!(error instanceof oidc.WWWAuthenticateChallengeError)) return undefined
  // The error of a 401 answer is in the body at the token endpoint (RFC 6749 §5.2), in the challenge at others (RFC
  // 6750 §3).
  const body = (await error.response
    .clone()
    .json()
    .catch(() => undefined)) as { error?: unknown; error_description?: unknown } | undefined
  const challenge = error.cause.find(({ parameters }) => parameters.error !== undefined)?.parameters
  const fallback = stage === 'userinfo' ? 'invalid_token' : 'invalid_client'
  const told = [body?.error, challenge?.error].find((each) => typeof each === 'string')
  const description = [body?.error_description, challenge?.error_description].find((each) => typeof each === 'string')
  return { error: told ?? fallback, description: description, where }
}

const refusalNamed = ({ error, description, where }: NamedError): Refusal => {
  const { advice, ...words } = (Object.hasOwn(OAUTH_ERRORS, error) ? OAUTH_ERRORS[error] : undefined) ?? {
    publicText: 'The identity provider refused the sign-in. Try again, or ask your administrator.',
    tryAgain: true,
  }
  const told = [where, plain(error), ...(description === undefined ? [] : [plain(description)])].join(': ')
  return {
    code: Object.hasOwn(OAUTH_ERRORS, error) ? error : 'provider_refused',
    detail: advice === undefined ? told : `${told} (${advice})`,
    ...words,
  }
}

/** Shortens a text from the provider and replaces control characters, for log and terminal. */
const plain = (text: string): string => text.slice(0, 300).replaceAll(/[^\x20-\x7e\u00a1-\u{10ffff}]|\p{Cf}/gu, '?')

const NOT_BELIEVED =
  'What the identity provider sent could not be verified, so nobody was signed in. Tell your administrator.'
const AGAIN = 'The identity provider has just changed its keys. Please sign in again.'
const STALE = 'This sign-in was not begun in this browser, or too long ago. Please begin again.'
const UNREACHABLE = 'The identity provider cannot be reached. Try again in a moment, or choose another way to sign in.'
const UNTRUSTED =
  'This portal does not trust the identity provider’s certificate, so nobody was signed in. Tell your administrator.'

const FAILED: Refusal = {
  code: 'provider_failed',
  publicText:
    'The identity provider could not complete the sign-in. Try again in a moment; if it stays so, tell your administrator.',
  tryAgain: true,
  providerFails: true,
}

const MESSAGES: readonly { pattern: RegExp; code: string }[] = [
  { pattern: /JWT signature verification failed/, code: 'SIGNATURE_INVALID' },
  { pattern: /"state"/, code: 'STATE_MISMATCH' },
  { pattern: /unexpected HTTP (?:response )?status code/, code: 'UNEXPECTED_STATUS' },
]

/** Refusals by error code: the stable codes of oauth4webapi, which openid-client passes on, and those of `codeOf`. */
const KNOWN: Readonly<Record<string, Omit<Refusal, 'detail'>>> = {
  OAUTH_KEY_SELECTION_FAILED: { code: 'key_unknown', publicText: AGAIN, tryAgain: true },
  SIGNATURE_INVALID: { code: 'signature_invalid', publicText: NOT_BELIEVED, tryAgain: false },
  OAUTH_JWT_CLAIM_COMPARISON_FAILED: { code: 'claim_mismatch', publicText: NOT_BELIEVED, tryAgain: false },
  OAUTH_JWT_TIMESTAMP_CHECK_FAILED: { code: 'token_expired', publicText: NOT_BELIEVED, tryAgain: true },
  OAUTH_UNSUPPORTED_OPERATION: { code: 'algorithm_refused', publicText: NOT_BELIEVED, tryAgain: false },
  OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED: { code: 'issuer_mismatch', publicText: NOT_BELIEVED, tryAgain: false },
  STATE_MISMATCH: { code: 'state_mismatch', publicText: STALE, tryAgain: true },
  OAUTH_INVALID_RESPONSE: { code: 'response_invalid', publicText: NOT_BELIEVED, tryAgain: false },
  OAUTH_PARSE_ERROR: { code: 'response_invalid', publicText: NOT_BELIEVED, tryAgain: true },
  OAUTH_TIMEOUT: { code: 'provider_unreachable', publicText: UNREACHABLE, tryAgain: true, providerFails: true },
  UNEXPECTED_STATUS: FAILED,
  OAUTH_RESPONSE_IS_NOT_CONFORM: FAILED,
  OAUTH_RESPONSE_IS_NOT_JSON: FAILED,
  UNREACHABLE: { code: 'provider_unreachable', publicText: UNREACHABLE, tryAgain: true, providerFails: true },
  UNTRUSTED: { code: 'provider_untrusted', publicText: UNTRUSTED, tryAgain: false, providerFails: true },
}

/** Codes of OpenSSL and Node for a certificate that is not trusted. */
const CERTIFICATE =
  /^(?:CERT_|CRL_|ERR_TLS_CERT|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/

/** Returns the first known code in the chain of causes; if a code has several meanings, the message decides. */
const codeOf = (error: unknown): string | undefined => {
  let found: string | undefined
  for (let depth = 0, at: unknown = error; depth < 5 && typeof at === 'object' && at !== null; depth++) {
    const { code, message, cause } = at as { code?: unknown; message?: unknown; cause?: unknown }
    if (typeof message === 'string') {
      const told = MESSAGES.find(({ pattern }) => pattern.test(message))
      if (told !== undefined) return told.code
    }
    if (typeof code === 'string') {
      if (CERTIFICATE.test(code)) return 'UNTRUSTED'
      if (code in KNOWN) found ??= code
      else if (/^(E[A-Z_]+|UND_ERR_.*)$/.test(code)) found ??= 'UNREACHABLE'
    }
    at = cause
  }
  return found
}

/**
 * Describes an error for the operator's log: messages of the chain of causes and the answer's status, without its
 * content.
 */
const detailOf = (error: unknown): string => {
  const parts: string[] = []
  let at: unknown = error
  for (; at instanceof Error && parts.length < 5; at = at.cause) {
    const { code } = at as { code?: unknown }
    parts.push(plain(typeof code === 'string' && !at.message.includes(code) ? `${at.message} (${code})` : at.message))
  }
  if (at instanceof Response) parts.push(`status ${at.status}`)
  return parts.join(': ') || 'unknown failure'
}

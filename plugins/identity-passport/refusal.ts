import type { Refusal } from 'portreeve'
import { IdTokenError } from './id-token.ts'
import type { NoIdentity } from './profile-identity.ts'

type Words = Omit<Refusal, 'detail' | 'code'>

const FAILS: Words = {
  publicText:
    'The identity provider could not complete the sign-in. Try again in a moment; if it stays so, tell your administrator.',
  tryAgain: true,
  providerFails: true,
}
const NOT_BELIEVED: Words = {
  publicText:
    'What the identity provider sent could not be verified, so nobody was signed in. Tell your administrator.',
  tryAgain: false,
}
const MISSET: Words = {
  publicText:
    'This identity provider is not set up in a safe way, so nobody can sign in by it. Tell your administrator.',
  tryAgain: false,
  providerFails: true,
}
const UNREACHABLE: Words = {
  publicText: 'The identity provider cannot be reached. Try again in a moment, or choose another way to sign in.',
  tryAgain: true,
  providerFails: true,
}
const STALE: Words = {
  publicText: 'This sign-in was not begun in this browser, or too long ago. Please begin again.',
  tryAgain: true,
}

/** Words of each refusal, by its code. */
const WORDS = {
  access_denied: {
    publicText:
      'The identity provider did not let you in: you declined, or you may not use this portal. Sign in again if you did not mean to, or ask an admin.',
    tryAgain: true,
  },
  too_many_tries: {
    publicText: 'This was tried too often from where you are. Wait a quarter of an hour, then sign in again.',
    tryAgain: true,
  },
  form_used: { publicText: 'This form has signed you in already. Begin again to sign in once more.', tryAgain: true },
  state_mismatch: STALE,
  response_invalid: NOT_BELIEVED,
  issuer_mismatch: NOT_BELIEVED,
  id_token_invalid: NOT_BELIEVED,
  key_unknown: {
    publicText: 'The identity provider has just changed its keys. Please sign in again.',
    tryAgain: true,
  },
  id_token_missing: NOT_BELIEVED,
  subject_mismatch: NOT_BELIEVED,
  id_token_unverified: MISSET,
  nobody_named: MISSET,
  asks_nothing: MISSET,
  keeps_too_much: MISSET,
  strategy_passed: FAILS,
  provider_failed: FAILS,
  provider_unreachable: UNREACHABLE,
  provider_untrusted: {
    publicText:
      'This portal does not trust the identity provider’s certificate, so nobody was signed in. Tell your administrator.',
    tryAgain: false,
    providerFails: true,
  },
} as const satisfies Record<string, Words>

export type RefusalCode = keyof typeof WORDS

/** Makes a refusal with the words of its code, and a detail for the operator. */
export const refusal = (code: RefusalCode, detail?: string): Refusal => ({
  code,
  ...WORDS[code],
  ...(detail === undefined ? {} : { detail }),
})

/** Makes the refusal for a success of a strategy that names nobody, or another person than the ID token. */
export const withoutIdentity = (reason: NoIdentity): Refusal =>
  refusal(
    reason,
    reason === 'nobody_named'
      ? 'the strategy gave a person without an id: name the member in profile.subject'
      : 'the ID token is of another person than what the service told',
  )

/** Makes the refusal for an error of a strategy or a service. Secrets in the error's messages are replaced. */
export const refusalOf = (error: unknown, secrets: Secrets): Refusal => {
  const detail = detailOf(error, secrets)
  if (error instanceof IdTokenError) return refusal(error.isKeyUnknown ? 'key_unknown' : 'id_token_invalid', detail)
  const codes = chainOf(error).map(({ code }) => String(code))
  if (codes.some((code) => CERTIFICATE.test(code))) return refusal('provider_untrusted', detail)
  if (codes.some((code) => UNREACHED.test(code))) return refusal('provider_unreachable', detail)
  return refusal('provider_failed', detail)
}

/** Texts that must not be in a log. */
export type Secrets = ReadonlySet<string>

const MIN_SECRET_CHARACTERS = 4

/** Describes an error by its messages and codes; of an answer only the status, as its body may hold tokens. */
export const detailOf = (error: unknown, secrets: Secrets): string => {
  const parts = chainOf(error).map(({ name, message, code, statusCode }) =>
    [message ?? name, code, typeof statusCode === 'number' ? `status ${statusCode}` : undefined]
      .filter((part) => part !== undefined && part !== '')
      .map(String)
      .join(' '),
  )
  return withoutSecrets(parts.filter((part) => part !== '').join(': ') || 'unknown failure', secrets)
}

/** Replaces secrets in a text, shortens it, and leaves out what moves a terminal. */
export const withoutSecrets = (text: string, secrets: Secrets): string => {
  let shown = text
  for (const secret of secrets) {
    if (secret.length >= MIN_SECRET_CHARACTERS) shown = shown.replaceAll(secret, '[secret]')
  }
  return shown.slice(0, 500).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')
}

interface Failure {
  name?: unknown
  message?: unknown
  code?: unknown
  statusCode?: unknown
  cause?: unknown
  /** Cause of an error of the strategies for OAuth. */
  oauthError?: unknown
}

const chainOf = (error: unknown): Failure[] => {
  const chain: Failure[] = []
  let at = error
  while (chain.length < 5 && at !== undefined && at !== null) {
    const failure: Failure = typeof at === 'object' ? at : { message: at }
    chain.push(failure)
    at = failure.oauthError ?? failure.cause
  }
  return chain
}

const UNREACHED = /^(?:ECONN|EHOST|ENET|EAI_|ENOTFOUND|ETIMEDOUT|EACCES|EPIPE|UND_ERR_|ABORT_ERR)/
const CERTIFICATE =
  /^(?:CERT_|CRL_|ERR_TLS_CERT|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/
